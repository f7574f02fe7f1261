//! Batches of changes: derived properties follow, rules see them, and then they may be reported.

use core::mem;

use super::machine::{Thing, judge};
use super::rules::{Change, Changes, Wishes};
use super::value::{same, storable};
use super::{Cause, ThingNotice};
use crate::Instant;

/// How many rules may be set off by what a rule did, one after another.
const DEPTH_MAX: u32 = 8;

impl Thing {
    /// Properties that are made of others become what those make them.
    pub(super) fn derive(&mut self, now: Instant) {
        // They follow those of components, in their order.
        let first = self.cells.len() - self.derived.len();
        for index in first..self.cells.len() {
            let derived = &self.derived[index - first];
            let source = |name: &String| self.names.get(name).map(|index| &self.cells[*index]);
            let sources: Vec<_> = derived.sources.iter().filter_map(source).collect();
            let values: Vec<_> = sources.iter().map(|cell| cell.actual.as_ref()).collect();
            let Some(value) = (derived.read)(&values).and_then(storable) else { continue };
            let changed = sources.iter().find(|cell| cell.actual != cell.settled);
            let (cause, depth) = changed.map_or((Cause::Hardware, 0), |cell| (cell.cause, cell.depth));
            let cell = &mut self.cells[index];
            if cell.heard(value, self.cloud.time(now), judge(&self.parts, cell.owner)) {
                if cell.cause == Cause::Hardware {
                    (cell.cause, cell.depth) = (cause, depth);
                    cell.moved = matches!(cause, Cause::Local | Cause::Rule);
                }
                self.changed(now, index);
            }
        }
    }

    /// The open batch is complete.
    pub(super) fn settle(&mut self, now: Instant) {
        self.batch_at = None;
        self.unsynced = true;
        let mut rules = mem::take(&mut self.rules);
        let (wanted, notices, depth) = {
            let changes = self.changes();
            let mut wanted = Vec::new();
            let mut failed = Vec::new();
            for rule in rules.iter_mut().filter(|_| !changes.all.is_empty()) {
                let mut wishes = Wishes::default();
                match (rule.run)(&changes, &mut wishes) {
                    Ok(()) => wanted.push((rule.name.clone(), wishes)),
                    Err(why) => failed.push(ThingNotice::RuleFailed { rule: rule.name.clone(), why: why.0 }),
                }
            }
            (wanted, failed, self.depth_of_changes())
        };
        self.rules = rules;
        self.tell_changes();
        self.notes(notices);
        for (rule, Wishes(wishes)) in wanted.into_iter().filter(|(_, wishes)| !wishes.0.is_empty()) {
            if depth >= DEPTH_MAX {
                self.note(ThingNotice::RulesRunInCircles { rule });
                continue;
            }
            for (property, value) in wishes {
                self.want_by_rule(now, property, value, depth + 1);
            }
        }
    }

    fn want_by_rule(&mut self, now: Instant, property: String, value: serde_json::Value, depth: u32) {
        let index = self.find(&property).ok_or(super::WishError::Unknown);
        let wanted = index.and_then(|index| self.want(now, index, value.clone(), Cause::Rule, depth));
        if let Err(why) = wanted {
            self.note(ThingNotice::Failed { property, value, cause: Cause::Rule, why });
        }
    }

    fn changes(&self) -> Changes<'_> {
        let known = self.cells.iter().filter_map(|cell| Some((cell, cell.actual.as_ref()?)));
        let changed = known.filter(|(cell, actual)| !cell.settled.as_ref().is_some_and(|old| same(old, actual)));
        let change = changed.map(|(cell, new)| {
            let (property, old, cause) = (cell.name.as_str(), cell.settled.as_ref(), cell.cause);
            Change { property, old, new, cause }
        });
        Changes { all: change.collect(), cells: &self.cells, names: &self.names }
    }

    fn depth_of_changes(&self) -> u32 {
        let changed = self.cells.iter().filter(|cell| cell.actual != cell.settled);
        changed.map(|cell| cell.depth).max().unwrap_or(0)
    }

    fn tell_changes(&mut self) {
        let changes = self.changes();
        let told: Vec<_> = changes
            .iter()
            .map(|change| ThingNotice::Changed {
                property: change.property.to_owned(),
                old: change.old.cloned(),
                new: change.new.clone(),
                cause: change.cause,
            })
            .collect();
        self.notes(told);
        for cell in &mut self.cells {
            if cell.settled != cell.actual {
                cell.settled.clone_from(&cell.actual);
            }
        }
    }
}
