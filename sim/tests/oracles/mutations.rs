//! Lives with one thing changed: each oracle sees what it is there for.

use core::fmt::Write as _;
use core::time::Duration;

use thingwire_core::{Instant, LinkError, Notice, Outcome, Phase, Qos, Refusal};
use thingwire_sim::oracle::{CheckedBy, Oracle};
use thingwire_sim::trace::{Operation, Packet, Record, What};

use crate::lives::{self, Life};
use crate::rig::published;
use crate::right::judge;
use crate::shadows;

type Records = Vec<Record>;
type Mutation = (Oracle, &'static str, Life, fn(&mut Records));

const MUTATIONS: [Mutation; 66] = [
    (Oracle::S1, "an end is not told", lives::plain, |r| drop(r.remove(nth(r, 3, is_acked)))),
    (Oracle::S1, "an end is told twice", lives::plain, |r| twice(r, nth(r, 3, is_acked))),
    (Oracle::S1, "a ticket is used again", lives::plain, |r| {
        let at = nth(r, 4, |what| matches!(what, What::Accepted { .. }));
        if let What::Accepted { ticket, .. } = &mut r[at].what {
            *ticket = 2;
        }
    }),
    (Oracle::S2, "acknowledged before the answer", lives::plain, |r| {
        let at = nth(r, 0, is_acked);
        let answer = nth(r, 0, |what| matches!(what, What::Received(_, Packet::Puback(_))));
        let end = r.remove(at);
        r.insert(answer, end);
    }),
    (Oracle::S2, "acknowledged in another order", lives::plain, |r| {
        let (one, other) = (nth(r, 3, is_acked), nth(r, 4, is_acked));
        swap(r, one, other);
        let answer = nth(r, 4, |what| matches!(what, What::Received(_, Packet::Puback(_))));
        let answer = r.remove(answer);
        let before = nth(r, 3, |what| matches!(what, What::Received(_, Packet::Puback(_))));
        r.insert(before + 1, answer);
    }),
    (Oracle::S2, "a message of QoS 0 is said to be acknowledged", lives::plain, |r| {
        change(
            r,
            0,
            |what| matches!(what, What::Finished { outcome: Outcome::Sent, .. }),
            |what| {
                if let What::Finished { outcome, .. } = what {
                    *outcome = Outcome::Acked;
                }
            },
        );
    }),
    (Oracle::S3, "another id is taken for the answer", lives::requests, |r| {
        change(
            r,
            0,
            |what| matches!(what, What::Received(_, Packet::Puback(5))),
            |what| {
                *what = What::Received(1, Packet::Puback(77));
            },
        );
    }),
    (Oracle::S4, "an id in use", lives::plain, |r| publish(r, 4, |publish| publish.id -= 1)),
    (Oracle::S4, "id 0", lives::plain, |r| publish(r, 0, |publish| publish.id = 0)),
    (Oracle::S5, "the id of what timed out", lives::requests, |r| publish(r, 0, |publish| publish.id = 4)),
    (Oracle::S6, "DUP on a first sending", lives::plain, |r| publish(r, 0, |publish| publish.dup = true)),
    (Oracle::S6, "no DUP on a resend", lives::resumed, |r| publish(r, 3, |publish| publish.dup = false)),
    (Oracle::S6, "DUP on a new session", lives::resumed, |r| publish(r, 9, |publish| publish.dup = true)),
    (Oracle::S7, "sent in another order", lives::plain, |r| {
        let (one, other) = (nth(r, 3, is_publish), nth(r, 4, is_publish));
        swap(r, one, other);
    }),
    (Oracle::S7, "resent in another order", lives::resumed, |r| {
        let (one, other) = (nth(r, 3, is_publish), nth(r, 4, is_publish));
        swap(r, one, other);
    }),
    (Oracle::S7, "new before resent", lives::resumed, |r| {
        let (one, other) = (nth(r, 5, is_publish), nth(r, 6, is_publish));
        swap(r, one, other);
    }),
    (Oracle::S7, "sent again on a live link", lives::plain, |r| {
        let at = nth(r, 0, is_publish);
        twice(r, at);
        publish(r, 1, |publish| publish.dup = true);
    }),
    (Oracle::S8, "more in flight than allowed", lives::plain, |r| {
        change(
            r,
            0,
            |what| matches!(what, What::Holds(holds) if holds.in_flight == 5),
            |what| {
                if let What::Holds(holds) = what {
                    holds.in_flight = 6;
                }
            },
        );
    }),
    (Oracle::S9, "another is evicted", lives::full, |r| {
        change(r, 0, is_evicted, |what| *what = What::Finished { ticket: 2, outcome: Outcome::Evicted });
    }),
    (Oracle::S9, "nothing is evicted", lives::full, |r| drop(r.remove(nth(r, 0, is_evicted)))),
    (Oracle::S9, "refused too early", lives::drained, |r| {
        let refused = nth(r, 0, |what| matches!(what, What::Refused { .. }));
        let mut refused = r.remove(refused);
        refused.at = Instant::EPOCH;
        r.insert(0, refused);
    }),
    (Oracle::S9, "accepted although full", lives::drained, |r| {
        let at = nth(r, 0, |what| matches!(what, What::Refused { .. }));
        if let What::Refused { operation, .. } = &r[at].what {
            r[at].what = What::Accepted { ticket: 1_000, operation: operation.clone() };
        }
    }),
    (Oracle::S9, "refused as if the queue were off", lives::drained, |r| {
        change(
            r,
            0,
            |what| matches!(what, What::Refused { .. }),
            |what| {
                if let What::Refused { why, .. } = what {
                    *why = Refusal::Offline;
                }
            },
        );
    }),
    (Oracle::S10, "the count is wrong", lives::drained, |r| {
        change(
            r,
            4,
            |what| matches!(what, What::Holds(_)),
            |what| {
                if let What::Holds(holds) = what {
                    holds.queued += 1;
                }
            },
        );
    }),
    (Oracle::S10, "a message that nobody asked for", lives::plain, |r| publish(r, 0, |publish| publish.tag = 99)),
    (Oracle::S10, "a message changes its topic", lives::resumed, |r| {
        publish(r, 0, |publish| publish.topic.0 += 1);
    }),
    (Oracle::S11, "another wait", lives::failures, |r| {
        change(r, 2, is_failed, |what| {
            if let What::Told(Notice::Failed { retry_in, .. }) = what {
                *retry_in = Some(Duration::from_secs(3));
            }
        });
    }),
    (Oracle::S11, "a wait that is too long after jitter", lives::jitter, |r| {
        change(r, 0, is_failed, |what| {
            if let What::Told(Notice::Failed { retry_in, .. }) = what {
                *retry_in = Some(Duration::from_secs(4));
            }
        });
    }),
    (Oracle::S11, "the attempts are not counted", lives::failures, |r| {
        change(r, 2, is_attempting, |what| *what = What::Told(Notice::Attempting { attempt: 1 }));
    }),
    (Oracle::S11, "no attempt follows", lives::failures, |r| {
        end_at(r, nth(r, 1, is_attempting));
    }),
    (Oracle::S12, "a second link", lives::plain, |r| {
        let mut dial = r[nth(r, 0, |what| matches!(what, What::Dial(_)))].clone();
        dial.what = What::Dial(2);
        dial.at = r[10].at;
        r.insert(11, dial);
    }),
    (Oracle::S12, "CONNECT too soon", lives::failures, |r| {
        let mut connect = r[nth(r, 0, |what| matches!(what, What::Sent(_, Packet::Connect { .. })))].clone();
        let second = nth(r, 1, |what| matches!(what, What::Sent(_, Packet::Connect { .. })));
        connect.at = r[second].at;
        r.insert(second, connect);
    }),
    (Oracle::S13, "sent on a dead link", lives::resumed, |r| {
        let down = nth(r, 0, |what| matches!(what, What::Down(..)));
        let mut sent = r[nth(r, 0, is_publish)].clone();
        sent.at = r[down].at;
        r.insert(down + 1, sent);
    }),
    (Oracle::S13, "online twice", lives::plain, |r| {
        let at = nth(r, 0, |what| matches!(what, What::Told(Notice::Online { .. })));
        twice(r, at);
    }),
    (Oracle::S13, "a link after a stop", lives::stops, |r| {
        let dial = What::Dial(99);
        let end = r.len() - 1;
        let at = r[end].at;
        r.insert(end, Record { at, device: 0, what: dial });
    }),
    (Oracle::S13, "ready too early", lives::drained, |r| {
        let ready = nth(r, 0, |what| matches!(what, What::Told(Notice::Ready)));
        let mut ready = r.remove(ready);
        let at = nth(r, 1, is_publish);
        ready.at = r[at].at;
        r.insert(at, ready);
    }),
    (Oracle::S13, "the end is not told", lives::resumed, |r| {
        drop(r.remove(nth(r, 0, |what| matches!(what, What::Told(Notice::Offline { .. })))));
    }),
    (Oracle::S14, "CONNECT twice", lives::plain, |r| {
        let at = nth(r, 0, |what| matches!(what, What::Sent(_, Packet::Connect { .. })));
        twice(r, at);
    }),
    (Oracle::S14, "sent before CONNACK", lives::plain, |r| {
        drop(r.remove(nth(r, 0, |what| matches!(what, What::Received(_, Packet::Connack { .. })))));
    }),
    (Oracle::S15, "a renewal is not answered", lives::renewed, |r| {
        drop(r.remove(nth(r, 2, |what| matches!(what, What::Received(_, Packet::Suback(..))))));
    }),
    (Oracle::S15, "a renewal is not sent", lives::renewed, |r| {
        drop(r.remove(nth(r, 2, |what| matches!(what, What::Sent(_, Packet::Subscribe(..))))));
    }),
    (Oracle::S15, "a lost session is taken for a kept one", lives::renewed, |r| {
        change(
            r,
            1,
            |what| matches!(what, What::Received(_, Packet::Connack { .. })),
            |what| {
                *what = What::Received(2, Packet::Connack { present: true, code: 0 });
            },
        );
    }),
    (Oracle::S15, "a refused renewal is not told", lives::renewed, |r| {
        drop(r.remove(nth(r, 0, |what| matches!(what, What::Told(Notice::SubscriptionLost { .. })))));
    }),
    (Oracle::S16, "a backlog is sent too fast", lives::drained, |r| {
        let at = nth(r, 2, is_publish);
        let mut sent = r.remove(at);
        let before = nth(r, 1, is_publish);
        sent.at = r[before].at;
        r.insert(before + 1, sent);
    }),
    (Oracle::S16, "more a second than allowed", lives::plain, |r| {
        let first = nth(r, 50, is_publish);
        let at = r[first].at;
        for record in &mut r[first..] {
            if is_publish(&record.what) || matches!(record.what, What::Finished { .. }) {
                record.at = at;
            }
        }
        r.sort_by_key(|record| record.at);
    }),
    (Oracle::S17, "a PUBACK is not sent", lives::inbound, |r| drop(r.remove(nth(r, 0, is_sent_puback)))),
    (Oracle::S17, "a PUBACK waits", lives::inbound, |r| {
        let puback = nth(r, 0, is_sent_puback);
        let mut publish = r[nth(r, 0, is_publish)].clone();
        publish.at = r[puback].at;
        r.insert(puback, publish);
    }),
    (Oracle::S18, "no PINGREQ", lives::silence, |r| drop(r.remove(nth(r, 1, is_ping)))),
    (Oracle::S18, "PINGREQ twice", lives::silence, |r| twice(r, nth(r, 1, is_ping))),
    (Oracle::S18, "PINGREQ too early", lives::silence, |r| {
        let mut ping = r.remove(nth(r, 0, is_ping));
        let ready = nth(r, 0, |what| matches!(what, What::Told(Notice::Ready)));
        ping.at = r[ready].at;
        r.insert(ready, ping);
    }),
    (Oracle::S19, "an attempt without end", lives::failures, |r| {
        end_at(r, nth(r, 0, |what| matches!(what, What::Close(_))));
    }),
    (Oracle::S21, "the link lives on", lives::hostile, |r| {
        drop(r.remove(nth(r, 0, |what| matches!(what, What::Close(_)))));
    }),
    (Oracle::S21, "what comes behind is delivered", lives::hostile, |r| {
        let at = nth(r, 0, |what| matches!(what, What::Received(_, Packet::Malformed)));
        let message = published(0, false, Qos::AtMostOnce, b"in", 1, 8);
        let at_time = r[at].at;
        r.insert(at + 1, Record { at: at_time, device: 0, what: What::Delivered(message) });
    }),
    (Oracle::S22, "a message is not delivered", lives::inbound, |r| drop(r.remove(nth(r, 1, is_delivered)))),
    (Oracle::S22, "a message is delivered twice", lives::inbound, |r| twice(r, nth(r, 1, is_delivered))),
    (Oracle::S22, "acknowledged out of order", lives::manual, |r| {
        let (one, other) = (nth(r, 0, is_sent_puback), nth(r, 1, is_sent_puback));
        swap(r, one, other);
    }),
    (Oracle::S22, "acknowledged before the application does", lives::manual, |r| {
        drop(r.remove(nth(r, 0, |what| matches!(what, What::Acknowledged(_)))));
    }),
    (Oracle::S23, "another grant is told", lives::requests, |r| {
        change(
            r,
            0,
            |what| matches!(what, What::Finished { outcome: Outcome::Subscribed(_), .. }),
            |what| {
                if let What::Finished { outcome, .. } = what {
                    *outcome = Outcome::Subscribed(vec![Some(Qos::AtLeastOnce), None]);
                }
            },
        );
    }),
    (Oracle::S24, "a new session is said to be resumed", lives::plain, |r| {
        change(
            r,
            0,
            |what| matches!(what, What::Told(Notice::Online { .. })),
            |what| {
                *what = What::Told(Notice::Online { resumed: true });
            },
        );
    }),
    (Oracle::S29, "time goes back", lives::plain, |r| {
        let at = r.len() / 2;
        r[at].at = Instant::EPOCH;
    }),
    (Oracle::S31, "the deadline does not move", lives::silence, |r| {
        let wake = nth(r, 0, |what| matches!(what, What::Wake { .. }));
        let deadline = wake + nth(&r[wake..], 0, |what| matches!(what, What::Deadline(_)));
        r[deadline].what = What::Deadline(Some(r[deadline].at));
    }),
    (Oracle::S31, "steps without end", lives::plain, |r| {
        let deadline = nth(r, 2, |what| matches!(what, What::Deadline(_)));
        for _ in 0..10_000 {
            twice(r, deadline);
        }
    }),
    (Oracle::S34, "not given up", lives::poison_for_too_long, |_| ()),
    (Oracle::S34, "given up too early", lives::poison, |r| {
        change(r, 0, is_given_up, |what| {
            if let What::Finished { outcome, .. } = what {
                *outcome = Outcome::ConnectionClosed { times: 2 };
            }
        });
    }),
    (Oracle::S35, "another reason", lives::failures, |r| {
        change(r, 1, is_failed, |what| {
            if let What::Told(Notice::Failed { why, .. }) = what {
                *why = Some(LinkError::ClosedBeforeConnack);
            }
        });
    }),
    (Oracle::S35, "dead too early", lives::silence, |r| {
        change(
            r,
            0,
            |what| matches!(what, What::Told(Notice::Offline { .. })),
            |what| {
                if let What::Told(Notice::Offline { why, .. }) = what {
                    *why = Some(LinkError::Closed);
                }
            },
        );
    }),
];

const LATE: [Mutation; 17] = [
    (Oracle::S33, "something is left", lives::healed, |r| drop(r.remove(nth(r, 3, is_acked)))),
    (Oracle::L1, "never online again", lives::healed, |r| {
        let healed = nth(r, 0, |what| *what == What::Healed);
        let end = r.len() - 1;
        r.drain(healed + 1..end);
    }),
    (Oracle::L2, "never acknowledged", lives::healed, |r| {
        let end = r.len() - 1;
        let last = nth(r, 9, |what| matches!(what, What::Received(_, Packet::Puback(_))));
        r.drain(last..end);
    }),
    (Oracle::L3, "nothing is sent any more", lives::healed, |r| {
        let end = r.len() - 1;
        let third = nth(r, 3, is_publish);
        r.drain(third..end);
    }),
    (Oracle::L4, "a subscription is forgotten", lives::healed, |r| {
        r.remove(nth(r, 1, |what| matches!(what, What::Sent(_, Packet::Subscribe(..)))));
        r.remove(nth(r, 1, |what| matches!(what, What::Received(_, Packet::Suback(..)))));
    }),
    (Oracle::L5, "a request without an answer goes on", lives::requests, |r| {
        drop(r.remove(nth(r, 0, |what| matches!(what, What::Finished { outcome: Outcome::TimedOut, .. }))));
    }),
    (Oracle::L5, "a request ends too early", lives::requests, |r| {
        let mut end = r.remove(nth(r, 0, |what| matches!(what, What::Finished { outcome: Outcome::TimedOut, .. })));
        let sent = nth(r, 3, |what| matches!(what, What::Sent(_, Packet::Subscribe(..) | Packet::Unsubscribe(..))));
        end.at = r[sent].at;
        r.insert(sent + 1, end);
    }),
    (Oracle::L5, "a message does not expire", lives::full, |r| {
        drop(r.remove(nth(r, 0, |what| matches!(what, What::Finished { outcome: Outcome::Expired, .. }))));
    }),
    (Oracle::L5, "a message expires too early", lives::full, |r| {
        change(
            r,
            6,
            |what| matches!(what, What::Accepted { .. }),
            |what| {
                if let What::Accepted { operation: Operation::Publish(_, expires_at), .. } = what {
                    *expires_at = Some(Instant::from_micros(3_000_000));
                }
            },
        );
    }),
    (Oracle::S36, "a request times out while the window of messages is full", lives::unread, |r| {
        r.remove(nth(r, 0, is_sent_puback));
    }),
    (Oracle::S36, "a request times out while input is paused", lives::unread, |r| {
        r.remove(nth(r, 0, |what| *what == What::Pause(false)));
    }),
    (Oracle::S36, "a link is given up for silence while input is paused", lives::silence, |r| {
        let pings = nth(r, 0, is_ping);
        r.insert(pings, Record { what: What::Pause(true), ..r[pings].clone() });
    }),
    (Oracle::L6, "a dead link is kept", lives::silence, |r| {
        end_at(r, nth(r, 0, |what| matches!(what, What::Close(_))));
    }),
    (Oracle::L7, "a stop without end", lives::stops, |r| {
        let stopped = r.iter().rposition(|record| record.what == What::Told(Notice::Stopped)).unwrap();
        let at = r[stopped].at;
        r[stopped] = Record { at, device: 0, what: What::Deadline(None) };
    }),
    (Oracle::L8, "lost again", lives::healed, |r| {
        let end = r.len() - 1;
        let at = r[end].at;
        r.insert(end, Record { at, device: 0, what: What::Phase(Phase::BackingOff) });
    }),
    (Oracle::L9, "a fault after healing", lives::healed, |r| {
        let end = r.len() - 1;
        let at = r[end].at;
        r.insert(end, Record { at, device: 0, what: What::Fault { index: 1, name: "x", begins: true } });
    }),
    (Oracle::L9, "work after healing", lives::healed, |r| {
        let healed = nth(r, 0, |what| *what == What::Healed);
        let healed = r.remove(healed);
        r.insert(0, Record { at: Instant::EPOCH, ..healed });
    }),
];

#[test]
fn every_oracle_sees_what_it_is_there_for() {
    let mut missed = String::new();
    for (oracle, name, life, mutate) in MUTATIONS.into_iter().chain(LATE) {
        let (mut records, rules) = life();
        mutate(&mut records);
        let findings = judge(&records, &rules).findings;
        if !findings.iter().any(|finding| finding.oracle == oracle.id()) {
            let found: Vec<_> = findings.iter().take(3).map(ToString::to_string).collect();
            writeln!(missed, "{}: {name}: {found:?}", oracle.id()).unwrap();
        }
    }
    assert_eq!(missed, "");
}

#[test]
fn no_oracle_is_without_a_way_to_fail() {
    for oracle in Oracle::ALL {
        let mutated = MUTATIONS.iter().chain(&LATE).any(|(mutated, ..)| mutated == oracle)
            || shadows::MUTATIONS.iter().any(|(mutated, ..)| mutated == oracle);
        assert_eq!(mutated, oracle.checked_by() == CheckedBy::Judge, "{}", oracle.id());
    }
}

#[test]
fn any_end_that_is_not_told_is_missed() {
    for (name, life) in lives::ALL {
        let (records, rules) = life();
        let ends: Vec<_> = (0..records.len()).filter(|&at| matches!(records[at].what, What::Finished { .. })).collect();
        for at in ends {
            let mut without = records.clone();
            let end = without.remove(at);
            assert!(!judge(&without, &rules).findings.is_empty(), "{name}: {end:?}");
        }
    }
}

#[test]
fn any_end_that_is_told_twice_is_too_much() {
    for (name, life) in lives::ALL {
        let (records, rules) = life();
        for at in 0..records.len() {
            if matches!(records[at].what, What::Finished { .. } | What::Delivered(_) | What::Sent(..)) {
                let mut with = records.clone();
                twice(&mut with, at);
                assert!(!judge(&with, &rules).findings.is_empty(), "{name}: {:?}", records[at]);
            }
        }
    }
}

fn is_acked(what: &What) -> bool {
    matches!(what, What::Finished { outcome: Outcome::Acked, .. })
}

fn is_evicted(what: &What) -> bool {
    matches!(what, What::Finished { outcome: Outcome::Evicted, .. })
}

fn is_given_up(what: &What) -> bool {
    matches!(what, What::Finished { outcome: Outcome::ConnectionClosed { .. }, .. })
}

fn is_publish(what: &What) -> bool {
    matches!(what, What::Sent(_, Packet::Publish(_)))
}

fn is_sent_puback(what: &What) -> bool {
    matches!(what, What::Sent(_, Packet::Puback(_)))
}

fn is_ping(what: &What) -> bool {
    matches!(what, What::Sent(_, Packet::Pingreq))
}

fn is_delivered(what: &What) -> bool {
    matches!(what, What::Delivered(_))
}

fn is_failed(what: &What) -> bool {
    matches!(what, What::Told(Notice::Failed { .. }))
}

fn is_attempting(what: &What) -> bool {
    matches!(what, What::Told(Notice::Attempting { .. }))
}

fn nth(records: &[Record], n: usize, is: fn(&What) -> bool) -> usize {
    let mut places = (0..records.len()).filter(|&at| is(&records[at].what));
    places.nth(n).expect("the life has such a record")
}

/// Nothing happens from there on, and the client wants nothing any more.
fn end_at(records: &mut Records, at: usize) {
    let end = records.len() - 1;
    let nothing = Record { at: records[at].at, device: 0, what: What::Deadline(None) };
    records.splice(at..end, [nothing]);
}

fn twice(records: &mut Records, at: usize) {
    let record = records[at].clone();
    records.insert(at + 1, record);
}

/// Two records change places, not times.
fn swap(records: &mut Records, one: usize, other: usize) {
    let what = records[one].what.clone();
    records[one].what = core::mem::replace(&mut records[other].what, what);
}

fn change(records: &mut Records, n: usize, is: fn(&What) -> bool, to: impl FnOnce(&mut What)) {
    let at = nth(records, n, is);
    to(&mut records[at].what);
}

/// Changes the n-th PUBLISH that the client sends.
fn publish(records: &mut Records, n: usize, to: impl FnOnce(&mut thingwire_sim::trace::Published)) {
    change(records, n, is_publish, |what| {
        if let What::Sent(_, Packet::Publish(publish)) = what {
            to(publish);
        }
    });
}
