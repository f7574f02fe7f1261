//! Devices that are a structure of somebody's own.

use core::time::Duration;

use serde_json::json;
use thingwire_core::thing::lines::{Framing, Hearing, LineDevice, Question, StructComponent, Timing, Wire};
use thingwire_core::thing::{Access, ComponentEvent, Unfit};

use crate::thing_stand::Stand;

/// A dimmer whose lines have a checksum, which no template can say.
#[derive(Debug, Clone, Default)]
struct Dimmer {
    on: Option<bool>,
    level: Option<u8>,
    serial: Option<String>,
}

fn checked(body: &str) -> String {
    let sum = body.bytes().fold(0_u8, u8::wrapping_add);
    format!("{body}*{sum:02X}")
}

impl LineDevice for Dimmer {
    fn hear(&mut self, line: &str) -> Hearing {
        let Some((body, _)) = line.rsplit_once('*').filter(|(body, _)| checked(body) == line) else {
            return Hearing::NotUnderstood;
        };
        match body.split_once('=') {
            Some(("on", on)) => self.on = Some(on == "1"),
            Some(("level", level)) => {
                self.level = level.parse().ok();
                self.on = Some(self.level != Some(0));
                return Hearing::About(&["level"]);
            }
            Some(("serial", serial)) => self.serial = Some(serial.to_owned()),
            Some(("no", _)) => return Hearing::Refused,
            _ => return Hearing::NotUnderstood,
        }
        Hearing::About(&["on"])
    }

    fn tell(&self, property: &str) -> Result<String, Unfit> {
        match (property, self.on, self.level) {
            ("on", Some(on), _) => Ok(checked(&format!("on={}", u8::from(on)))),
            ("level", _, Some(level)) if level <= 100 => Ok(checked(&format!("level={level}"))),
            ("level", _, Some(level)) => Err(Unfit(format!("{level} is more than 100"))),
            _ => Err(Unfit(format!("nothing sets {property}"))),
        }
    }

    fn questions(&self) -> Vec<Question> {
        vec![Question::new(checked("?"), ["on"]).every(Duration::from_secs(5)), Question::new(checked("#"), ["serial"])]
    }

    /// It tells its number only after it has told whether it is on.
    fn asks(&self, question: &str) -> bool {
        question != checked("#") || self.on.is_some()
    }

    fn access(&self, property: &str) -> Access {
        if property == "serial" { Access::Read } else { Access::ReadWrite }
    }
}

/// What `#[derive(Serialize, Deserialize)]` would write; the core has no macros.
mod serde_by_hand {
    use serde_core::de::{Deserialize, Deserializer, Error as _};
    use serde_core::ser::{Serialize, SerializeStruct, Serializer};
    use serde_json::Value;

    use super::Dimmer;

    impl Serialize for Dimmer {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut fields = serializer.serialize_struct("Dimmer", 3)?;
            fields.serialize_field("on", &self.on)?;
            fields.serialize_field("level", &self.level)?;
            fields.serialize_field("serial", &self.serial)?;
            fields.end()
        }
    }

    impl<'de> Deserialize<'de> for Dimmer {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let fields = Value::deserialize(deserializer)?;
            let field = |name: &str| fields.get(name).cloned().unwrap_or(Value::Null);
            Ok(Self {
                on: serde_json::from_value(field("on")).map_err(D::Error::custom)?,
                level: serde_json::from_value(field("level")).map_err(D::Error::custom)?,
                serial: serde_json::from_value(field("serial")).map_err(D::Error::custom)?,
            })
        }
    }
}

fn dimmer() -> Stand {
    let component = StructComponent::new(Dimmer::default(), Wire::default(), Timing::default()).unwrap();
    let mut stand = Stand::down(Box::new(component));
    stand.event(ComponentEvent::Up);
    stand
}

#[test]
fn its_fields_are_the_properties() {
    let stand = dimmer();
    let named: Vec<_> =
        stand.component.properties().iter().map(|property| (property.name.as_str(), property.access)).collect();
    assert_eq!(named, [("level", Access::ReadWrite), ("on", Access::ReadWrite), ("serial", Access::Read)]);
}

#[test]
fn what_a_line_is_about_and_what_changes_with_it_is_heard() {
    let mut stand = dimmer();
    stand.says(&format!("{}\n", checked("on=0")));
    stand.wait(20);
    assert_eq!(stand.log(), ["> ?*3F", "on = false", "> #*23"]);
    stand.says(&format!("{}\n", checked("level=30")));
    assert_eq!(stand.log(), ["level = 30", "on = true"]);
    stand.says(&format!("{}\n", checked("level=30")));
    assert_eq!(stand.log(), ["level = 30"], "the same again");
    stand.says("level=30*00\n");
    assert_eq!(stand.log(), ["? level=30*00"]);
}

