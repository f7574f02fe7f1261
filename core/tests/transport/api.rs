//! What every type of the API that is not the core's own can do.

use core::error::Error;
use core::fmt::Debug;

use thingwire_core::handle::{NotReady, RunningThing, ThingError, ThingNews, ThingOptions};
use thingwire_core::host::Clock;
use thingwire_core::ports::{OpenPort, PortError};
use thingwire_core::replay::{Replay, ReplayError};
use thingwire_core::thing::{NoPort, Port};
use thingwire_core::trace::{RecordOptions, TraceError};
use thingwire_core::transport::{
    Credentials, CredentialsError, CredentialsSource, Endpoint, EndpointError, Identity, NoCredentials, PemError,
    ProxyConfig, Roots, TlsConfig, WebSocketConfig,
};
use thingwire_core::{Engine, Options, SetupError, handle};

macro_rules! each {
    ($check:ident: $($type:ty),+ $(,)?) => { $($check::<$type>();)+ };
}

#[test]
fn machines_go_from_thread_to_thread() {
    fn check<T: Debug + Send + 'static>() {}
    each!(check: Engine, OpenPort, Replay<'_>, ThingNews, ThingOptions);
}

#[test]
fn settings_and_handles_are_copied_and_shared() {
    fn check<T: Debug + Clone + Send + Sync + 'static>() {}
    fn shared<T: Debug + Send + Sync + 'static>() {}
    each!(check: Clock, Credentials, CredentialsSource, Endpoint, Identity, Options, Port, ProxyConfig, RecordOptions);
    each!(check: Roots, TlsConfig, WebSocketConfig, handle::Client);
    each!(shared: RunningThing);
}

#[test]
fn errors_are_values_that_say_what_is_wrong() {
    fn check<T: Error + Clone + PartialEq + Send + Sync + 'static>() {}
    fn shown<T: Error + Send + Sync + 'static>() {}
    each!(check: CredentialsError, EndpointError, NoPort, NotReady, PemError, PortError, ReplayError, SetupError);
    each!(check: ThingError, TraceError);
    each!(shown: NoCredentials);
}
