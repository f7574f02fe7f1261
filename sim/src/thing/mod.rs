//! Things on a virtual clock: devices, their components, and the shadow service.

pub mod joined;
