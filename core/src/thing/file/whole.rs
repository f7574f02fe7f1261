//! What a file says of the thing as a whole: its name, and how its properties behave.

use core::ops::Range;
use core::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::ordered::InOrder;
use super::table::Table;
use super::{ThingFile, Wrong};
use crate::ShadowName;
use crate::thing::{
    Authority, Boot, Confirm, DataBits, FlowControl, OnRefusal, Parity, Policy, Port, SerialPort, StopBits,
};

/// What stands beside the devices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    thing: Option<Spanned<String>>,
    shadow: Option<Spanned<String>>,
    #[serde(default)]
    never_write_desired: bool,
    batch_ms: Option<u64>,
    read_every_ms: Option<u64>,
    #[serde(default)]
    policies: InOrder<Spanned<PolicyEntry>>,
    pub(super) components: Option<Vec<Spanned<Table>>>,
}

impl Head {
    /// The keys of the above that stand beside those of an only device.
    pub(super) const KEYS: &[&str] =
        &["thing", "shadow", "never_write_desired", "batch_ms", "read_every_ms", "policies"];

    /// By the names of the properties.
    pub(super) fn policy_spans(&self) -> Vec<(String, Range<usize>)> {
        self.policies.0.iter().map(|(name, _)| (name.get_ref().clone(), name.span())).collect()
    }

