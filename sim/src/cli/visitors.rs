//! Who `thingwire-sim serve` lets in without a certificate.

use crate::double::Visitors;

/// Without any of these, every client needs a certificate, and only MQTT is understood.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Clients without a certificate")]
pub(super) struct VisitorArguments {
    /// Serve WebSockets to whom signs the upgrade with this AWS access key, and tells this session token if there is one. May be
    /// given several times.
    #[arg(long, value_name = "ID:SECRET[:TOKEN]", env = "THINGWIRE_SIM_ACCESS_KEY", hide_env_values = true, value_parser = access_key)]
    access_key: Vec<AccessKey>,
    /// Let in whom this custom authorizer knows, with MQTT and in WebSockets. May be given several times.
    #[arg(long, value_name = "NAME:TOKEN_KEY:TOKEN[:SIGNATURE]", env = "THINGWIRE_SIM_AUTHORIZER", hide_env_values = true,
          value_parser = authorizer)]
    authorizer: Vec<Authorizer>,
    /// Serve WebSockets to everybody, as other brokers do.
    #[arg(long)]
    unsigned_websockets: bool,
}

#[derive(Clone)]
struct AccessKey {
    id: String,
    secret: String,
    token: Option<String>,
}

#[derive(Clone)]
struct Authorizer {
    name: String,
    token_key: String,
    token: String,
    signature: Option<String>,
}

/// No secret is shown.
macro_rules! hidden {
    ($($name:ident)*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

hidden!(AccessKey Authorizer);

impl VisitorArguments {
    pub(super) fn visitors(&self) -> Option<Visitors> {
        let nobody = self.access_key.is_empty() && self.authorizer.is_empty() && !self.unsigned_websockets;
        if nobody {
            return None;
        }
        let mut visitors = if self.unsigned_websockets { Visitors::new().unsigned() } else { Visitors::new() };
        for AccessKey { id, secret, token } in &self.access_key {
            visitors = match token {
                Some(token) => visitors.temporary_key(id, secret, token),
                None => visitors.access_key(id, secret),
            };
        }
        for Authorizer { name, token_key, token, signature } in &self.authorizer {
            visitors = visitors.authorizer(name, token_key, token, signature.as_deref());
        }
        Some(visitors)
    }
}

fn access_key(text: &str) -> Result<AccessKey, String> {
    let mut parts = text.splitn(3, ':').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), Some(secret), token) if !id.is_empty() && !secret.is_empty() => Ok(AccessKey { id, secret, token }),
        _ => Err("expected ID:SECRET or ID:SECRET:TOKEN".to_owned()),
    }
}

fn authorizer(text: &str) -> Result<Authorizer, String> {
    let mut parts = text.splitn(4, ':').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(token_key), Some(token), signature) => Ok(Authorizer { name, token_key, token, signature }),
        _ => Err("expected NAME:TOKEN_KEY:TOKEN or NAME:TOKEN_KEY:TOKEN:SIGNATURE".to_owned()),
    }
}
