//! Checks a table, and makes of it what reads and writes.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::codec::Codec;
use super::compiled::{Compiled, CompiledCommand, Conditions};
use super::front::{Confirming, Orders, Question};
use super::mistake::{Mistake, Mistakes, Place};
use super::overlap;
use super::patterns::Side;
use super::reader::{How, Reader};
use super::table::{Command, Confirmation, Hears, Lines, Query};
use super::template::Template;
use super::wire;
use crate::thing::{Access, Property, PropertyId};

/// What a table is made into, as far as it goes.
pub(super) struct Builder<'t> {
    pub(super) lines: &'t Lines,
    pub(super) names: BTreeMap<&'t str, PropertyId>,
    pub(super) codecs: Vec<Arc<Codec>>,
    pub(super) mistakes: Vec<Mistake>,
    readers: Vec<Reader>,
    /// Every line was understood, so that what no line is about is about nothing.
    all_read: bool,
    /// The same template in two places is one reader.
    by_text: BTreeMap<String, usize>,
}

impl Lines {
    /// Everything that is wrong with the table; empty when nothing is.
    pub fn check(&self) -> Vec<Mistake> {
        self.compile().err().map_or_else(Vec::new, |Mistakes(mistakes)| mistakes)
    }

    /// The table, checked, as what reads and writes lines.
    pub fn compile(&self) -> Result<Compiled, Mistakes> {
        Builder::new(self).compile()
    }
}

impl<'t> Builder<'t> {
    fn new(lines: &'t Lines) -> Self {
        let codecs = lines.properties.iter().map(|property| Arc::new(property.codec.clone())).collect();
        let (names, by_text) = (BTreeMap::new(), BTreeMap::new());
        Self { lines, names, codecs, mistakes: Vec::new(), readers: Vec::new(), all_read: false, by_text }
    }

    pub(super) fn mistake(&mut self, place: Place, subject: &str, problem: impl Into<String>) {
        self.mistakes.push(Mistake { place, subject: subject.to_owned(), column: None, problem: problem.into() });
    }

    fn compile(mut self) -> Result<Compiled, Mistakes> {
        let lines = self.lines;
        self.whole();
        self.properties();
        for (place, hears) in lines.hears.iter().enumerate() {
            self.hears(Place::Hears(place), hears);
        }
        let mut questions = Vec::new();
        let mut asking = Vec::new();
        for (place, query) in lines.queries.iter().enumerate() {
            let (question, answers) = self.query(Place::Query(place), query);
            questions.push(question);
            asking.push((answers, Conditions::new()));
        }
        let commands = self.commands();
        let mut refusals = Vec::new();
        for (place, refusal) in lines.refusals.iter().enumerate() {
            let at = Place::Refusal(place);
            refusals.extend(self.wordless(at, refusal, "use `hears` for it").map(|pattern| (at, pattern)));
        }
        // What a line that has a mistake would be about is not known.
        let of_lines =
            |place| matches!(place, Place::Hears(_) | Place::Query(_) | Place::Command(_) | Place::Refusal(_));
        self.all_read = !self.mistakes.iter().any(|mistake| of_lines(mistake.place));
        self.ownership(&commands);
        for (place, query) in lines.queries.iter().enumerate() {
            asking[place].1 = self.conditions(place, query, &questions);
        }
        let holds = self.holds(&questions);
        let refresh = self.refreshes();
        let others = refusals.iter().map(|(place, pattern)| (*place, pattern)).chain(
            commands
                .iter()
                .flatten()
                .flat_map(|(place, command)| command.acknowledgements.iter().map(move |pattern| (*place, pattern))),
        );
        self.mistakes.extend(overlap::overlaps(&self.readers, &others.collect::<Vec<_>>()));
        if !self.mistakes.is_empty() {
            self.mistakes.sort_by_key(|mistake| mistake.place);
            return Err(Mistakes(self.mistakes));
        }
        let mut timing = lines.timing.clone();
        if self.readers.iter().any(|reader| !reader.always) {
            timing.cool_down.get_or_insert(timing.reply_timeout);
        }
        Ok(Compiled {
            name: lines.name.clone(),
            properties: self.described(&commands),
            codecs: self.codecs,
            readers: self.readers,
            questions,
            asking,
            commands: commands.into_iter().map(|command| command.map(|(_, command)| command)).collect(),
            refusals: refusals.into_iter().map(|(_, pattern)| pattern).collect(),
            holds,
            refresh,
            wire: lines.wire.clone(),
            timing,
        })
    }

