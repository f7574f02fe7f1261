//! What a running thing is made of.

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::lock::Lock;
use crate::ports::{OpenPort, PortError, PortFault};
use crate::thing::{BuildError, Port, ThingBuilder};
use crate::{BackoffConfig, Jitter, SetupError, ShadowName};

/// A thing that is to run: its devices, its shadow, where the devices are, and where its memory is kept.
#[derive(Debug)]
#[must_use]
pub struct ThingOptions {
    pub(crate) builder: ThingBuilder,
    pub(crate) shadow: ShadowName,
    pub(crate) ports: Vec<(String, Opener)>,
    pub(crate) memory: Option<PathBuf>,
    pub(crate) reopen: BackoffConfig,
}

impl ThingOptions {
    /// A thing without ports and without a memory.
    pub fn new(builder: ThingBuilder, shadow: ShadowName) -> Self {
        let reopen = BackoffConfig {
            base: Duration::from_millis(250),
            max: Duration::from_secs(8),
            stable: Duration::from_secs(10),
            floor: Duration::ZERO,
            jitter: Jitter::None,
        };
        Self { builder, shadow, ports: Vec::new(), memory: None, reopen }
    }

    /// The device of this component is there. A component without a port is spoken to from the beginning: it has what it
    /// needs in itself, like a pin of a processor.
    pub fn port(mut self, component: impl Into<String>, port: impl Into<Port>) -> Self {
        self.ports.push((component.into(), Opener::Port(port.into())));
        self
    }

    /// The device of this component is behind what `open` opens. It is called where it may block, again after every
    /// failure and every end, never twice at a time. `name` is for people.
    pub fn port_with(
        mut self,
        component: impl Into<String>,
        name: impl Into<String>,
        open: impl FnMut() -> io::Result<OpenPort> + Send + 'static,
    ) -> Self {
        let custom = Custom { name: name.into(), open: Lock::new(Box::new(open)) };
        self.ports.push((component.into(), Opener::Custom(Arc::new(custom))));
        self
    }

    /// The thing's memory is kept in this file, so that a wish done before the program ended is not done again. A file
    /// that is not there is an empty memory; one that cannot be read or written is told, and nothing else stops.
    pub fn memory(mut self, path: impl Into<PathBuf>) -> Self {
        self.memory = Some(path.into());
        self
    }

    /// How long to wait before a port is opened again that could not be, or that was lost. Default: 0.25 s, doubled each
    /// time up to 8 s, and anew once it was open for 10 s.
    pub fn reopen(mut self, reopen: BackoffConfig) -> Self {
        self.reopen = reopen;
        self
    }
}

/// What opens a port.
#[derive(Clone)]
pub(crate) enum Opener {
    Port(Port),
    Custom(Arc<Custom>),
}

type Open = dyn FnMut() -> io::Result<OpenPort> + Send;

pub(crate) struct Custom {
    name: String,
    open: Lock<Box<Open>>,
}

impl Opener {
    pub(crate) fn open(&self) -> Result<OpenPort, PortError> {
        match self {
            Self::Port(port) => OpenPort::open(port),
            Self::Custom(custom) => {
                let opened = (custom.open.lock())();
                opened.map_err(|error| self.error(PortFault::of(&error)))
            }
        }
    }

    /// What is wrong with the port that it opens.
    pub(crate) fn error(&self, why: PortFault) -> PortError {
        PortError { port: self.to_string(), why }
    }
}

impl fmt::Display for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => port.fmt(f),
            Self::Custom(custom) => f.write_str(&custom.name),
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a thing does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThingError {
    /// It contradicts itself.
    Build(BuildError),
    /// A port is for a component that it does not have.
    NoSuchComponent {
        /// The name.
        name: String,
    },
    /// A component has two ports.
    TwoPorts {
        /// Its name.
        name: String,
    },
    /// The operating system does not give what it takes.
    Setup(SetupError),
}

impl fmt::Display for ThingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => error.fmt(f),
            Self::NoSuchComponent { name } => write!(f, "a port is for a component {name:?}, which there is not"),
            Self::TwoPorts { name } => write!(f, "the component {name:?} has two ports: leave one out"),
            Self::Setup(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ThingError {}
