//! Numbers as people and programs write them.

use serde::{Serialize, Serializer};

/// The whole number that a number is, if it is one.
pub(crate) fn whole(number: f64) -> Option<i64> {
    if number.fract() == 0.0 { format!("{number:.0}").parse().ok() } else { None }
}

/// Writes a whole number without a point.
pub(super) fn short<T, S>(number: &T, to: S) -> Result<S::Ok, S::Error>
where
    T: Copy + Into<Option<f64>>,
    S: Serializer,
{
    let number: Option<f64> = (*number).into();
    match number.and_then(whole) {
        Some(whole) => whole.serialize(to),
        None => number.serialize(to),
    }
}
