//! What a rule decides about a failure.

use resurge_journal::failure::{Advice, Applied, Class, Scope};

/// What a rule decides about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The class.
    pub class: Class,
    /// Finer than the class, such as `refused`; an open set.
    pub kind: String,
    /// Whether another attempt is worth it, and when.
    pub advice: Advice,
    /// Most retries in a row for this rule, whatever the policy allows.
    pub limit: Option<u32>,
    /// What the failure speaks of.
    pub scope: Scope,
    /// Whether the attempt may have had its effect.
    pub applied: Applied,
    /// The rule that decided, such as `io.refused`.
    pub rule: String,
    /// What a person can do.
    pub hint: Option<String>,
}

impl Ruling {
    /// What the class alone decides, under a finer name.
    pub fn new(class: Class, kind: impl Into<String>) -> Self {
        Self {
            class,
            kind: kind.into(),
            advice: if class.is_retryable() { Advice::BACKOFF } else { Advice::Never },
            limit: None,
            scope: scope_of(class),
            applied: Applied::Maybe,
            rule: format!("class.{}", class.name()),
            hint: None,
        }
    }

    /// Says whether another attempt is worth it, and when.
    #[must_use]
    pub fn advice(mut self, advice: Advice) -> Self {
        self.advice = advice;
        self
    }

    /// Allows at most so many retries in a row.
    #[must_use]
    pub const fn limit(mut self, retries: u32) -> Self {
        self.limit = Some(retries);
        self
    }

    /// Says what the failure speaks of.
    #[must_use]
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The attempt certainly had no effect.
    #[must_use]
    pub const fn not_sent(mut self) -> Self {
        self.applied = Applied::NotSent;
        self
    }

    /// Says what a person can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether another attempt may be worth it.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self.advice, Advice::Never)
    }
}

/// What a failure speaks of when nothing but its class is known.
pub(super) const fn scope_of(class: Class) -> Scope {
    match class {
        Class::Network | Class::Timeout | Class::Throttled | Class::Server => Scope::Host,
        _ => Scope::Item,
    }
}