    fn whole(&mut self) {
        let name = &self.lines.name;
        if name.is_empty() {
            self.mistake(Place::Table, name, "it needs a name");
        }
        if self.lines.properties.is_empty() {
            self.mistake(Place::Table, name, "a device without properties: add one with `property`");
        }
        for misuse in &self.lines.misuses {
            self.mistake(Place::Table, name, format!("`{misuse}` comes before anything that it could be about"));
        }
        for (subject, problem) in self.lines.wire.mistakes() {
            self.mistake(Place::Wire, subject, problem);
        }
        for (subject, problem) in self.lines.timing.mistakes() {
            self.mistake(Place::Timing, subject, problem);
        }
        if self.lines.poll_every.is_some_and(wire::is_zero) {
            self.mistake(Place::Timing, "poll_every", wire::NOT_ZERO);
        }
    }

    fn properties(&mut self) {
        for (place, property) in self.lines.properties.iter().enumerate() {
            let (name, at) = (property.name.as_str(), Place::Property(place));
            if name.is_empty() || name == "_" || name.contains(['{', '}']) {
                self.mistake(at, name, "a name must not be empty, `_`, or contain braces");
            }
            if self.names.contains_key(name) {
                self.mistake(at, name, "it has two owners: a name can be used once only");
            } else {
                self.names.insert(name, PropertyId(place));
            }
            if let Some(problem) = property.codec.mistake() {
                self.mistake(at, name, problem);
            }
        }
    }

    fn hears(&mut self, place: Place, hears: &Hears) {
        match hears {
            Hears::Template(template) => {
                if template.when_asked {
                    let problem =
                        "`when_asked` belongs to the answers of queries and commands: nothing asks for this line";
                    self.mistake(place, &template.text, problem);
                }
                self.reader(place, template);
            }
            #[cfg(feature = "regex")]
            Hears::Regex(regex) => self.regex(place, regex),
            Hears::Function(function) => {
                let properties: Vec<_> =
                    function.properties.iter().filter_map(|name| self.named(place, name, name)).collect();
                let how = How::Function(properties, Arc::clone(&function.read));
                self.readers.push(Reader { place, always: true, how });
            }
        }
    }

    #[cfg(feature = "regex")]
    fn regex(&mut self, place: Place, text: &str) {
        let expression = match regex_lite::Regex::new(&format!("^(?:{text})$")) {
            Ok(expression) => expression,
            Err(error) => return self.mistake(place, text, format!("not a regular expression: {error}")),
        };
        let names: Vec<_> = expression.capture_names().flatten().map(str::to_owned).collect();
        if names.is_empty() {
            self.mistake(place, text, "no group is named like a property: `(?<name>…)`");
        }
        let known = |builder: &mut Self, name: String| {
            let property = builder.named(place, text, &name)?;
            Some((name, property, Arc::clone(&builder.codecs[property.0])))
        };
        let groups = names.into_iter().filter_map(|name| known(self, name)).collect();
        self.readers.push(Reader {
            place,
            always: true,
            how: How::Regex(super::reader::Regex { source: text.to_owned(), expression, groups }),
        });
    }

    /// The reader of a template, one for the same template everywhere.
    fn reader(&mut self, place: Place, template: &Template) -> Option<usize> {
        let key = (template.codecs.is_empty() && !template.when_asked).then(|| template.text.clone());
        if let Some(&reader) = key.as_ref().and_then(|key| self.by_text.get(key)) {
            return Some(reader);
        }
        let pattern = self.pattern(place, template, Side::Heard)?;
        let reader = self.readers.len();
        self.readers.push(Reader { place, always: !template.when_asked, how: How::Pattern(pattern) });
        self.by_text.extend(key.map(|key| (key, reader)));
        Some(reader)
    }

