//! Things and their components: what a device speaks on one side, its shadow on the other.
//!
//! Pure, as everything here: a [`Component`] is told what its device says, and says what to send to it.

mod component;

pub use component::{
    Access, Component, ComponentAction, ComponentEvent, Failure, Note, Property, PropertyId, SetId, Unfit,
};
