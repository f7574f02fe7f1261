//! Values as a shadow keeps them.

use serde_json::{Map, Value};

/// What the cloud wishes a property to be: the value, and when somebody wrote it, in seconds since 1970.
///
/// The service's clock has a grain of a second, so neither of the two alone tells one wish from another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    pub(super) value: Value,
    pub(super) time: Option<u64>,
}

impl Wish {
    /// Whether this is the other one told again.
    pub(super) fn is(&self, other: &Self) -> bool {
        let times = self.time.zip(other.time);
        same(&self.value, &other.value) && times.is_none_or(|(one, other)| one == other)
    }
}

/// Whether the service holds two values for equal: numbers by their worth, everything else as it is.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (one, other) => one == other,
    }
}

/// The value as a shadow can keep it: members that are `null` are not there. `None` for `null` itself and for an array
/// with one in it, which no shadow can keep (S-7, S-12).
pub(super) fn storable(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => items.into_iter().map(storable).collect::<Option<_>>().map(Value::Array),
        Value::Object(mut members) => {
            members.retain(|_, member| !member.is_null());
            let kept = members.into_iter().map(|(key, member)| Some((key, storable(member)?)));
            kept.collect::<Option<_>>().map(Value::Object)
        }
        scalar @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => Some(scalar),
    }
}

/// What to write so that `to` stands where `from` is: the service merges objects, so members that are gone must be
/// named (S-12).
pub(super) fn patch(from: Option<&Value>, to: &Value) -> Value {
    let (Some(Value::Object(from)), Value::Object(to)) = (from, to) else { return to.clone() };
    let gone = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let kept = to.iter().map(|(key, to)| (key.clone(), patch(from.get(key), to)));
    gone.chain(kept).collect::<Map<_, _>>().into()
}

/// The newest time in the metadata of a value.
pub(super) fn written_at(metadata: &Value) -> Option<u64> {
    match metadata {
        Value::Object(members) => {
            let own = members.get("timestamp").and_then(Value::as_u64);
            own.or_else(|| members.values().filter_map(written_at).max())
        }
        Value::Array(items) => items.iter().filter_map(written_at).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_equal_by_their_worth() {
        assert!(same(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        for (one, other) in [(json!(1), json!(1.5)), (json!(u64::MAX), json!(u64::MAX - 1)), (json!(0), json!(false))] {
            assert!(!same(&one, &other), "{one} {other}");
        }
    }

    #[test]
    fn a_part_is_not_the_whole() {
        for (less, more) in [(json!([1]), json!([1, 2])), (json!({"a": 1}), json!({"a": 1, "b": 2}))] {
            assert!(same(&less, &less) && !same(&less, &more) && !same(&more, &less), "{less} {more}");
        }
    }

    #[test]
    fn what_a_shadow_cannot_keep_is_no_value() {
        assert_eq!(storable(json!({"a": null, "b": {"c": null}})), Some(json!({"b": {}})));
        assert_eq!([json!(null), json!([1, null]), json!({"a": [[null]]})].map(storable), [None, None, None]);
        assert_eq!(storable(json!(false)), Some(json!(false)));
    }

    #[test]
    fn a_patch_names_the_members_that_are_gone() {
        let (from, to) = (json!({"a": 1, "b": {"c": 1, "d": 2}}), json!({"b": {"d": 3}}));
        assert_eq!(patch(Some(&from), &to), json!({"a": null, "b": {"c": null, "d": 3}}));
        assert_eq!(patch(Some(&json!(7)), &to), to);
        assert_eq!(patch(None, &json!([1])), json!([1]));
    }

    #[test]
    fn the_time_of_a_value_is_that_of_its_newest_part() {
        assert_eq!(written_at(&json!({"timestamp": 7})), Some(7));
        assert_eq!(written_at(&json!({"a": {"timestamp": 7}, "b": [{"timestamp": 9}, {}]})), Some(9));
        assert_eq!(written_at(&json!({})), None);
    }

    #[test]
    fn a_wish_is_known_by_value_and_time() {
        let wish = |value, time| Wish { value, time };
        let known = wish(json!(1), Some(10));
        assert!(known.is(&wish(json!(1.0), Some(10))) && known.is(&wish(json!(1), None)));
        assert!(!known.is(&wish(json!(1), Some(11))) && !known.is(&wish(json!(2), Some(10))));
    }
}