    fn query(&mut self, place: Place, query: &Query) -> (Question, Vec<usize>) {
        self.plain_line(place, &query.ask);
        if query.ask.is_empty() {
            self.mistake(place, &query.ask, "an empty line asks nothing");
        }
        if query.lines == 0 || (query.lines > 1 && query.answers.is_empty()) {
            self.mistake(place, &query.ask, "an answer has at least one line, and a template for it");
        }
        if query.every.is_some_and(wire::is_zero) {
            self.mistake(place, &query.ask, "`every` must not be zero");
        }
        let answers: Vec<_> = query.answers.iter().filter_map(|answer| self.reader(place, answer)).collect();
        let mut reads: Vec<_> = answers.iter().flat_map(|&reader| self.readers[reader].properties()).collect();
        reads.sort_unstable();
        reads.dedup();
        let awaits = if query.answers.is_empty() { 0 } else { query.lines };
        let every = query.every.or(self.lines.poll_every);
        (Question { line: query.ask.clone(), awaits, every, reads }, answers)
    }

    /// By property.
    fn commands(&mut self) -> Vec<Option<(Place, CompiledCommand)>> {
        let mut commands: Vec<_> = self.lines.properties.iter().map(|_| None).collect();
        for (place, command) in self.lines.commands.iter().enumerate() {
            let at = Place::Command(place);
            let Some(property) = self.named(at, &command.property, &command.property) else { continue };
            if commands[property.0].is_some() {
                self.mistake(at, &command.property, "there is another command for it already");
            }
            if let Some(compiled) = self.command(at, property, command) {
                commands[property.0] = Some((at, compiled));
            }
        }
        commands
    }

    fn command(&mut self, place: Place, property: PropertyId, command: &Command) -> Option<CompiledCommand> {
        let name = &command.property;
        let answer = command.answer.as_ref().and_then(|answer| self.reader(place, answer));
        let (mut acknowledgements, mut confirm) = (Vec::new(), Confirming::Said);
        match &command.confirm {
            Confirmation::ReadBack { within } => {
                confirm = Confirming::ReadBack { within: *within };
                if wire::is_zero(*within) {
                    self.mistake(place, name, "nothing shows at once: `shown_within` must not be zero");
                }
                if self.lines.properties[property.0].write_only {
                    let problem = "nothing reads it back: say `acknowledged_by` or `unconfirmed`";
                    self.mistake(place, name, problem);
                }
            }
            Confirmation::Acknowledged(lines) => {
                confirm = Confirming::Acknowledged;
                if lines.is_empty() {
                    self.mistake(place, name, "no line acknowledges it");
                }
                for line in lines {
                    acknowledgements.extend(self.wordless(place, line, "use `answered_by` for it"));
                }
            }
            Confirmation::Said => {}
        }
        let pattern = self.pattern(place, &command.template, Side::Said)?;
        if !pattern.properties().any(|id| id == property) {
            let problem = format!("{:?} does not say {{{name}}}: every value would be the same", command.template.text);
            self.mistake(place, name, problem);
        }
        let awaits = command.answer.is_some() || confirm == Confirming::Acknowledged;
        Some(CompiledCommand { pattern, orders: Orders { confirm, awaits }, answer, acknowledgements })
    }

    /// Who says and who sets each property.
    fn ownership(&mut self, commands: &[Option<(Place, CompiledCommand)>]) {
        let read: Vec<_> = self.readers.iter().flat_map(Reader::properties).collect();
        for (place, property) in self.lines.properties.iter().enumerate() {
            let is_read = read.contains(&PropertyId(place));
            let problem = match (is_read, property.write_only, commands.get(place).is_some_and(Option::is_some)) {
                (false, false, _) => {
                    "nothing reads it: add a query or a line heard that says it, or make it `write_only`"
                }
                (true, true, _) => "it is `write_only`, and a line says it",
                (false, true, false) => "nothing sets it: add a command",
                (true, false, _) | (false, true, true) => continue,
            };
            let at = Place::Property(place);
            if self.all_read && self.mistakes.iter().all(|mistake| mistake.place != at) {
                self.mistake(at, &property.name, problem);
            }
        }
    }