#[test]
fn it_is_told_and_shows_it() {
    let mut stand = dimmer();
    stand.says(&format!("{}\n", checked("on=0")));
    stand.wait(20);
    stand.says(&format!("{}\n", checked("serial=7")));
    stand.wait(20);
    stand.log();
    stand.set(1, "on", true);
    stand.wait(20);
    stand.says(&format!("{}\n", checked("on=1")));
    assert_eq!(stand.log(), ["> on=1*4B", "> ?*3F", "on = true", "done 1"]);
}

/// A document of which one key makes no sense made a whole device useless elsewhere.
#[test]
fn one_bad_key_is_refused_alone() {
    let stand = dimmer();
    assert_eq!(stand.check("on", true), Ok(()));
    assert_eq!(stand.check("level", 100), Ok(()));
    assert_eq!(stand.check("level", 101), Err("101 is more than 100".into()));
    assert_eq!(stand.check("level", 300), Err("invalid value: integer `300`, expected u8".into()));
    assert_eq!(stand.check("on", "yes"), Err("invalid type: string \"yes\", expected a boolean".into()));
    assert_eq!(stand.check("on", json!(null)), Err("null is no value".into()));
    assert_eq!(stand.check("serial", "x"), Err("it cannot be set".into()));
    assert!(stand.same("level", 7, 7) && !stand.same("level", 7, 8) && !stand.same("level", 300, 301));
    assert!(stand.same("level", 300, 300), "whether it has that or not");
}

#[test]
fn a_structure_is_asked_what_makes_sense() {
    let mut stand = dimmer();
    stand.wait(10_000);
    let sent = stand.sent();
    assert!(sent.len() > 2 && sent.iter().all(|line| *line == checked("?")), "{sent:?}");
}

#[test]
fn a_structure_has_its_own_line_ends_and_waits() {
    let (mut wire, mut timing) = (Wire::default(), Timing::default());
    (wire.framing, wire.ending) = (Framing::Terminator(":".to_owned()), "\r".to_owned());
    timing.gap = Duration::from_millis(100);
    let mut stand = Stand::down(Box::new(StructComponent::new(Dimmer::default(), wire, timing).unwrap()));
    stand.event(ComponentEvent::Up);
    stand.says(&format!("{}:", checked("on=0")));
    stand.wait(99);
    assert_eq!(stand.log(), ["> ?*3F\r", "on = false"]);
    stand.wait(1);
    assert_eq!(stand.log(), ["> #*23\r"]);
}

#[test]
fn a_structure_forgets_what_it_heard_when_the_device_goes() {
    let mut stand = dimmer();
    stand.says(&format!("{}\n", checked("on=1")));
    stand.event(ComponentEvent::Down);
    stand.event(ComponentEvent::Up);
    stand.log();
    stand.says(&format!("{}\n", checked("level=5")));
    assert_eq!(stand.log(), ["level = 5", "on = true"], "on is news again");
}

#[test]
fn waits_without_length_are_refused_here_as_well() {
    let mut timing = Timing::default();
    timing.reply_timeout = Duration::ZERO;
    let refused = StructComponent::new(Dimmer::default(), Wire::default(), timing).err();
    assert_eq!(refused, Some(Unfit("reply_timeout: must not be zero".into())));
}

/// It was woken at once, and again, for ever.
#[test]
fn a_question_is_not_asked_all_the_time() {
    #[derive(Debug, Clone)]
    struct Eager(Dimmer);

    impl serde_core::ser::Serialize for Eager {
        fn serialize<S: serde_core::ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize(serializer)
        }
    }

    impl<'de> serde_core::de::Deserialize<'de> for Eager {
        fn deserialize<D: serde_core::de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            serde_core::de::Deserialize::deserialize(deserializer).map(Self)
        }
    }

    impl LineDevice for Eager {
        fn hear(&mut self, line: &str) -> Hearing {
            self.0.hear(line)
        }

        fn tell(&self, property: &str) -> Result<String, Unfit> {
            self.0.tell(property)
        }

        fn questions(&self) -> Vec<Question> {
            vec![Question::new("?", ["on"]).every(Duration::ZERO)]
        }
    }

    let refused = StructComponent::new(Eager(Dimmer::default()), Wire::default(), Timing::default()).err();
    assert_eq!(refused, Some(Unfit("`every` of the question \"?\" must not be zero".into())));
}
