//! JSON merge patches (RFC 7396).

use serde_json::{Map, Value};

/// What makes one object of the other; none if they are the same.
///
/// Neither may hold a null, which a merge patch cannot tell from what is not there.
pub fn diff(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(before), Value::Object(after)) = (from, to) else {
        return Some(to.clone());
    };
    let mut patch = Map::new();
    for (key, value) in after {
        let change = match before.get(key) {
            Some(known) => diff(known, value),
            None => Some(value.clone()),
        };
        patch.extend(change.map(|change| (key.clone(), change)));
    }
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    patch.extend(gone.map(|key| (key.clone(), Value::Null)));
    Some(Value::Object(patch))
}

/// Carries a patch out.
pub fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(object) = into else { return };
    for (key, value) in patch {
        if value.is_null() {
            object.remove(&key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i8>().prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn objects() -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-d]", values(), 0..4)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn a_patch_makes_one_of_the_other(from in objects(), to in objects()) {
            let mut patched = from.clone();
            if let Some(patch) = diff(&from, &to) {
                merge(&mut patched, patch);
            }
            prop_assert_eq!(patched, to);
        }
    }

    #[test]
    fn a_patch_says_no_more_than_what_has_changed() {
        let from = json!({"rows": {"a": {"x": 1, "y": 2}, "b": {"x": 3}}, "same": [1, 2]});
        let to = json!({"rows": {"a": {"x": 1, "y": 5}, "c": {"x": 4}}, "same": [1, 2]});
        let patch = json!({"rows": {"a": {"y": 5}, "b": null, "c": {"x": 4}}});
        assert_eq!(diff(&from, &to), Some(patch));
    }
}
