//! Whose AWS credentials sign the upgrade of a WebSocket.

use clap::Args;
use thingwire_std::thingwire_core::host;
use thingwire_std::{CognitoPool, CredentialsSource, IotRole, SetupError, SharedFiles};

use crate::args::ConnectionArguments;
use crate::failure::Failure;
use crate::ways;

/// Where they come from. With none of these flags: from the environment, otherwise from the shared files.
#[derive(Debug, Args)]
#[command(next_help_heading = "AWS credentials for --websocket, at most one source")]
pub(crate) struct CredentialsArguments {
    /// Take this profile of the files that AWS's tools share, `~/.aws/credentials` and `~/.aws/config`, or those that
    /// the variables `AWS_SHARED_CREDENTIALS_FILE` and `AWS_CONFIG_FILE` name. Without any of these flags, the
    /// variables `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` come first, then the profile that
    /// `AWS_PROFILE` names, then the profile default.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_PROFILE")]
    profile: Option<String>,
    /// Exchange --cert and --key for credentials, at this endpoint of type `iot:CredentialProvider`; at port 443 if it
    /// has none.
    #[arg(long, value_name = "HOST[:PORT]", env = "THINGWIRE_CREDENTIALS_ENDPOINT")]
    credentials_endpoint: Option<String>,
    /// The role alias to take there.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_ROLE_ALIAS")]
    role_alias: Option<String>,
    /// The thing that the certificate is attached to, for policies that name it.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_ROLE_THING")]
    role_thing: Option<String>,
    /// Be an unauthenticated identity of this identity pool of Amazon Cognito.
    #[arg(long, value_name = "REGION:ID", env = "THINGWIRE_COGNITO_POOL")]
    cognito_pool: Option<String>,
}

impl CredentialsArguments {
    /// Whether the certificate is for the credentials, and not for the server.
    pub(crate) fn are_for_a_certificate(&self) -> bool {
        self.credentials_endpoint.is_some()
    }

    /// What excludes or needs each other.
    pub(crate) fn check(&self, is_signed: bool, has_certificate: bool) -> Result<(), Failure> {
        let Self { profile, credentials_endpoint, role_alias, role_thing, cognito_pool } = self;
        let sources = [profile, credentials_endpoint, cognito_pool].into_iter().flatten().count();
        let rules = [
            (
                credentials_endpoint.is_some() != role_alias.is_some(),
                "--credentials-endpoint and --role-alias need each other: give both or neither",
            ),
            (
                role_thing.is_some() && credentials_endpoint.is_none(),
                "--role-thing is told to a credentials endpoint: give --credentials-endpoint as well",
            ),
            (
                sources > 1,
                "--profile, --credentials-endpoint and --cognito-pool are mutually exclusive: leave out all but one",
            ),
            (
                sources > 0 && !is_signed,
                "--profile, --credentials-endpoint and --cognito-pool are for signed WebSockets: give --websocket, and \
                 leave out --unsigned, --plain and custom authorizers",
            ),
            (
                credentials_endpoint.is_some() && !has_certificate,
                "--credentials-endpoint wants the device's certificate: give --cert and --key",
            ),
        ];
        let broken = rules.into_iter().find(|(is_broken, _)| *is_broken);
        broken.map_or(Ok(()), |(_, rule)| Err(Failure::usage(rule)))
    }

    /// The source that the flags describe; they have been checked, so that what a source needs is there.
    pub(crate) fn source(&self, arguments: &ConnectionArguments) -> Result<CredentialsSource, Failure> {
        let Self { profile, credentials_endpoint, role_alias, cognito_pool, .. } = self;
        let ConnectionArguments { ca, cert, key, .. } = arguments;
        match (profile, credentials_endpoint, role_alias, cognito_pool, ca, cert, key) {
            (_, Some(endpoint), Some(alias), _, Some(ca), Some(cert), Some(key)) => {
                let role = IotRole::new(endpoint, alias, host::identity(cert, key)?, ca.roots()?);
                let role = role.map_err(|error| Failure::usage(format!("--credentials-endpoint: {error}")))?;
                self.role(role, arguments)
            }
            (.., Some(pool), Some(ca), _, _) => {
                let mut source = CognitoPool::new(pool, ca.roots()?).map_err(SetupError::from)?;
                if let Some(proxy) = ways::proxy(&arguments.ways, source.endpoint())? {
                    source = source.with_proxy(proxy);
                }
                Ok(CredentialsSource::cognito(source))
            }
            (Some(name), ..) => Ok(CredentialsSource::shared_files(SharedFiles::new().with_profile(name))),
            _ => Ok(CredentialsSource::default_chain()),
        }
    }

    fn role(&self, mut role: IotRole, arguments: &ConnectionArguments) -> Result<CredentialsSource, Failure> {
        if let Some(thing) = &self.role_thing {
            role = role.with_thing(thing);
        }
        if let Some(proxy) = ways::proxy(&arguments.ways, role.endpoint())? {
            role = role.with_proxy(proxy);
        }
        Ok(CredentialsSource::iot(role))
    }
}
