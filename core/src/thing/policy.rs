//! How a property behaves where there is more than one right way.

use core::time::Duration;

use serde_json::Value;

/// How a property behaves: who wins, what counts as obeyed, what a start does, what is reported.
///
/// `docs/things.md` says which to choose for a lamp, a lock, a heater and a sensor.
///
/// ```
/// use std::time::Duration;
/// use thingwire_core::thing::{Authority, Boot, OnRefusal, Policy};
///
/// // A door that is locked again when somebody opens it by hand.
/// let lock = Policy::new().authority(Authority::Cloud).on_refusal(OnRefusal::Leave);
/// // A thermometer: every half degree, at most every ten seconds, at least every hour.
/// let sensor = Policy::new()
///     .deadband(0.5)
///     .report_at_most_every(Duration::from_secs(10))
///     .report_at_least_every(Duration::from_secs(3600));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[must_use]
pub struct Policy {
    /// When a wish counts as fulfilled. Default: [`Confirm::ReadBack`].
    pub confirm: Confirm,
    /// Who wins when the device changes by itself. Default: [`Authority::Device`].
    pub authority: Authority,
    /// What happens when the program starts. Default: [`Boot::Read`].
    pub boot: Boot,
    /// What becomes of a wish that the device does not fulfil. Default: [`OnRefusal::Snap`].
    pub on_refusal: OnRefusal,
    /// From the device being told to its having obeyed; after that the wish has failed. Default: 60 s.
    pub obey_within: Duration,
    /// Which readings are reported. Default: every one that differs from what the cloud has.
    pub report: ReportLimits,
}

/// When a wish counts as fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirm {
    /// When the device says the new value. For what a device never says, as [`DeviceAck`](Self::DeviceAck).
    ReadBack,
    /// When the component says that the device has obeyed.
    DeviceAck,
    /// At once; taken back if it fails.
    Optimistic,
}

/// Who wins when the device changes by itself, because somebody turned a knob.
///
/// It is not about what the program itself sets: a local edit and a rule are wishes, and move `desired` along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authority {
    /// The device: the change is reported, and `desired` is moved along.
    Device,
    /// The cloud: it is put back, after 0.1 s, and when that does not last, after ever longer waits up to 30 s.
    Cloud,
    /// The device, and what the cloud wished is forgotten: its key is removed from `desired`.
    LocalClears,
}

/// What happens to a property when the program starts.
///
/// A wish that is new to the program is fulfilled in any case.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Boot {
    /// It stays as the device says it is.
    Read,
    /// It becomes what it was last, as far as memory goes.
    Restore,
    /// It becomes what the cloud wishes, also when that was fulfilled once.
    Desired,
    /// It becomes this.
    Value(Value),
}

/// What becomes of a wish that does not fit, that the device refuses, or that it does not fulfil in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnRefusal {
    /// `desired` becomes what the device is.
    Snap,
    /// The key is removed from `desired`.
    Null,
    /// The wish stays where it is, and is not tried again; with [`Authority::Cloud`] it is when the device was gone
    /// and is back, or changes by itself.
    Leave,
}

/// Which readings are reported. A wish fulfilled is reported at once, whatever these say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct ReportLimits {
    /// At least this long between two reports.
    pub min_interval: Option<Duration>,
    /// A number is reported when it differs by this much from what the cloud has.
    pub deadband: Option<f64>,
    /// It is reported again after this long, changed or not.
    pub heartbeat: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            confirm: Confirm::ReadBack,
            authority: Authority::Device,
            boot: Boot::Read,
            on_refusal: OnRefusal::Snap,
            obey_within: Duration::from_secs(60),
            report: ReportLimits::default(),
        }
    }
}

impl Policy {
    /// The defaults: the device wins, and what it says is the truth.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with this rule for what counts as obeyed.
    pub fn confirm(mut self, confirm: Confirm) -> Self {
        self.confirm = confirm;
        self
    }

    /// The same, with this winner when the device changes by itself.
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = authority;
        self
    }

    /// The same, with this at the start of the program.
    pub fn boot(mut self, boot: Boot) -> Self {
        self.boot = boot;
        self
    }

    /// The same, with this for wishes that are not fulfilled.
    pub fn on_refusal(mut self, on_refusal: OnRefusal) -> Self {
        self.on_refusal = on_refusal;
        self
    }

    /// The same, with this much time to obey.
    pub fn obey_within(mut self, span: Duration) -> Self {
        self.obey_within = span;
        self
    }

    /// The same, with at least this long between two reports.
    pub fn report_at_most_every(mut self, span: Duration) -> Self {
        self.report.min_interval = Some(span);
        self
    }

    /// The same, with a report after this long, changed or not.
    pub fn report_at_least_every(mut self, span: Duration) -> Self {
        self.report.heartbeat = Some(span);
        self
    }

    /// The same, with numbers reported when they differ by this much.
    pub fn deadband(mut self, deadband: f64) -> Self {
        self.report.deadband = Some(deadband);
        self
    }
}
