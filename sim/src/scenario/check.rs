//! What a plan can say and no run can be.

use core::fmt;
use core::time::Duration;

use thingwire_core::{Filter, Topic};
use toml::de::DeTable;

use super::Complaint;
use super::place::{Step, value_at};
use crate::plan::{
    AppFault, BrokerFault, ClockFault, Fault, Meddling, Mood, Network, Op, OpKind, Plan, PlannedFault, ShadowFault,
    Span, Trigger, Whim, Workload,
};

/// The longest run: far longer than anybody waits for.
const RUN_MAX: Duration = Duration::from_secs(3_650 * 86_400);
/// The largest payload that a scenario may publish, in bytes; the service takes far less.
const PAYLOAD_MAX: u32 = 1 << 20;
/// The most devices that a scenario may have; larger fleets are for `fleet`.
const DEVICES_MAX: u32 = 100_000;

/// The most shadows of a thing.
const SHADOWS_MAX: u32 = 100;

/// Something that cannot be, and the way to it.
#[derive(Debug)]
pub(super) struct Problem {
    way: Vec<Step>,
    what: String,
    hint: String,
}

impl Problem {
    pub(super) fn complaint(self, doc: &DeTable<'_>) -> Complaint {
        Complaint { span: value_at(doc, &self.way), what: self.what, hint: self.hint }
    }

    /// The same problem, further down.
    fn below(mut self, steps: &[Step]) -> Self {
        self.way.splice(0..0, steps.iter().copied());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.way {
            match step {
                Step::Key(key) => write!(f, "{key} ")?,
                Step::Index(index) => write!(f, "{} ", index + 1)?,
            }
        }
        write!(f, "{} ({})", self.what, self.hint)
    }
}

type Checked = Result<(), Problem>;

/// The first thing in a plan that cannot be.
pub(super) fn check(plan: &Plan) -> Checked {
    lasting("duration", plan.duration)?;
    let fits = plan.duration.0.checked_add(plan.heal.0).is_some_and(|whole| whole <= RUN_MAX);
    demand(fits, "duration", "duration and heal are more than ten years", "make them shorter")?;
    let devices = (1..=DEVICES_MAX).contains(&plan.devices);
    demand(devices, "devices", format!("{} devices", plan.devices), format!("write 1 to {DEVICES_MAX}"))?;
    let client = plan.client.check();
    client.map_err(|(key, why)| problem(key, why, "see the core's Config").below(&[Step::Key("client")]))?;
    network(&plan.network).map_err(|problem| problem.below(&[Step::Key("network")]))?;
    each("workload", &plan.workload, workload)?;
    each("op", &plan.op, |op| self::op(op, plan))?;
    each("fault", &plan.fault, |fault| self::fault(fault, plan))
}

fn each<T>(key: &'static str, items: &[T], check: impl Fn(&T) -> Checked) -> Checked {
    for (index, item) in items.iter().enumerate() {
        check(item).map_err(|problem| problem.below(&[Step::Key(key), Step::Index(index)]))?;
    }
    Ok(())
}

fn network(network: &Network) -> Checked {
    demand(network.segment_len_max > 0, "segment-len-max", "no byte would ever arrive", "write at least 1")?;
    demand(network.send_buffer > 0, "send-buffer", "no byte could ever be sent", "write at least 1")
}

fn workload(workload: &Workload) -> Checked {
    match workload {
        Workload::Publish { topic, topics, qos, every, burst, size, expires_in, .. } => {
            traffic(topic, *topics, *qos, *every, *burst, *size)?;
            expires_in.map_or(Ok(()), |span| lasting("expires-in", span))
        }
        Workload::Inbound { topic, topics, qos, every, burst, size, .. } => {
            traffic(topic, *topics, *qos, *every, *burst, *size)
        }
        Workload::Churn { filter, filters, every } => {
            self::filter("filter", filter)?;
            demand(*filters > 0, "filters", "no filter to choose from", "write at least 1")?;
            lasting("every", *every)
        }
        Workload::Meddle { every } => lasting("every", *every),
        Workload::Shadow { thing, shadows, every, burst, .. } => {
            self::shadows(workload, thing, *shadows, *every)?;
            demand(*burst > 0, "burst", "no request at a time", "write at least 1")
        }
        Workload::Cloud { thing, shadows, every, .. } => self::shadows(workload, thing, *shadows, *every),
    }
}

