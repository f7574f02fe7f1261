//! Ctrl-C and SIGTERM: the first asks for a good end, the second ends at once.

use crate::failure::{Code, Failure};

/// Whether the user has asked for the end.
#[derive(Debug)]
pub(crate) struct Interrupt {
    #[cfg(unix)]
    signal: std::sync::Arc<std::sync::atomic::AtomicI32>,
}

#[cfg(unix)]
impl Interrupt {
    /// From now on, a signal calls `wake` instead of ending the process.
    pub(crate) fn watch(wake: impl Fn() + Send + 'static) -> Result<Self, Failure> {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

        use signal_hook::consts::{SIGINT, SIGTERM};

        let failed = |error: std::io::Error| Failure::new(Code::Other, format!("cannot watch for signals: {error}"));
        let seen = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal only sets what makes the second one end the process.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&seen)).map_err(failed)?;
            signal_hook::flag::register(signal, Arc::clone(&seen)).map_err(failed)?;
        }
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
        let signal = Arc::new(AtomicI32::new(0));
        let last = Arc::clone(&signal);
        let watch = move || {
            for signal in signals.forever() {
                last.store(signal, Ordering::Release);
                wake();
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map_err(failed)?;
        Ok(Self { signal })
    }

    /// Fails, with nothing to say, once there was a signal.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.signal.load(std::sync::atomic::Ordering::Acquire) {
            0 => Ok(()),
            signal_hook::consts::SIGTERM => Err(Failure::new(Code::Terminated, "")),
            _ => Err(Failure::new(Code::Interrupted, "")),
        }
    }
}

/// Where there are no such signals, Ctrl-C ends the process without a goodbye.
#[cfg(not(unix))]
impl Interrupt {
    pub(crate) fn watch(_wake: impl Fn() + Send + 'static) -> Result<Self, Failure> {
        Ok(Self {})
    }

    pub(crate) fn check(&self) -> Result<(), Failure> {
        Ok(())
    }
}
