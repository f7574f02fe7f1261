//! The simulator's behaviour, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker_chunks;
mod broker_connect;
mod broker_limits;
mod broker_presence;
mod broker_publish;
mod broker_saved;
mod broker_scale;
mod broker_sessions;
mod broker_shadows;
mod broker_subscribe;
mod broker_violations;
mod dependencies;
mod device_advisor;
mod disorder;
mod double;
mod faults;
mod lives;
mod mosquitto;
mod mutants;
mod packets;
mod pki;
#[cfg(unix)]
mod rumqttc;
mod serve;
mod smoke;
mod state;
mod things;
mod tidy;
mod world;
