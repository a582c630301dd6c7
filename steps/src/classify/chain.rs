//! Walks the causes of an error and asks each rule in turn.

use std::error::Error;

use resurge_journal::failure::Class;

use super::io;

/// What a rule says about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The class.
    pub class: Class,
    /// Finer than the class.
    pub kind: &'static str,
    /// What a person can do.
    pub hint: Option<&'static str>,
    /// Whether another attempt may be worth it.
    pub retry: bool,
}

/// Classifies an error by the types in its chain of causes.
///
/// The first link that a rule knows decides; an error that no rule knows is
/// [`Class::Unknown`], which is retried.
pub fn classify(error: &(dyn Error + 'static)) -> Verdict {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(verdict) = known(error) {
            return verdict;
        }
        link = error.source();
    }
    Verdict { class: Class::Unknown, kind: "unknown", hint: None, retry: true }
}

/// What the rules know about this very link.
fn known(error: &(dyn Error + 'static)) -> Option<Verdict> {
    if let Some(error) = error.downcast_ref::<std::io::Error>() {
        return io::classify(error);
    }
    if error.is::<serde_json::Error>() {
        return Some(Verdict {
            class: Class::Validation,
            kind: "format",
            hint: Some("the data is not in the expected format"),
            retry: false,
        });
    }
    None
}
