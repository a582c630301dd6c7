//! The names of things: runs, steps, attempts, positions in the journal.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// Identity of one execution of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RunId(Uuid);

/// The order of the bytes, compared as one number: every index over runs rests on it.
impl Ord for RunId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_u128().cmp(&other.0.as_u128())
    }
}

impl PartialOrd for RunId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl RunId {
    /// Wraps a UUID that the caller drew.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The UUID itself.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RunId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self).map_err(|_| InvalidName {
            what: "run id",
            text: text.to_owned(),
            rule: "a UUID such as 0190a5b2-7c1e-7cc3-8f6e-2b1d6f0a9c11",
        })
    }
}

/// Position of a record in the journal; the first one is 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Seq(u64);

impl Seq {
    /// Before the first record.
    pub const ZERO: Self = Self(0);

    /// The position with this number.
    pub const fn new(seq: u64) -> Self {
        Self(seq)
    }

    /// The number of this position.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position that follows; the last one follows itself.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of an attempt of one step within its run; the first one is 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct AttemptNo(u32);

impl AttemptNo {
    /// No attempt was made yet.
    pub const NONE: Self = Self(0);

    /// The attempt with this number.
    pub const fn new(attempt: u32) -> Self {
        Self(attempt)
    }

    /// The number of this attempt.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The attempt that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for AttemptNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts the times that an engine opened this journal.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Epoch(u64);

impl Epoch {
    /// The opening with this number; the first one is 1.
    pub const fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// The number of this opening.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The opening that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Counts the transitions of one breaker.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct BreakerEpoch(u64);

impl BreakerEpoch {
    /// After this many transitions.
    pub const fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// The number of transitions.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// After one more transition.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Position of a step in the graph of its run, in the order of definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepIndex(u16);

impl StepIndex {
    /// The step at this position.
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// The position as an index into a slice.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// A name that breaks the rules of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}; use {rule}")]
pub struct InvalidName {
    what: &'static str,
    text: String,
    rule: &'static str,
}

/// The longest key of a step or workflow, in bytes.
pub const KEY_BYTES_MAX: usize = 48;

const SLUG_RULE: &str = "1 to 48 characters of a-z, 0-9 and `-`";

fn is_slug(text: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Declares a string newtype that can only hold text which `$valid` accepts.
macro_rules! name_type {
    ($(#[$meta:meta])* $Name:ident, $what:literal, $rule:expr, $valid:expr) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $Name(Arc<str>);

        impl $Name {
            /// Checks the text and wraps it.
            ///
            /// # Errors
            /// [`InvalidName`] with the rule that the text breaks.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let text = text.as_ref();
                if $valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, text: text.escape_debug().to_string(), rule: $rule })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $Name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $Name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// Durable identity of a step within its workflow, such as `download`.
    StepKey, "step key", SLUG_RULE, is_slug
);

name_type!(
    /// Durable identity of a workflow, such as `install-model`.
    WorkflowName, "workflow name", SLUG_RULE, is_slug
);

name_type!(
    /// The caller's own name for a run, such as the name of a model.
    ///
    /// Starting a run under a key that is taken resumes or returns the run that holds it.
    RunKey,
    "run key",
    "1 to 200 bytes without control characters",
    |text: &str| (1..=200).contains(&text.len()) && !text.chars().any(char::is_control)
);

name_type!(
    /// What may be down for everybody who needs it: a host, a volume, an account, a function.
    ///
    /// The text begins with its kind: `host:https/example.org:443`, `volume:/home`,
    /// `account:example.org/1f2e`, `fn:my_crate::fetch`, or `local:network`.
    ResourceKey,
    "resource key",
    "a kind, `:` and a name, 3 to 200 bytes without control characters",
    |text: &str| {
        (3..=200).contains(&text.len())
            && !text.chars().any(char::is_control)
            && text.split_once(':').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty())
    }
);

impl ResourceKey {
    const LOCAL_NETWORK: &str = "local:network";

    /// A host as one speaks to it, such as `host:https/example.org:443`.
    ///
    /// # Errors
    /// [`InvalidName`] if the name of the host is too long or has control characters.
    pub fn host(scheme: &str, host: &str, port: u16) -> Result<Self, InvalidName> {
        Self::new(format!("host:{scheme}/{host}:{port}"))
    }

    /// The line between this machine and every host.
    pub fn local_network() -> Self {
        Self(Self::LOCAL_NETWORK.into())
    }

    /// Whether this is the line between this machine and every host.
    pub fn is_local_network(&self) -> bool {
        self.as_str() == Self::LOCAL_NETWORK
    }

    /// Whether this is a host.
    pub fn is_host(&self) -> bool {
        self.kind() == "host"
    }

    /// What kind of thing it is, such as `host`.
    pub fn kind(&self) -> &str {
        self.as_str().split_once(':').map_or("", |(kind, _)| kind)
    }

    /// What people call it: `example.org`, `example.org:8080`, `account joe`.
    pub fn display_name(&self) -> String {
        if self.is_local_network() {
            return "the connection of this machine".to_owned();
        }
        let Some((kind, name)) = self.as_str().split_once(':') else { return self.to_string() };
        match (kind, name.split_once('/')) {
            ("host", Some(("https", host))) => host.strip_suffix(":443").unwrap_or(host).to_owned(),
            ("host", Some(("http", host))) => host.strip_suffix(":80").unwrap_or(host).to_owned(),
            ("host", _) => name.to_owned(),
            _ => format!("{kind} {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_key_is_a_short_slug() {
        for good in ["a", "download", "unpack-2", &"x".repeat(48)] {
            assert!(StepKey::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Download", "a b", "a_b", "ä", &"x".repeat(49)] {
            assert!(StepKey::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resources_have_names_for_people() {
        for (key, name) in [
            ("host:http/127.0.0.1:8000", "127.0.0.1:8000"),
            ("host:http/a:80", "a"),
            ("host:https/a:443", "a"),
            ("host:https/a:80", "a:80"),
            ("local:network", "the connection of this machine"),
            ("account:joe", "account joe"),
        ] {
            assert_eq!(ResourceKey::new(key).map(|key| key.display_name()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn a_broken_name_says_what_to_use() {
        let error = StepKey::new("My Step").expect_err("not a slug").to_string();
        assert_eq!(
            error,
            "`My Step` is not a step key; use 1 to 48 characters of a-z, 0-9 and `-`"
        );
    }
}
