//! Who wants to go where, as far as it changes what a failure means.

use thingwire_std::{Options, Security};

use super::endpoint::{self, Kind};
use crate::args::ConnectionArguments;

/// How the device proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// With its certificate.
    Certificate,
    /// With a signature by AWS credentials, in a WebSocket.
    Signature,
    /// By a custom authorizer.
    Authorizer,
    /// With a user name and a password, or not at all.
    Password,
}

#[derive(Debug, Clone)]
pub(super) struct Situation {
    /// The endpoint, as messages have it.
    pub(super) endpoint: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) kind: Kind,
    pub(super) region: Option<String>,
    pub(super) way: Way,
    pub(super) is_tls: bool,
    pub(super) has_proxy: bool,
    pub(super) client_id: String,
    /// Whether the user has chosen it.
    pub(super) own_id: bool,
    /// Where a message is sent to, if anywhere.
    pub(super) topic: Option<String>,
    /// The id of the device's certificate in AWS IoT Core.
    pub(super) certificate_id: Option<String>,
}

impl Situation {
    pub(super) fn new(arguments: &ConnectionArguments, options: &Options) -> Self {
        let (tls, is_tls) = match &options.security {
            Security::Tls(tls) => (Some(tls), true),
            _ => (None, false),
        };
        let is_signed = options.websocket.as_ref().is_some_and(|websocket| websocket.credentials().is_some());
        let way = if is_signed {
            Way::Signature
        } else if options.authorizer.is_some() {
            Way::Authorizer
        } else if tls.is_some_and(|tls| tls.device().is_some()) {
            Way::Certificate
        } else {
            Way::Password
        };
        let (kind, region) = endpoint::kind(options.endpoint.host());
        Self {
            endpoint: options.endpoint.to_string(),
            host: options.endpoint.host().to_owned(),
            port: options.endpoint.port(),
            kind,
            region,
            way,
            is_tls,
            has_proxy: options.proxy.is_some(),
            client_id: options.config.client_id.clone(),
            own_id: arguments.client_id.is_some(),
            topic: None,
            certificate_id: tls.and_then(|tls| tls.device_id()).map(str::to_owned),
        }
    }

    /// How to look at the certificate as the service has it.
    pub(super) fn describe_certificate(&self) -> String {
        let id = self.certificate_id.as_deref().unwrap_or("ID");
        let region = self.region.as_deref().map_or_else(String::new, |region| format!(" --region {region}"));
        format!("aws iot describe-certificate{region} --certificate-id {id}: it should be there, and ACTIVE.")
    }

    /// What a policy has to allow, and where it is attached.
    pub(super) fn policy(&self, action: &str, resource: &str) -> String {
        let place = match self.way {
            Way::Certificate => "the policy attached to the certificate",
            Way::Signature => "the IAM policy of the credentials (and for Cognito identities an IoT policy as well)",
            Way::Authorizer => "the policy that the authorizer's function returns",
            Way::Password => "the policy",
        };
        format!("{place} should allow {action} on {resource}.")
    }

    /// What to do about a client id that the user has not chosen.
    pub(super) fn invented_id(&self) -> Option<String> {
        (!self.own_id).then(|| {
            format!(
                "--client-id: this call has made up {:?}, and policies often allow only the thing's name.",
                self.client_id
            )
        })
    }
}
