//! The steps behind CONNACK: a message there and back, whether the connection stays, and the shadow.

use std::time::Duration;

use thingwire_std::thingwire_core::host;
use thingwire_std::{
    Notice, Outcome, Publish, Qos, ShadowError, ShadowName, ShadowRequest, Ticket, Topic, Unsent, WhenOffline,
};

use super::advice::Advice;
use super::args::DoctorArguments;
use super::probe::Seen;
use super::report::{Status, Step};
use super::situation::Situation;
use super::walk::{Connection, Trouble};
use crate::failure::{Code, Failure};

/// How often the message is published: right behind a SUBACK it may be missed (B-37).
const TRIES: u32 = 3;
/// How long the connection is watched when the client id may be somebody's.
const STAY: Duration = Duration::from_secs(2);

/// What can be known to be wrong before there is a connection.
pub(super) fn check(arguments: &DoctorArguments, who: &mut Situation) -> Result<(), Failure> {
    who.topic = topic(arguments, who)?.map(|topic| topic.as_str().to_owned());
    shadow(arguments).map(drop)
}

/// Where to publish, if anywhere.
fn topic(arguments: &DoctorArguments, who: &Situation) -> Result<Option<Topic>, Failure> {
    let text = match arguments.topic.as_deref() {
        Some("none") => return Ok(None),
        Some(text) => text.to_owned(),
        None => format!("thingwire/doctor/{}", who.client_id.replace(['+', '#', '/'], "_")),
    };
    Topic::new(text).map(Some).map_err(|error| Failure::usage(format!("--topic: {error}")))
}

fn shadow(arguments: &DoctorArguments) -> Result<Option<ShadowName>, Failure> {
    let Some(thing) = &arguments.thing else { return Ok(None) };
    let named = |flag: &'static str| move |error| Failure::usage(format!("{flag}: {error}"));
    let classic = ShadowName::classic(thing).map_err(named("--thing"))?;
    match &arguments.name {
        Some(name) => ShadowName::named(thing, name).map(Some).map_err(named("--name")),
        None => Ok(Some(classic)),
    }
}

pub(super) fn run(connection: &mut Connection<'_>) -> Result<(), Trouble> {
    if let Some(topic) = topic(connection.arguments, &connection.who)? {
        connection.subscribe(&topic)?;
        connection.publish(&topic)?;
        connection.unsubscribe(topic)?;
    }
    connection.stay()?;
    if let Some(name) = shadow(connection.arguments)? {
        connection.shadow(&name)?;
    }
    Ok(())
}