    fn conditions(&mut self, place: usize, query: &Query, questions: &[Question]) -> Conditions {
        let at = Place::Query(place);
        let mut conditions = Conditions::new();
        for (name, values) in &query.when {
            let Some(property) = self.condition(at, &query.ask, name, values) else { continue };
            let others = questions
                .iter()
                .enumerate()
                .any(|(other, question)| other != place && question.reads.contains(&property));
            if self.all_read && !others && !self.is_heard(property) {
                self.mistake(at, &query.ask, format!("it waits for {name:?}, which nothing else reads"));
            }
            conditions.push((property, values.clone()));
        }
        conditions
    }

    /// Whether a line that comes unasked says it.
    fn is_heard(&self, property: PropertyId) -> bool {
        let says = |reader: &Reader| matches!(reader.place, Place::Hears(_)) && reader.properties().contains(&property);
        self.readers.iter().any(says)
    }

    /// A property that something depends on, with values that it can have.
    fn condition(&mut self, place: Place, subject: &str, name: &str, values: &[Value]) -> Option<PropertyId> {
        let property = self.named(place, subject, name)?;
        if values.is_empty() {
            self.mistake(place, subject, format!("no value of {name:?} is named"));
        }
        let codec = Arc::clone(&self.codecs[property.0]);
        for value in values {
            if let Err(unfit) = codec.format(value, &mut String::new()) {
                self.mistake(place, subject, format!("{name:?} is never that: {unfit}"));
            }
        }
        Some(property)
    }

    fn holds(&mut self, questions: &[Question]) -> Vec<(PropertyId, Vec<Value>, Duration)> {
        let mut holds = Vec::new();
        for (place, hold) in self.lines.holds.iter().enumerate() {
            let (at, name) = (Place::Hold(place), hold.property.as_str());
            let Some(property) = self.condition(at, name, name, &hold.values) else { continue };
            if self.all_read
                && !self.is_heard(property)
                && questions.iter().all(|question| !question.reads.contains(&property))
            {
                self.mistake(at, name, "nothing asks for it, so the hold would never end");
            }
            if wire::is_zero(hold.poll_every) {
                self.mistake(at, name, "`polling_every` must not be zero");
            }
            holds.push((property, hold.values.clone(), hold.poll_every));
        }
        holds
    }

    fn refreshes(&mut self) -> Vec<bool> {
        let mut refresh: Vec<_> = self.lines.properties.iter().map(|_| false).collect();
        for (place, name) in self.lines.refresh_on.iter().enumerate() {
            if let Some(property) = self.named(Place::RefreshOn(place), name, name) {
                refresh[property.0] = true;
            }
        }
        refresh
    }

    fn described(&self, commands: &[Option<(Place, CompiledCommand)>]) -> Vec<Property> {
        let access = |place: usize, write_only| match (write_only, commands[place].is_some()) {
            (true, _) => Access::Write,
            (false, true) => Access::ReadWrite,
            (false, false) => Access::Read,
        };
        let properties = self.lines.properties.iter().enumerate();
        properties.map(|(place, property)| Property::new(&property.name, access(place, property.write_only))).collect()
    }

    /// The property of this name.
    pub(super) fn named(&mut self, place: Place, subject: &str, name: &str) -> Option<PropertyId> {
        let found = self.names.get(name).copied();
        if found.is_none() {
            let close = self.names.keys().find(|known| known.eq_ignore_ascii_case(name));
            let hint = close.map_or_else(String::new, |close| format!("; {close:?} is one"));
            self.mistake(place, subject, format!("{name:?} is no property of this table{hint}"));
        }
        found
    }
}
