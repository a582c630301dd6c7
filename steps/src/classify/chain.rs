//! Walks the causes of an error and asks each rule in turn.

use std::error::Error;
use std::iter;

use resurge_journal::failure::Class;

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

/// What a rule says about one link of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// This decides.
    Sure(Verdict),
    /// This decides unless a cause further down says more.
    Unless(Verdict),
    /// This link only wraps another one, or no rule knows it.
    Nothing,
}

const UNKNOWN: Verdict =
    Verdict { class: Class::Unknown, kind: "unknown", hint: None, retry: true };

impl Verdict {
    /// Decided by the class, which is one that is retried.
    pub(super) const fn retry(class: Class, kind: &'static str, hint: &'static str) -> Self {
        Self { class, kind, hint: Some(hint), retry: true }
    }

    /// Another attempt would fail in the same way.
    pub(super) const fn never(class: Class, kind: &'static str, hint: &'static str) -> Self {
        Self { class, kind, hint: Some(hint), retry: false }
    }
}

/// Classifies an error by the types in its chain of causes.
///
/// The first link that a rule is sure of decides, else the last one that a rule knows; an error that no rule knows is
/// [`Class::Unknown`], which is retried.
pub fn classify(error: &(dyn Error + 'static)) -> Verdict {
    let mut fallback = UNKNOWN;
    let mut in_transit = false;
    for link in links(error) {
        in_transit |= is_transit(link);
        match known(link, in_transit) {
            Says::Sure(verdict) => return refine(error, verdict),
            // Closer to the root of the trouble than what was said before.
            Says::Unless(verdict) => fallback = verdict,
            Says::Nothing => {}
        }
    }
    refine(error, fallback)
}

/// The error and its causes. An `io::Error` hides the error that it wraps from `source()`.
fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&link| {
        let wrapped = link.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => link.source(),
        }
    })
    .take(LINKS_MAX)
}

/// Ends the walk along a chain of causes that runs in a circle.
const LINKS_MAX: usize = 64;

/// Whether what lies below this link happened to bytes on their way, not to a file.
fn is_transit(link: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "download")]
    return link.is::<hyper::Error>();
    #[cfg(not(feature = "download"))]
    {
        let _ = link;
        false
    }
}

/// What the rules know about this very link.
fn known(link: &(dyn Error + 'static), in_transit: bool) -> Says {
    if let Some(error) = link.downcast_ref::<std::io::Error>() {
        #[cfg(feature = "download")]
        if in_transit && super::net::is_broken_framing(error) {
            return Says::Sure(super::net::BAD_ANSWER);
        }
        let _ = in_transit;
        return super::io::says(error);
    }
    #[cfg(feature = "download")]
    {
        let says = super::net::says(link);
        if says != Says::Nothing {
            return says;
        }
    }
    super::own::says(link)
}

/// Takes the outer error into account: what broke a connection while it was being made.
fn refine(outer: &(dyn Error + 'static), verdict: Verdict) -> Verdict {
    #[cfg(feature = "download")]
    if let Some(better) = super::net::refine(outer, verdict) {
        return better;
    }
    let _ = outer;
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("while preparing")]
    struct Outer(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn a_cause_is_found_behind_other_errors() {
        let disk = std::io::Error::from_raw_os_error(28);
        let wrapped = std::io::Error::other(Outer(disk.into()));
        let error = Outer(Outer(wrapped.into()).into());
        assert_eq!(classify(&error).kind, "disk_full");
    }

    #[test]
    fn an_error_that_no_rule_knows_is_retried_as_unknown() {
        let error = Outer(std::fmt::Error.into());
        assert_eq!(classify(&error), UNKNOWN);
    }

    #[test]
    fn texts_do_not_decide() {
        let error = Outer("connection refused: 403 no space left on device".into());
        assert_eq!(classify(&error), UNKNOWN);
    }
}
