//! Rules of the user, asked before and after ours.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use resurge_journal::failure::{Advice, Class, Evidence};

use super::judge::reclassify;
use super::overrides;
use super::ruling::Ruling;
use crate::error::StepError;

type Opinion = dyn Fn(&Evidence, Option<&(dyn Error + 'static)>) -> Option<Ruling> + Send + Sync;

/// A rule of the user: a name, and a function that may have an opinion about a failure.
///
/// It gets the evidence and, while the failure is fresh, the error behind it. A rule that looks at
/// the evidence alone can be run again over the journal. A panic counts as no opinion.
#[derive(Clone)]
pub struct Rule {
    id: Arc<str>,
    opinion: Arc<Opinion>,
}

/// Rules of the user around ours. Cheap to clone.
///
/// ```
/// use resurge_journal::failure::Class;
/// use resurge_steps::classify::{Rule, Rules, Ruling};
///
/// let rules = Rules::new().before(Rule::new("shop.maintenance", |evidence, _| {
///     let down = evidence.find("http") == Some("418");
///     down.then(|| Ruling::new(Class::Server, "maintenance").limit(10))
/// }));
/// # let _ = rules;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Rules {
    before: Vec<Rule>,
    after: Vec<Rule>,
}

impl Rule {
    /// A rule; `id` is recorded as the one that decided.
    pub fn new(
        id: impl AsRef<str>,
        opinion: impl Fn(&Evidence, Option<&(dyn Error + 'static)>) -> Option<Ruling>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { id: id.as_ref().into(), opinion: Arc::new(opinion) }
    }

    /// The name of the rule.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn ask(&self, evidence: &Evidence, error: Option<&(dyn Error + 'static)>) -> Option<Ruling> {
        // Whatever a rule leaves behind when it panics is its own affair: it is not looked at.
        let asked = catch_unwind(AssertUnwindSafe(|| (self.opinion)(evidence, error)));
        let ruling = asked.unwrap_or_else(|_| {
            tracing::warn!(rule = %self.id, "a rule of classification panicked; it is passed over");
            None
        })?;
        Some(Ruling { rule: self.id.to_string(), ..ruling })
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Rules {
    /// No rules but ours.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule that is asked before ours; the first one with an opinion decides.
    ///
    /// It cannot make a failure retryable that ours calls hopeless: only the author of the step
    /// may, who knows what the attempt has done.
    #[must_use]
    pub fn before(mut self, rule: Rule) -> Self {
        self.before.push(rule);
        self
    }

    /// Adds a rule that is asked about what ours do not know: whatever is of class `unknown`.
    #[must_use]
    pub fn after(mut self, rule: Rule) -> Self {
        self.after.push(rule);
        self
    }

    /// Whether there are no rules but ours.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Judges a failed attempt once more, unless the author of the step has the last word.
    #[must_use]
    pub fn judge(&self, error: StepError) -> StepError {
        let source = error.source().map(|source| source as &(dyn Error + 'static));
        match self.opinion(error.evidence(), error.ruling(), source) {
            Some(ruling) => error.ruled(ruling),
            None => error,
        }
    }

    /// Runs all rules over evidence, such as that of a failure in the journal.
    pub fn reclassify(&self, evidence: &Evidence) -> Ruling {
        let ours = reclassify(evidence);
        self.opinion(evidence, &ours, None).unwrap_or(ours)
    }

    fn opinion(
        &self,
        evidence: &Evidence,
        ours: &Ruling,
        error: Option<&(dyn Error + 'static)>,
    ) -> Option<Ruling> {
        if overrides(evidence) {
            return None;
        }
        let ask = |rules: &[Rule]| rules.iter().find_map(|rule| rule.ask(evidence, error));
        let ruling = ask(&self.before)
            .or_else(|| (ours.class == Class::Unknown).then(|| ask(&self.after)).flatten())?;
        let advice = if ours.is_retryable() { ruling.advice } else { Advice::Never };
        Some(Ruling { advice, ..ruling })
    }
}
