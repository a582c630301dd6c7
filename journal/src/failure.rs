//! What went wrong with an attempt, classified, as it stands in the journal.

mod advice;
mod evidence;

pub use advice::{Advice, AdviceKind, Condition};
pub use evidence::Evidence;

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::id::ResourceKey;

coded_enum! {
    /// What kind of trouble ended an attempt; decides whether it is worth another try.
    pub enum Class {
        /// The connection failed or broke.
        Network = 1 "network",
        /// Something took longer than it may.
        Timeout = 2 "timeout",
        /// The server asked us to slow down.
        Throttled = 3 "throttled",
        /// The server failed on its side.
        Server = 4 "server",
        /// Memory, disk space or file handles ran out.
        Resource = 5 "resource",
        /// Access was refused.
        Permission = 6 "permission",
        /// The request, the settings or the data are malformed.
        Validation = 7 "validation",
        /// The thing asked for does not exist.
        NotFound = 8 "not_found",
        /// Somebody else is using or changing it.
        Conflict = 9 "conflict",
        /// The data is not what it should be.
        Integrity = 10 "integrity",
        /// Going on would not be safe.
        Security = 11 "security",
        /// The user called it off.
        Cancelled = 12 "cancelled",
        /// The process or the engine stopped in the middle.
        Interrupted = 13 "interrupted",
        /// A defect in a step or in the engine.
        Internal = 14 "internal",
        /// Nothing above could be shown.
        Unknown = 15 "unknown",
    }
}

coded_enum! {
    /// The five groups of failures that people see.
    pub enum Group {
        /// Connections and servers; worth another try.
        Network = 1 "network",
        /// Too slow; worth another try.
        Timeout = 2 "timeout",
        /// Memory, disk, busy files; worth another try.
        Resource = 3 "resource",
        /// Access refused or unsafe; needs a person.
        Permission = 4 "permission",
        /// Malformed, missing or damaged; needs a person.
        Validation = 5 "validation",
    }
}

impl Class {
    /// The group in which people see this class.
    pub const fn group(self) -> Group {
        match self {
            Self::Network | Self::Throttled | Self::Server => Group::Network,
            Self::Timeout => Group::Timeout,
            Self::Resource | Self::Conflict | Self::Interrupted | Self::Unknown => Group::Resource,
            Self::Permission | Self::Security => Group::Permission,
            Self::Validation
            | Self::NotFound
            | Self::Integrity
            | Self::Cancelled
            | Self::Internal => Group::Validation,
        }
    }

    /// Whether another try is worth it unless the failure itself says otherwise.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Network
            | Self::Timeout
            | Self::Throttled
            | Self::Server
            | Self::Resource
            | Self::Conflict
            | Self::Integrity
            | Self::Interrupted
            | Self::Unknown => true,
            Self::Permission
            | Self::Validation
            | Self::NotFound
            | Self::Security
            | Self::Cancelled
            | Self::Internal => false,
        }
    }
}

coded_enum! {
    /// What a failure speaks of, and so what a breaker may conclude from it.
    pub enum Scope {
        /// The one thing that was asked for.
        Item = 1 "item",
        /// The host that was asked.
        Host = 2 "host",
        /// The drive that was written to or read from.
        Volume = 3 "volume",
        /// The account that asked.
        Account = 4 "account",
        /// This process, and with it all that it does.
        Process = 5 "process",
    }
}

coded_enum! {
    /// Whether the attempt may have had its effect although it failed.
    pub enum Applied {
        /// It certainly had none.
        NotSent = 1 "not_sent",
        /// It may have had one.
        Maybe = 2 "maybe",
    }
}

/// Why an attempt failed.
///
/// Bounded: [`Failure::new`] cuts every text, so that a failure always fits into a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of trouble it was.
    pub class: Class,
    /// Finer than the class, such as `refused` or `http_503`; an open set.
    pub kind: String,
    /// What happened, for people, secrets redacted.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Whether another attempt is worth it, and when.
    pub advice: Advice,
    /// Most retries in a row for failures of this rule, whatever the policy allows.
    pub limit: Option<u32>,
    /// What the failure speaks of.
    pub scope: Scope,
    /// Whether the attempt may have had its effect.
    pub applied: Applied,
    /// The very host, volume, account or function that failed, if that is known.
    pub resource: Option<ResourceKey>,
    /// The rule that classified it, such as `io.refused`.
    pub rule: String,
    /// What the rule looked at.
    pub evidence: Evidence,
}

impl Failure {
    /// Longest [`kind`](Self::kind) and [`rule`](Self::rule), in bytes.
    pub const KIND_BYTES_MAX: usize = 64;
    /// Longest [`message`](Self::message) and [`hint`](Self::hint), in bytes.
    pub const TEXT_BYTES_MAX: usize = 1024;

    /// A failure that its class alone judges, its texts cut to their limits.
    pub fn new(class: Class, kind: impl Into<String>, message: impl Into<String>) -> Self {
        let advice = if class.is_retryable() { Advice::BACKOFF } else { Advice::Never };
        Self {
            class,
            kind: cut(kind.into(), Self::KIND_BYTES_MAX),
            message: cut(message.into(), Self::TEXT_BYTES_MAX),
            hint: None,
            advice,
            limit: None,
            scope: Scope::Item,
            applied: Applied::Maybe,
            resource: None,
            rule: format!("class.{}", class.name()),
            evidence: Evidence::default(),
        }
    }

    /// Adds what a person can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(cut(hint.into(), Self::TEXT_BYTES_MAX));
        self
    }

    /// Says whether another attempt is worth it.
    #[must_use]
    pub fn with_advice(mut self, advice: Advice) -> Self {
        self.advice = advice;
        self
    }

    /// Whether another attempt may be worth it.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self.advice, Advice::Never)
    }
}

/// Cuts a text at a character boundary and marks the cut.
pub(crate) fn cut(mut text: String, bytes_max: usize) -> String {
    const MARK: &str = "…";
    if text.len() > bytes_max {
        let mut end = bytes_max - MARK.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let failure = Failure::new(Class::Network, "k".repeat(100), "ü".repeat(2000));
        assert!(failure.kind.len() <= Failure::KIND_BYTES_MAX);
        assert!(failure.message.len() <= Failure::TEXT_BYTES_MAX);
        assert!(failure.message.ends_with("ü…"));
    }

    #[test]
    fn a_class_keeps_its_number_and_name() {
        for class in Class::ALL {
            assert_eq!(Class::from_code(class.code()), Some(*class));
            assert_eq!(Class::from_name(class.name()), Some(*class));
        }
        assert_eq!(Class::ALL.len(), 15);
    }
}
