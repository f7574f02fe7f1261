//! Whom we trust.

use core::fmt;
use std::sync::Arc;

use rustls::RootCertStore;

use super::identity::certificates;
use super::pem::{PemError, PemFault, PemPart};

/// The certificates that a server's certificate must lead to. Cheap to clone.
#[derive(Clone)]
pub struct Roots(pub(super) Arc<RootCertStore>);

impl Roots {
    /// One root certificate or several. Fails when there is none, or when any of them cannot be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, PemError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(text, PemPart::Root)? {
            store.add(certificate).map_err(|_| PemPart::Root.fault(PemFault::BadCertificate))?;
        }
        Ok(Self(Arc::new(store)))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("certificates", &self.0.len()).finish_non_exhaustive()
    }
}
