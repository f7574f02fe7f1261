//! How a thing is put together, and what is wrong with it before it runs.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use super::cell::{Cell, Owner, Want};
use super::machine::{Options, Part, Thing};
use super::memory::Memory;
use super::rules::{Changes, Derived, Rule, RuleError, Wishes};
use super::value::storable;
use super::{Access, Boot, Cause, Component, Policy, PropertyId, ThingNotice, Unfit};

/// The longest name of a property, in bytes.
const NAME_LEN_MAX: usize = 128;

/// The grain of an [`Instant`](crate::Instant): what comes after less than that is due at once, and again at once.
const TICK: Duration = Duration::from_micros(1);

/// Puts a [`Thing`] together. Spans of less than a microsecond count as one.
///
/// ```
/// use thingwire_core::thing::lines::{Lines, words};
/// use thingwire_core::thing::{Authority, Policy, Thing};
///
/// let switch = |name: &str| Lines::new(name).property(name, words([("ON", true), ("OFF", false)]));
/// let pump = switch("pump").hears("PUMP {pump}").command("pump", "PUMP {pump}").build()?;
/// let valve = switch("valve").hears("VALVE {valve}").command("valve", "VALVE {valve}").build()?;
/// let thing = Thing::builder()
///     .component("pump", pump)
///     .component("valve", valve)
///     .policy("valve", Policy::new().authority(Authority::Cloud))
///     .rule("a closed valve stops the pump", |changes, wishes| {
///         if changes.became("valve", false) {
///             wishes.set("pump", false);
///         }
///         Ok(())
///     })
///     .build(4711)?;
/// # let _ = thing;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ThingBuilder {
    parts: Vec<(String, Box<dyn Component>)>,
    policies: Vec<(String, Policy)>,
    derived: Vec<Derived>,
    rules: Vec<Rule>,
    memory: Vec<u8>,
    options: Options,
}

impl fmt::Debug for dyn Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.properties().iter().map(|property| &property.name);
        f.debug_list().entries(names).finish()
    }
}

impl Thing {
    /// A thing without components.
    pub fn builder() -> ThingBuilder {
        ThingBuilder {
            parts: Vec::new(),
            policies: Vec::new(),
            derived: Vec::new(),
            rules: Vec::new(),
            memory: Vec::new(),
            options: Options::default(),
        }
    }
}

impl ThingBuilder {
    /// With this device. The first is [`ComponentId(0)`](super::ComponentId).
    pub fn component(mut self, name: impl Into<String>, component: impl Component + 'static) -> Self {
        self.parts.push((name.into(), Box::new(component)));
        self
    }

    /// With a property that behaves like this.
    pub fn policy(mut self, property: impl Into<String>, policy: Policy) -> Self {
        self.policies.push((property.into(), policy));
        self
    }

    /// With a property that is made of others.
    pub fn derived(mut self, derived: Derived) -> Self {
        self.derived.push(derived);
        self
    }

