//! The driver, for tests that wait.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use thingwire_smol::{Notice, Options, SetupError};

use super::wait::wait;

pub(crate) struct Driver(thingwire_smol::Driver);

impl Driver {
    pub(crate) fn new(options: Options) -> Result<Self, SetupError> {
        thingwire_smol::Driver::new(options).map(Self)
    }

    pub(crate) fn next(&mut self, limit: Option<Duration>) -> Option<Notice> {
        wait(self.0.next(), limit)
    }
}

impl Deref for Driver {
    type Target = thingwire_smol::Driver;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Driver {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
