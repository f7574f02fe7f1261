//! Whom we trust.

use core::fmt;
use std::sync::Arc;

use rustls::RootCertStore;

use super::identity::certificates;
use super::pem::{PemError, PemFault, PemPart};

/// The certificates that a server's certificate must lead to. Cheap to clone.
///
/// ```
/// use thingwire_core::transport::Roots;
///
/// let of_the_service = Roots::amazon();
/// assert!(Roots::from_pem(b"no certificate").is_err());
/// # let _ = of_the_service;
/// ```
#[derive(Clone)]
pub struct Roots(pub(super) Arc<RootCertStore>);

/// Told where it comes from at its top.
const AMAZON: &[u8] = include_bytes!("amazon-roots.pem");

impl Roots {
    /// The roots of AWS services: Amazon Root CA 1 to 4, and Starfield Services Root Certificate Authority - G2, which
    /// has signed those for old clients. All endpoints of AWS IoT Core with `-ats` in their names lead to one of them.
    /// They are data in this crate, and expire from 2037 on.
    ///
    /// For a device that stays in the field longer than its roots, or for a server of one's own, there is
    /// [`from_pem`](Self::from_pem).
    #[expect(clippy::missing_panics_doc, reason = "what is read is part of the crate, and a test reads it")]
    pub fn amazon() -> Self {
        Self::from_pem(AMAZON).expect("a test reads them")
    }

    /// One root certificate or several. Fails when there is none, or when any of them cannot be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, PemError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(text, PemPart::Root)? {
            store.add(certificate).map_err(|_| PemPart::Root.fault(PemFault::BadCertificate))?;
        }
        Ok(Self(Arc::new(store)))
    }

    /// Those of many certificates that can be used; `None` when there is none.
    #[cfg(feature = "system-roots")]
    pub(crate) fn from_usable(certificates: Vec<rustls::pki_types::CertificateDer<'static>>) -> Option<Self> {
        let mut store = RootCertStore::empty();
        let (usable, _unusable) = store.add_parsable_certificates(certificates);
        (usable > 0).then(|| Self(Arc::new(store)))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots").field("certificates", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "system-roots"))]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    #[test]
    fn of_many_roots_those_that_can_be_used_are() {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
        let garbage = rustls::pki_types::CertificateDer::from(vec![0x30, 3, 1, 2, 3]);
        let roots = Roots::from_usable(vec![garbage.clone(), root]).unwrap();
        assert_eq!(roots.0.len(), 1);
        assert!(Roots::from_usable(vec![garbage]).is_none() && Roots::from_usable(Vec::new()).is_none());
    }
}