    /// With a rule: it runs once for each settled batch of changes and says what is to be set. Rules run in their
    /// order, and all see the same; of two that set one property, the later one has its way.
    ///
    /// It must not block, and a panic in it is one of the program. For what it cannot do, it has its error.
    pub fn rule(
        mut self,
        name: impl Into<String>,
        rule: impl FnMut(&Changes<'_>, &mut Wishes) -> Result<(), RuleError> + Send + 'static,
    ) -> Self {
        self.rules.push(Rule { name: name.into(), run: Box::new(rule) });
        self
    }

    /// With what was persisted last; empty when there is nothing. What cannot be read is told, and not used.
    pub fn remember(mut self, memory: impl Into<Vec<u8>>) -> Self {
        self.memory = memory.into();
        self
    }

    /// Never writes to `desired`, for fleets in which devices may not. A wish that is not fulfilled then stays, and the
    /// service goes on telling of the difference.
    pub fn never_write_desired(mut self) -> Self {
        self.options.writes_desired = false;
        self
    }

    /// How long changes are collected from the first one on. Default: 0.1 s.
    pub fn batch(mut self, span: Duration) -> Self {
        self.options.batch = span;
        self
    }

    /// How often the shadow is read though nothing seems to be missed: so long a wish can be missed at most. Default:
    /// 1 h.
    pub fn read_every(mut self, span: Duration) -> Self {
        self.options.read_every = span;
        self
    }

    /// The thing, if nothing contradicts itself. The seed is for the waits between attempts: devices with one seed move
    /// in step.
    pub fn build(self, seed: u64) -> Result<Thing, BuildError> {
        let Self { parts, policies, derived, rules, memory, mut options } = self;
        (options.batch, options.read_every) = (options.batch.max(TICK), options.read_every.max(TICK));
        let parts: Vec<_> = parts.into_iter().map(|(name, component)| Part::new(name, component)).collect();
        let mut cells = cells(&parts, &derived)?;
        for (name, policy) in policies {
            let cell = cells.iter_mut().find(|cell| cell.name == name);
            cell.ok_or(BuildError::NoSuchProperty { name, user: "a policy" })?.policy = policy;
        }
        for cell in &mut cells {
            check_boot(cell, &parts)?;
            let policy = &mut cell.policy;
            policy.obey_within = policy.obey_within.max(TICK);
            policy.report.heartbeat = policy.report.heartbeat.map(|span| span.max(TICK));
        }
        let (memory, damage) = match Memory::read(&memory) {
            Ok(memory) => (memory, None),
            Err(error) => (Memory::default(), Some(error)),
        };
        for cell in &mut cells {
            recall(cell, &memory, &parts);
        }
        let mut thing = Thing::new(parts, cells, derived, rules, memory, options, seed);
        thing.notes(damage.map(ThingNotice::Memory));
        Ok(thing)
    }
}

fn cells(parts: &[Part], derived: &[Derived]) -> Result<Vec<Cell>, BuildError> {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut cells = Vec::new();
    let mut add = |name: &str, by: &str, access, owner| {
        if name.is_empty() || name.len() > NAME_LEN_MAX {
            return Err(BuildError::BadName { name: name.to_owned(), component: by.to_owned() });
        }
        if let Some(other) = owners.insert(name.to_owned(), by.to_owned()) {
            return Err(BuildError::TwoOwners { name: name.to_owned(), owners: [other, by.to_owned()] });
        }
        cells.push(Cell::new(name.to_owned(), access, owner));
        Ok(())
    };
    for (index, part) in parts.iter().enumerate() {
        for (id, property) in part.component.properties().iter().enumerate() {
            add(&property.name, &part.name, property.access, Owner::Component(index, PropertyId(id)))?;
        }
    }
    for (index, derived) in derived.iter().enumerate() {
        let access = if derived.write.is_some() { Access::ReadWrite } else { Access::Read };
        add(&derived.name, "derived", access, Owner::Derived(index))?;
    }
    for name in derived.iter().flat_map(|derived| &derived.sources) {
        let real = |cell: &Cell| &cell.name == name && matches!(cell.owner, Owner::Component(..));
        if !cells.iter().any(real) {
            return Err(BuildError::NoSuchProperty { name: name.clone(), user: "a derived property" });
        }
    }
    Ok(cells)
}

fn check_boot(cell: &Cell, parts: &[Part]) -> Result<(), BuildError> {
    let name = || cell.name.clone();
    if cell.policy.boot != Boot::Read && cell.access == Access::Read {
        return Err(BuildError::ReadOnly { name: name() });
    }
    let Boot::Value(value) = &cell.policy.boot else { return Ok(()) };
    let fits = match cell.owner {
        Owner::Component(index, id) => parts[index].component.check(id, value),
        Owner::Derived(_) => Ok(()),
    };
    let storable = storable(value.clone()).ok_or_else(|| Unfit("a shadow keeps no null".to_owned()));
    fits.and(storable.map(drop)).map_err(|why| BuildError::Unfit { name: name(), why })
}

/// What is remembered of a property, and what it is to become at the start.
fn recall(cell: &mut Cell, memory: &Memory, parts: &[Part]) {
    cell.acted = memory.acted.get(&cell.name).cloned();
    cell.overruled_at = memory.overruled.get(&cell.name).copied();
    cell.moving = memory.moving.get(&cell.name).cloned().unwrap_or_default();
    let value = match &cell.policy.boot {
        Boot::Read | Boot::Desired => None,
        Boot::Restore => memory.restore.get(&cell.name).cloned(),
        Boot::Value(value) => Some(value.clone()),
    };
    let value = value.and_then(storable);
    let fits = |value: &_| match cell.owner {
        Owner::Component(index, id) => parts[index].component.check(id, value).is_ok(),
        Owner::Derived(_) => true,
    };
    // What was remembered may not fit any more, after an update of the program.
    cell.want = value.filter(fits).map(|value| Want::new(value, Cause::Boot, 0));
}

/// Why something is no thing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A property has no name, or one of more than 128 bytes.
    BadName {
        /// The name.
        name: String,
        /// Of which component.
        component: String,
    },
    /// Two components have a property of the same name.
    TwoOwners {
        /// The name.
        name: String,
        /// The components.
        owners: [String; 2],
    },
    /// Something is said of a property that no component has.
    NoSuchProperty {
        /// The name.
        name: String,
        /// Where it is said.
        user: &'static str,
    },
    /// A property is to be set at the start, and can only be read.
    ReadOnly {
        /// The name.
        name: String,
    },
    /// A property is to be set at the start to what it cannot be.
    Unfit {
        /// The name.
        name: String,
        /// Why not.
        why: Unfit,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName { name, component } => {
                write!(f, "{component:?} has a property {name:?}: a name has 1 to {NAME_LEN_MAX} bytes")
            }
            Self::TwoOwners { name, owners: [one, other] } => {
                write!(f, "{one:?} and {other:?} both have a property {name:?}: rename one")
            }
            Self::NoSuchProperty { name, user } => write!(f, "{user} names {name:?}, which no component has"),
            Self::ReadOnly { name } => write!(f, "{name:?} is to be set at the start, and can only be read"),
            Self::Unfit { name, why } => write!(f, "{name:?} cannot be set at the start: {why}"),
        }
    }
}

impl core::error::Error for BuildError {}
