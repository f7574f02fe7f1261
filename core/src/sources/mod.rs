//! Where credentials come from: the environment, shared files, programs and services. All of them block; drivers ask them
//! on the thread that resolves names.
//!
//! ```
//! use thingwire_core::sources::{CognitoPool, SharedFiles};
//! use thingwire_core::transport::{CredentialsSource, Roots};
//!
//! // What AWS's tools would find: variables, then files.
//! let found = CredentialsSource::default_chain();
//! let of_profile = CredentialsSource::shared_files(SharedFiles::new().with_profile("fleet"));
//! let of_program = CredentialsSource::process("/usr/bin/vending --json").cached();
//! let of_visitor = CredentialsSource::cognito(CognitoPool::new("eu-west-1:11111111-2222", Roots::amazon())?).cached();
//! # let _ = (found, of_profile, of_program, of_visitor);
//! # Ok::<(), thingwire_core::ConfigError>(())
//! ```
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "what a machine knows is outside of the core")]

mod cache;
mod cognito;
mod environment;
mod files;
mod https;
mod iot;
mod process;

pub use cognito::CognitoPool;
pub use environment::Variables;
pub use files::SharedFiles;
pub use iot::IotRole;

use core::time::Duration;

use crate::transport::CredentialsSource;
use cache::Cache;
use environment::Environment;
use process::Process;

/// For how long a service may be silent or slow altogether: less than a client's connect timeout, so that its failure is
/// told by its own name.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(8);

impl CredentialsSource {
    /// The variables `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if they are temporary, `AWS_SESSION_TOKEN`, read
    /// before every link.
    pub fn environment() -> Self {
        Self::environment_of(Variables::of_process())
    }

    /// The same with variables of another kind.
    pub fn environment_of(variables: Variables) -> Self {
        Self::from_provider(Environment(variables))
    }

    /// The files that AWS's tools share, read before every link. Where their profile names a `credential_process`, it
    /// is run as by [`process`](Self::process).
    pub fn shared_files(files: SharedFiles) -> Self {
        Self::from_provider(files).cached()
    }

    /// The first that has some of: the environment, the shared files.
    pub fn default_chain() -> Self {
        Self::chain([Self::environment(), Self::shared_files(SharedFiles::new())])
    }

    /// A program that writes credentials to its standard output, as `credential_process` has it: JSON with `Version` 1,
    /// `AccessKeyId`, `SecretAccessKey`, and if they are temporary `SessionToken` and `Expiration`. It is run without a
    /// shell, has 30 s, and is remembered as by [`cached`](Self::cached).
    pub fn process(command: impl Into<String>) -> Self {
        Self::from_provider(Process::new(command)).cached()
    }

    /// The AWS IoT credentials provider, which exchanges a device's certificate for the credentials of a role.
    /// Remembered as by [`cached`](Self::cached).
    pub fn iot(role: IotRole) -> Self {
        Self::from_provider(role).cached()
    }

    /// An Amazon Cognito identity pool that lets in whoever comes. Remembered as by [`cached`](Self::cached).
    pub fn cognito(pool: CognitoPool) -> Self {
        Self::from_provider(pool).cached()
    }

    /// The same, with what expires remembered: until five minutes before it does, and until the server refuses a link
    /// that is signed with it. When asking again fails although what is remembered is still valid, that is used once
    /// more. What does not expire is asked for before every link.
    #[must_use]
    pub fn cached(self) -> Self {
        Self::from_provider(Cache::new(self))
    }
}
