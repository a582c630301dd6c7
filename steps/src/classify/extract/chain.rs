//! Walks the causes of an error.

use std::error::Error;
use std::iter;

use resurge_journal::failure::Evidence;

use super::{io, own};
use crate::classify::judge::gist_of;
use crate::classify::redact;

/// What one link of a chain is, as names and values.
pub(super) type Facts = Vec<(&'static str, String)>;

/// Ends the walk along a chain of causes that runs in a circle.
const LINKS_MAX: usize = 64;
/// Leaves room for what the author of the step says.
const FACTS_MAX: usize = 8;

/// What the rules look at: every cause of an error by its type, and its text without secrets.
pub fn evidence_of(error: &(dyn Error + 'static)) -> Evidence {
    let mut evidence = Evidence::default();
    for (name, value) in bounded(links(error).flat_map(facts_of).collect()) {
        evidence.fact(name, value);
    }
    for text in texts(error) {
        evidence.text(text);
    }
    evidence
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

fn facts_of(link: &(dyn Error + 'static)) -> Facts {
    if let Some(error) = link.downcast_ref::<std::io::Error>() {
        return io::facts(error);
    }
    #[cfg(feature = "download")]
    {
        let facts = super::net::facts(link);
        if !facts.is_empty() {
            return facts;
        }
    }
    own::facts(link)
}

/// Both ends of a chain say more than its middle.
fn bounded(mut facts: Facts) -> Facts {
    facts.dedup();
    if facts.len() > FACTS_MAX {
        let outer = FACTS_MAX / 3;
        let inner = facts.len().saturating_sub(FACTS_MAX - outer);
        facts.drain(outer..inner);
    }
    facts
}

/// What the links say, each said once, without secrets.
fn texts(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for link in links(error) {
        let text = redact(&link.to_string());
        if !texts.iter().any(|known| known.ends_with(&text)) {
            texts.push(text);
        }
    }
    texts
}

/// What people get to see: who failed and why, without the libraries in between.
///
/// Only a chain that goes through the HTTP client is shortened; all of it stands in the evidence.
pub(crate) fn gist(error: &(dyn Error + 'static), rule: &str) -> String {
    let through = links(error).position(is_client);
    let Some((outer, gist)) = through.zip(gist_of(rule)) else {
        return texts(error).join(": ");
    };
    let outer = links(error).take(outer).map(|link| redact(&link.to_string()));
    let mut parts: Vec<String> = outer.collect();
    parts.push(gist.to_owned());
    parts.extend(texts(error).pop().filter(|root| links(error).count() > 1 && root != gist));
    parts.dedup();
    parts.join(": ")
}

fn is_client(link: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "download")]
    return link.is::<reqwest::Error>();
    #[cfg(not(feature = "download"))]
    {
        let _ = link;
        false
    }
}
