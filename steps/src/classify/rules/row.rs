//! One row of the table.

use resurge_journal::failure::{Applied, Class, Scope};

/// A fact that a row knows: its name, and its value, `4xx` for a hundred of them, `*` for any.
pub(in crate::classify) type Fact = (&'static str, &'static str);

/// What a rule makes of its facts.
#[derive(Debug, Clone, Copy)]
pub(in crate::classify) struct Row {
    pub(in crate::classify) id: &'static str,
    pub(in crate::classify) class: Class,
    /// Empty if it is named after the fact.
    pub(in crate::classify) kind: &'static str,
    pub(in crate::classify) plan: Plan,
    pub(in crate::classify) limit: Option<u32>,
    pub(in crate::classify) scope: Scope,
    pub(in crate::classify) applied: Applied,
    /// What happened, in a few words; replaces the words of the libraries in between.
    pub(in crate::classify) gist: &'static str,
    pub(in crate::classify) hint: &'static str,
    pub(in crate::classify) when: When,
    /// These facts decide.
    pub(in crate::classify) sure: &'static [Fact],
    /// These facts decide unless a cause further down says more.
    pub(in crate::classify) unless: &'static [Fact],
}

/// When another attempt is worth it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::classify) enum Plan {
    Never,
    Now,
    /// The delay of the policy, times this.
    Backoff(u32),
}

/// What else must be known for a row to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::classify) enum When {
    Always,
    /// The address was signed, or a redirect led to it.
    LinkMayExpire,
    /// The server asked for a delay.
    DelayAsked,
}

/// A rule, as people read about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleInfo {
    /// Its name, such as `io.refused`.
    pub id: &'static str,
    /// The class that it gives.
    pub class: Class,
    /// What a person can do.
    pub hint: &'static str,
}

impl Row {
    pub(super) const fn new(
        id: &'static str,
        class: Class,
        kind: &'static str,
        plan: Plan,
    ) -> Self {
        Self {
            id,
            class,
            kind,
            plan,
            limit: None,
            scope: Scope::Item,
            applied: Applied::Maybe,
            gist: "",
            hint: "",
            when: When::Always,
            sure: &[],
            unless: &[],
        }
    }

    pub(super) const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    pub(super) const fn gist(self, gist: &'static str) -> Self {
        Self { gist, ..self }
    }

    pub(super) const fn sure(self, sure: &'static [Fact]) -> Self {
        Self { sure, ..self }
    }

    pub(super) const fn unless(self, unless: &'static [Fact]) -> Self {
        Self { unless, ..self }
    }

    pub(super) const fn limit(self, retries: u32) -> Self {
        Self { limit: Some(retries), ..self }
    }

    pub(super) const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    pub(super) const fn not_sent(self) -> Self {
        Self { applied: Applied::NotSent, ..self }
    }

    pub(super) const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}

impl From<&Row> for RuleInfo {
    fn from(row: &Row) -> Self {
        Self { id: row.id, class: row.class, hint: row.hint }
    }
}
