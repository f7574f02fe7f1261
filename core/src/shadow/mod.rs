//! The words for device shadows: which one, what is asked of it, what is told of it.
//!
//! Rules S-n are those of the service.

mod answer;
mod document;
mod event;
mod name;
mod request;
mod update;

pub use self::answer::ShadowError;
pub use self::document::{Delta, Document, Documents, Section, Snapshot, WrongType};
pub use self::event::{Malformed, ShadowEvent, ShadowNotice};
pub use self::name::{NameError, ShadowName};
pub use self::request::{ShadowOperation, ShadowRequest, ShadowWatch, WhenOffline};
pub use self::update::{ShadowUpdate, UpdateError};
