//! What stands in for the outside world when thingwire is tested.
//!
//! * [`advisor`]: the MQTT cases of AWS IoT Core Device Advisor.
//! * [`broker`]: a strict model of an MQTT 3.1.1 server with AWS IoT Core's rules, as a pure state machine.
//! * [`double`]: the same model behind real loopback sockets, a local AWS IoT Core for anybody's tests.
//! * [`mosquitto`]: a real Mosquitto as a child process, to check the model and the client against a second server.
//! * [`proxies`]: real proxies as child processes, for the client to go through.
//! * [`pki`]: the certificates and keys all of them need.
//! * [`world`]: devices, the model broker and networks that break, on a virtual clock.
//! * [`plan`]: everything that decides a run: clients, network, work and faults.
//! * [`fleet`]: how long a whole fleet takes to come back, and at what price.
//! * [`scenario`]: plans as files, in which ranges are drawn.
//! * [`profile`]: plans made from a seed.
//! * [`catalogue`]: every fault by its number, with what is expected of a client.
//! * [`campaign`]: many seeds, and the report about them.
//! * [`check`](mod@check): the simulator in a test of your own.
//! * [`shrink`]: the smallest plan that still fails in the same way.
//! * [`choices`]: the one place where a run lets anything be decided.
//! * [`field`]: lives recorded on devices, replayed, judged and compared.
//! * [`shadow`]: a model of the device shadow service, as a pure state machine.
//! * [`thing`](mod@thing): devices that speak lines, cables that break, and whole things with their shadows.
//! * [`trace`]: what a run looks like from outside.
//! * [`tap`]: cuts bytes into the packets of a trace.
//! * [`oracle`]: what must hold in every run.
//! * [`picture`]: runs and campaigns as text, drawings and pages.
//! * [`run`]: one run of a plan, and what came of it.

pub mod advisor;
pub mod broker;
pub mod campaign;
pub mod catalogue;
pub mod check;
pub mod choices;
pub mod cli;
pub mod digest;
pub mod double;
pub mod field;
pub mod fleet;
pub mod mosquitto;
pub mod oracle;
pub mod picture;
pub mod pki;
pub mod plan;
pub mod profile;
pub mod proxies;
mod rate;
pub mod run;
pub mod scenario;
pub mod shadow;
pub mod shrink;
pub mod tap;
pub mod thing;
pub mod trace;
pub mod world;
