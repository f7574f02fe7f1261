//! Lives in which everything is right.

use thingwire_core::Instant;
use thingwire_sim::oracle::{Judge, Rulebook, Verdict};
use thingwire_sim::trace::{Observer, Record};

use crate::lives;

pub(crate) fn judge(records: &[Record], rules: &Rulebook) -> Verdict {
    let mut judge = Judge::new(vec![rules.clone()]);
    for record in records {
        judge.observe(record);
    }
    judge.finish(records.last().map_or(Instant::EPOCH, |record| record.at))
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let mut found = String::new();
    for (name, life) in lives::ALL {
        let (records, rules) = life();
        for finding in judge(&records, &rules).findings {
            found += &format!("{name}: {finding}\n");
        }
    }
    assert_eq!(found, "");
}
