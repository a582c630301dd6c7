//! What several values of one type say about it together.

use super::Shape;

impl Shape {
    /// Adds what another value of the same type has shown.
    pub(in crate::testing) fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unseen, known) | (known, Self::Unseen) => known,
            (Self::Option(a), Self::Option(b)) => Self::Option(Box::new(a.merge(*b))),
            (Self::List(a), Self::List(b)) => Self::List(Box::new(a.merge(*b))),
            (Self::Named(a, inner), Self::Named(b, other)) if a == b => {
                Self::Named(a, Box::new(inner.merge(*other)))
            }
            (Self::Struct(a, fields), Self::Struct(b, others)) if a == b => {
                assert_eq!(fields.len(), others.len(), "{a} leaves fields out");
                let pairs = fields.into_iter().zip(others);
                let merged = pairs.map(|((name, field), (same, other))| {
                    assert_eq!(name, same, "{a} does not keep the order of its fields");
                    (name, field.merge(other))
                });
                Self::Struct(a, merged.collect())
            }
            (a, b) => {
                assert_eq!(a, b, "one type has one shape");
                a
            }
        }
    }
}
