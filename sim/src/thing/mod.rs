//! Things on a virtual clock: devices, their components, and the shadow service.
//!
//! [`SimDevice`] is the other end of a table: it has the properties, answers the questions and obeys the commands.
//! [`Cable`] carries bytes to it and back, with faults. [`Stand`] joins a component, a cable and a device. In
//! [`joined`] worlds, whole things keep their shadows in step.

mod cable;
mod device;
pub mod joined;
pub mod soak;
mod stand;

pub use cable::{Cable, Faults, Way};
pub use device::{By, Manners, SimDevice, Written};
pub use stand::{Happened, Stand};
