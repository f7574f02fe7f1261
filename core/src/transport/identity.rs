//! Certificates and keys from PEM.

/// stub
#[derive(Debug, Clone)]
pub struct Identity;
/// stub
#[derive(Debug, Clone)]
pub struct Roots;
/// Why PEM text is unusable. Never contains any of it: the library's own words may hold the whole private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PemError {}

impl core::fmt::Display for PemError {
    fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        Ok(())
    }
}

impl Identity {
    /// A certificate chain, the device's own first, and its private key (PKCS#8, PKCS#1 or SEC1).
    pub fn from_pem(_certificate: &[u8], _key: &[u8]) -> Result<Self, PemError> {
        Ok(Self)
    }
}

impl Roots {
    /// The certificates that a server's certificate must lead to.
    pub fn from_pem(_certificates: &[u8]) -> Result<Self, PemError> {
        Ok(Self)
    }
}