fn shadows(workload: &Workload, thing: &str, shadows: u32, every: Span) -> Checked {
    let named = workload.shadows("device-0").map(|_| ());
    named.map_err(|error| problem("thing", format!("{thing:?}: {error}"), "write the name of a thing, or {id}"))?;
    let what = format!("{shadows} shadows");
    demand((1..=SHADOWS_MAX).contains(&shadows), "shadows", what, format!("write 1 to {SHADOWS_MAX}"))?;
    lasting("every", every)
}

fn traffic(topic: &str, topics: u32, qos: u8, every: Span, burst: u32, size: u32) -> Checked {
    self::topic(topic)?;
    demand(topics > 0, "topics", "no topic to spread over", "write at least 1")?;
    self::qos(qos)?;
    lasting("every", every)?;
    demand(burst > 0, "burst", "no message at a time", "write at least 1")?;
    payload(size)
}

fn op(op: &Op, plan: &Plan) -> Checked {
    device(op.device, plan)?;
    moment(op.at, plan)?;
    let checked = match &op.kind {
        OpKind::Start | OpKind::Stop | OpKind::Discard { .. } | OpKind::Pause { .. } => Ok(()),
        OpKind::Publish { topic, qos, size, .. } | OpKind::Inbound { topic, qos, size } => {
            self::topic(topic).and_then(|()| self::qos(*qos)).and_then(|()| payload(*size))
        }
        OpKind::Subscribe { filters, qos } => self::qos(*qos).and_then(|()| self::filters(filters)),
        OpKind::Unsubscribe { filters } => self::filters(filters),
    };
    checked.map_err(|problem| problem.below(&[Step::Key("do"), Step::Key(op_key(&op.kind))]))
}

fn op_key(kind: &OpKind) -> &'static str {
    match kind {
        OpKind::Publish { .. } => "publish",
        OpKind::Inbound { .. } => "inbound",
        OpKind::Subscribe { .. } => "subscribe",
        OpKind::Unsubscribe { .. } => "unsubscribe",
        OpKind::Start | OpKind::Stop | OpKind::Discard { .. } | OpKind::Pause { .. } => "",
    }
}

fn fault(planned: &PlannedFault, plan: &Plan) -> Checked {
    device(planned.device, plan)?;
    match planned.when {
        Trigger::At(at) => moment(at, plan)?,
        Trigger::OnPhase { nth, .. } | Trigger::OnSent { nth, .. } | Trigger::OnAnswer { nth, .. } => {
            let counted = demand(nth > 0, "nth", "times are counted from 1", "write at least 1");
            counted.map_err(|problem| problem.below(&[Step::Key("when")]))?;
        }
        Trigger::OnQueued(_) => {}
    }
    planned.lasts.map_or(Ok(()), |span| lasting("for", span))?;
    what(&planned.fault).map_err(|problem| problem.below(&[Step::Key("do")]))
}