    /// The thing without its components.
    pub(super) fn apply(self, wrong: &mut Wrong<'_>) -> ThingFile {
        if let Some(thing) = &self.thing {
            if let Err(error) = ShadowName::classic(thing.get_ref()) {
                wrong(thing.span(), error.to_string());
            }
        }
        if let Some(shadow) = &self.shadow {
            if let Err(error) = ShadowName::named("any", shadow.get_ref()) {
                wrong(shadow.span(), error.to_string());
            }
        }
        let mut policies = Vec::new();
        for (name, entry) in self.policies.0 {
            let (span, entry) = (entry.span(), entry.into_inner());
            policies.push((name.into_inner(), entry.policy(&span, wrong)));
        }
        ThingFile {
            thing: self.thing.map(Spanned::into_inner),
            shadow: self.shadow.map(Spanned::into_inner),
            components: Vec::new(),
            policies,
            never_write_desired: self.never_write_desired,
            batch: self.batch_ms.map(Duration::from_millis),
            read_every: self.read_every_ms.map(Duration::from_millis),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyEntry {
    confirm: Option<ConfirmEntry>,
    authority: Option<AuthorityEntry>,
    boot: Option<BootEntry>,
    /// What [`Boot::Value`] has.
    boot_value: Option<Value>,
    on_refusal: Option<RefusalEntry>,
    obey_within_ms: Option<u64>,
    report_at_most_every_ms: Option<u64>,
    report_at_least_every_ms: Option<u64>,
    deadband: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ConfirmEntry {
    ReadBack,
    DeviceAck,
    Optimistic,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AuthorityEntry {
    Device,
    Cloud,
    LocalClears,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BootEntry {
    Read,
    Restore,
    Desired,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RefusalEntry {
    Snap,
    Null,
    Leave,
}

impl PolicyEntry {
    fn policy(self, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Policy {
        let mut policy = Policy::new();
        if let Some(confirm) = self.confirm {
            policy.confirm = match confirm {
                ConfirmEntry::ReadBack => Confirm::ReadBack,
                ConfirmEntry::DeviceAck => Confirm::DeviceAck,
                ConfirmEntry::Optimistic => Confirm::Optimistic,
            };
        }
        if let Some(authority) = self.authority {
            policy.authority = match authority {
                AuthorityEntry::Device => Authority::Device,
                AuthorityEntry::Cloud => Authority::Cloud,
                AuthorityEntry::LocalClears => Authority::LocalClears,
            };
        }
        if let Some(on_refusal) = self.on_refusal {
            policy.on_refusal = match on_refusal {
                RefusalEntry::Snap => OnRefusal::Snap,
                RefusalEntry::Null => OnRefusal::Null,
                RefusalEntry::Leave => OnRefusal::Leave,
            };
        }
        match (self.boot, self.boot_value) {
            (Some(_), Some(_)) => wrong(span.clone(), "only one of `boot` and `boot_value` can be".to_owned()),
            (None, Some(value)) => policy.boot = Boot::Value(value),
            (Some(BootEntry::Restore), None) => policy.boot = Boot::Restore,
            (Some(BootEntry::Desired), None) => policy.boot = Boot::Desired,
            (Some(BootEntry::Read) | None, None) => {}
        }
        policy.obey_within = self.obey_within_ms.map_or(policy.obey_within, Duration::from_millis);
        policy.report.min_interval = self.report_at_most_every_ms.map(Duration::from_millis);
        policy.report.heartbeat = self.report_at_least_every_ms.map(Duration::from_millis);
        policy.report.deadband = self.deadband;
        for (key, is_zero) in [
            ("obey_within_ms", self.obey_within_ms == Some(0)),
            ("report_at_least_every_ms", self.report_at_least_every_ms == Some(0)),
        ] {
            if is_zero {
                wrong(span.clone(), format!("`{key}` must not be zero"));
            }
        }
        if self.deadband.is_some_and(|deadband| !deadband.is_finite() || deadband < 0.0) {
            wrong(span.clone(), "`deadband` must not be negative".to_owned());
        }
        policy
    }
}

/// Where a device is: exactly one of the kinds, and what belongs to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortEntry {
    serial: Option<String>,
    tcp: Option<String>,
    unix: Option<String>,
    baud: Option<u32>,
    data_bits: Option<u8>,
    parity: Option<ParityEntry>,
    stop_bits: Option<u8>,
    flow: Option<FlowEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ParityEntry {
    None,
    Even,
    Odd,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FlowEntry {
    None,
    Hardware,
    Software,
}

impl PortEntry {
    pub(super) fn port(self, span: &Range<usize>, wrong: &mut Wrong<'_>) -> Option<Port> {
        let mut wrong = |problem: &str| wrong(span.clone(), problem.to_owned());
        let of_serial = [
            self.baud.is_some(),
            self.data_bits.is_some(),
            self.parity.is_some(),
            self.stop_bits.is_some(),
            self.flow.is_some(),
        ];
        if self.serial.is_none() && of_serial.contains(&true) {
            wrong("`baud`, `data_bits`, `parity`, `stop_bits` and `flow` belong to a `serial` port");
        }
        match (&self.serial, &self.tcp, &self.unix) {
            (Some(_), None, None) => Some(self.serial_port(&mut wrong).into()),
            (None, Some(address), None) => match address.parse() {
                Ok(port @ Port::Tcp { .. }) => Some(port),
                Ok(_) | Err(_) => {
                    wrong("`tcp` is HOST:PORT");
                    None
                }
            },
            (None, None, Some(path)) if !path.is_empty() => Some(Port::unix(path)),
            _ => {
                wrong("a port has exactly one of `serial`, `tcp` and `unix`");
                None
            }
        }
    }

    fn serial_port(self, wrong: &mut dyn FnMut(&str)) -> SerialPort {
        let path = self.serial.unwrap_or_default();
        if path.is_empty() {
            wrong("`serial` is the path of a serial port, as in /dev/serial/by-id");
        }
        let mut serial = Port::serial(path);
        serial.baud = self.baud.unwrap_or(serial.baud);
        if serial.baud == 0 {
            wrong("`baud` must not be zero");
        }
        match self.data_bits {
            None | Some(8) => {}
            Some(7) => serial.data_bits = DataBits::Seven,
            Some(_) => wrong("`data_bits` is 7 or 8"),
        }
        match self.stop_bits {
            None | Some(1) => {}
            Some(2) => serial.stop_bits = StopBits::Two,
            Some(_) => wrong("`stop_bits` is 1 or 2"),
        }
        serial.parity = match self.parity {
            None | Some(ParityEntry::None) => Parity::None,
            Some(ParityEntry::Even) => Parity::Even,
            Some(ParityEntry::Odd) => Parity::Odd,
        };
        serial.flow = match self.flow {
            None | Some(FlowEntry::None) => FlowControl::None,
            Some(FlowEntry::Hardware) => FlowControl::Hardware,
            Some(FlowEntry::Software) => FlowControl::Software,
        };
        serial
    }
}