impl Connection<'_> {
    /// The next notice in this step; `None` when there is none within `limit`.
    fn next(&mut self, step: Step, limit: Duration) -> Result<Option<Notice>, Trouble> {
        let until = self.probe.now() + limit;
        loop {
            match self.probe.next(until) {
                Some(Seen::Notice(Notice::Offline { why: Some(why), .. })) => {
                    return Err(Trouble::of_link(step, &why, &self.who));
                }
                Some(Seen::Notice(notice)) => return Ok(Some(notice)),
                Some(Seen::Stage(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// How an operation ends; `None` when it does not within `limit`.
    fn outcome(&mut self, step: Step, wanted: Ticket, limit: Duration) -> Result<Option<Outcome>, Trouble> {
        let until = self.probe.now() + limit;
        loop {
            let left = until.since(self.probe.now());
            match self.next(step, left)? {
                Some(Notice::Done { ticket, outcome }) if ticket == wanted => return Ok(Some(outcome)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    fn failed(&self, step: Step, advice: Advice, code: Code, text: &str) -> Trouble {
        Trouble { step, advice, failure: Failure::new(code, format!("{}: {text}", self.who.endpoint)) }
    }

    /// An operation that the client does not take, as when the topic is too long for the service.
    fn not_taken(step: Step, what: &str, why: &thingwire_std::Refusal) -> Trouble {
        Trouble { step, advice: Advice::of_setup(), failure: Failure::refusal(what, why) }
    }

    fn operation_timeout(&mut self) -> Duration {
        self.probe.client().config().operation_timeout
    }

    fn subscribe(&mut self, topic: &Topic) -> Result<(), Trouble> {
        let step = Step::Subscribe;
        let (now, flag) = (self.probe.now(), format!("--topic {topic}"));
        let asked = self.probe.client().subscribe(now, vec![(topic.clone().into(), Qos::AtLeastOnce)]);
        let ticket = asked.map_err(|refused| Self::not_taken(step, &flag, &refused.why))?;
        // The client's own timeout comes first, and counts from sending.
        let limit = self.operation_timeout() * 2;
        match self.outcome(step, ticket, limit)? {
            Some(Outcome::Subscribed(grants)) => match grants.first() {
                Some(Some(qos)) => {
                    let line = self.report.line(step, Status::Ok, format!("{topic}, QoS {} granted", *qos as u8));
                    Ok(self.report.write(line.with("topic", topic.as_str()).with("qos", *qos as u8))?)
                }
                _ => {
                    let text = format!("the server refuses the subscription to {topic}");
                    let advice = Advice::of_subscription_refused(topic.as_str(), &self.who);
                    Err(self.failed(step, advice, Code::Refused, &text))
                }
            },
            _ => {
                let advice = Advice::of_subscription_unanswered();
                Err(self.failed(step, advice, Code::Network, &format!("no answer to the subscription to {topic}")))
            }
        }
    }

    fn publish(&mut self, topic: &Topic) -> Result<(), Trouble> {
        let token = host::seed().map_err(Failure::from)?;
        let payload = format!(r#"{{"thingwire":"doctor","token":"{token:016x}"}}"#);
        let limit = self.operation_timeout();
        let mut is_acked = false;
        for _ in 0..TRIES {
            let (now, flag) = (self.probe.now(), format!("--topic {topic}"));
            let asked = self.probe.client().publish(now, Publish::new(topic.clone(), payload.clone()));
            let ticket = asked.map_err(|refused| Self::not_taken(Step::Publish, &flag, &refused.why))?;
            let until = now + limit / TRIES;
            let mut has_arrived = false;
            while !(is_acked && has_arrived) && self.probe.now() < until {
                let step = if is_acked { Step::Receive } else { Step::Publish };
                let left = until.since(self.probe.now());
                match self.next(step, left)? {
                    Some(Notice::Done { ticket: done, outcome: Outcome::Acked }) if done == ticket && !is_acked => {
                        is_acked = true;
                        let line = self.report.line(Step::Publish, Status::Ok, format!("{topic}, acknowledged"));
                        self.report.write(line.with("topic", topic.as_str()))?;
                    }
                    Some(Notice::Message(message)) if message.payload == payload.as_bytes() => has_arrived = true,
                    _ => {}
                }
            }
            if is_acked && has_arrived {
                return Ok(self.tell(Step::Receive, "the message came back")?);
            }
        }
        if !is_acked {
            let text = format!("no acknowledgement of the message to {topic}");
            return Err(self.failed(Step::Publish, Advice::of_publish_unanswered(), Code::Network, &text));
        }
        let text = format!("the message to {topic} was acknowledged, and did not come back");
        let advice = Advice::of_message_missing(topic.as_str(), &self.who);
        Err(self.failed(Step::Receive, advice, Code::Refused, &text))
    }

    /// A stored session would keep it. No policy speaks of this, so that who is cut off here was pushed off.
    fn unsubscribe(&mut self, topic: Topic) -> Result<(), Trouble> {
        let now = self.probe.now();
        if let Ok(ticket) = self.probe.client().unsubscribe(now, vec![topic.into()]) {
            let limit = self.operation_timeout();
            self.outcome(Step::Stay, ticket, limit)?;
        }
        Ok(())
    }

    fn stay(&mut self) -> Result<(), Trouble> {
        let default = if self.who.own_id { STAY } else { Duration::ZERO };
        let span = self.arguments.stay.unwrap_or(default);
        if span.is_zero() {
            return Ok(());
        }
        let until = self.probe.now() + span;
        while self.probe.now() < until {
            let left = until.since(self.probe.now());
            self.next(Step::Stay, left)?;
        }
        Ok(self.tell(Step::Stay, format!("the connection has lasted another {} s", span.as_secs_f32()))?)
    }

    fn shadow(&mut self, name: &ShadowName) -> Result<(), Trouble> {
        let step = Step::Shadow;
        let limit = self.operation_timeout();
        let request = ShadowRequest::get(name.clone()).timeout(limit).when_offline(WhenOffline::Wait);
        let now = self.probe.now();
        let asked = self.probe.client().ask_shadow(now, request);
        let ticket = asked.map_err(|refused| Self::not_taken(step, &format!("shadow {name}"), &refused.why))?;
        let outcome = self.outcome(step, ticket, limit * 2)?.unwrap_or(Outcome::TimedOut);
        let line = match outcome.into_document() {
            Ok(document) => {
                let version = document.version.map_or_else(String::new, |version| format!(", version {version}"));
                let line = self.report.line(step, Status::Ok, format!("{name}{version}"));
                line.with("version", document.version).with("server_time", document.timestamp_secs)
            }
            Err(why) if why.status() == Some(404) => {
                self.report.line(step, Status::Ok, format!("{name}: the service answers, and there is none yet"))
            }
            Err(why) => {
                let code = match &why {
                    ShadowError::Rejected(_) => Code::Rejected,
                    ShadowError::TimedOut => Code::Unanswered,
                    ShadowError::Unsent(Unsent::SubscriptionRefused) | ShadowError::ConnectionClosed { .. } => {
                        Code::Refused
                    }
                    ShadowError::Unsent(_) => Code::Network,
                    _ => Code::Other,
                };
                let advice = Advice::of_shadow(&why, name.thing(), &self.who);
                return Err(self.failed(step, advice, code, &format!("shadow {name}: {why}")));
            }
        };
        Ok(self.report.write(line.with("thing", name.thing()).with("name", name.shadow()))?)
    }
}