fn what(fault: &Fault) -> Checked {
    match fault {
        Fault::Shape(shape) => network(shape).map_err(|problem| problem.below(&[Step::Key("shape")])),
        Fault::SmallWrites(most) => {
            demand(*most > 0, "small-writes", "a socket that takes nothing", "write at least 1")
        }
        Fault::Meddle { every, how, .. } => {
            let nested = |problem: Problem| problem.below(&[Step::Key("meddle")]);
            demand(*every > 0, "every", "every 0 of them is none", "write at least 1").map_err(nested)?;
            match how {
                Meddling::Delay(span) => lasting("how", *span).map_err(nested),
                Meddling::Duplicate(0) => {
                    Err(nested(problem("how", "0 times more changes nothing", "write at least 1")))
                }
                Meddling::ReturnCode(0) => Err(nested(problem("how", "return code 0 is no refusal", "write 1 to 255"))),
                _ => Ok(()),
            }
        }
        Fault::Shadows(mood) => self::mood(mood).map_err(|problem| problem.below(&[Step::Key("shadows")])),
        Fault::Broker(BrokerFault::Refuse(0)) => Err(problem("broker", "code 0 is no refusal", "write 1 to 255")),
        Fault::Broker(BrokerFault::SlowConnack(span)) => lasting("broker", *span),
        Fault::Clock(
            ClockFault::Late(span) | ClockFault::Spurious(span) | ClockFault::Coarse(span) | ClockFault::Back(span),
        ) => lasting("clock", *span),
        Fault::App(AppFault::Burst(0)) => Err(problem("app", "a burst of nothing", "write at least 1")),
        Fault::ShadowService(ShadowFault::Slow(span)) => lasting("shadow-service", *span),
        Fault::Connect(_)
        | Fault::Cut { .. }
        | Fault::Vanish
        | Fault::Hold(_)
        | Fault::Inject(_)
        | Fault::FlipBit(_)
        | Fault::Broker(_)
        | Fault::ShadowService(_)
        | Fault::Clock(_)
        | Fault::App(_) => Ok(()),
    }
}

fn mood(mood: &Mood) -> Checked {
    demand(mood.every > 0, "every", "every 0 of them is none", "write at least 1")?;
    match mood.how {
        Whim::Delay(span) => lasting("how", span),
        Whim::Duplicate(0) => Err(problem("how", "0 times more changes nothing", "write at least 1")),
        Whim::OlderVersion(0) => Err(problem("how", "0 lower changes nothing", "write at least 1")),
        Whim::Reject(code) if !(400..600).contains(&code) => {
            Err(problem("how", format!("{code} is no rejection"), "write 400 to 599"))
        }
        _ => Ok(()),
    }
}

fn device(device: u32, plan: &Plan) -> Checked {
    let last = plan.devices - 1;
    let hint = if last == 0 { "there is one device, number 0".to_owned() } else { format!("write 0 to {last}") };
    demand(device <= last, "device", format!("there is no device {device}"), hint)
}

fn moment(at: Span, plan: &Plan) -> Checked {
    let what = format!("{at} is after the end of the run's {}", plan.duration);
    demand(at <= plan.duration, "at", what, "make it earlier, or the duration longer")
}

fn lasting(key: &'static str, span: Span) -> Checked {
    demand(span > Span::default(), key, "0 is no span of time here", "write at least 1us")?;
    demand(span.0 <= RUN_MAX, key, "it is more than ten years", "make it shorter")
}

fn qos(qos: u8) -> Checked {
    demand(qos <= 1, "qos", format!("QoS {qos}"), "AWS IoT Core has 0 and 1")
}

fn payload(size: u32) -> Checked {
    let what = format!("a payload of {size} bytes");
    let hint = format!("write 8 to {PAYLOAD_MAX}: the first 8 bytes say which message it is");
    demand((8..=PAYLOAD_MAX).contains(&size), "size", what, hint)
}

fn topic(topic: &str) -> Checked {
    Topic::new(topic).map(|_| ()).map_err(|error| problem("topic", format!("{topic:?}: {error}"), "write a topic"))
}

fn filters(filters: &[String]) -> Checked {
    demand(!filters.is_empty(), "filters", "no filter", "write at least one")?;
    filters.iter().try_for_each(|filter| self::filter("filters", filter))
}

fn filter(key: &'static str, filter: &str) -> Checked {
    Filter::new(filter).map(|_| ()).map_err(|error| problem(key, format!("{filter:?}: {error}"), "write a filter"))
}

fn demand(holds: bool, key: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(problem(key, what, hint)) }
}

fn problem(key: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem { way: vec![Step::Key(key)], what: what.into(), hint: hint.into() }
}
