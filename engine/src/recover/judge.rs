//! What an error means for another attempt: by its type, or by a function of the application.

use std::any::type_name;
use std::error::Error;
use std::time::Duration;

use resurge_journal::failure::Advice;
use resurge_journal::failure::Class;
use resurge_steps::{StepError, classify};

use super::breaker::Outcome;

/// What an error means for another attempt and for the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    class: Class,
    retry: bool,
    after: Option<Duration>,
}

impl Judgement {
    pub(super) const TIMED_OUT: Self = Self { class: Class::Timeout, retry: true, after: None };

    /// What kind of trouble it was.
    pub const fn class(self) -> Class {
        self.class
    }

    /// Whether another attempt may be worth it.
    pub const fn is_retryable(self) -> bool {
        self.retry
    }

    /// How long the server asked us to wait.
    pub(super) const fn after(self) -> Option<Duration> {
        self.after
    }

    /// The failure for the journal; `what` stands for a text that is not there.
    pub(super) fn report(self, what: &str) -> StepError {
        let error = StepError::new(self.class, "judged", format!("{what}, by the rules given"));
        match self.after {
            Some(delay) if self.retry => error.retry_after(delay),
            _ if !self.retry => error.never(),
            _ if !self.class.is_retryable() => error.stretch(1),
            _ => error,
        }
    }

    /// What the breaker concludes.
    ///
    /// An error that no rule knows is counted only for the function itself: about a host it
    /// proves nothing.
    pub(super) const fn outcome(self, of_function: bool) -> Outcome {
        match self.class {
            Class::Network | Class::Timeout | Class::Server => Outcome::Failure,
            Class::Throttled if self.after.is_none() => Outcome::Failure,
            Class::Unknown if of_function => Outcome::Failure,
            Class::Throttled | Class::Permission | Class::NotFound | Class::Conflict => {
                Outcome::Alive
            }
            _ => Outcome::Ignored,
        }
    }
}

/// Retried if failures of this class are.
impl From<Class> for Judgement {
    fn from(class: Class) -> Self {
        Self { class, retry: class.is_retryable(), after: None }
    }
}

impl From<&StepError> for Judgement {
    fn from(error: &StepError) -> Self {
        let after = error.advice().server_delay();
        Self { class: error.class(), retry: error.is_retryable(), after }
    }
}

impl From<StepError> for Judgement {
    fn from(error: StepError) -> Self {
        Self::from(&error)
    }
}

/// The one place that asks the classification of the steps.
fn by_type(error: &(dyn Error + 'static)) -> Judgement {
    let ruling = classify::classify(error);
    let retry = !matches!(ruling.advice, Advice::Never);
    Judgement { class: ruling.class, retry, after: ruling.advice.server_delay() }
}

fn report(error: &(dyn Error + 'static)) -> StepError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Many errors repeat their cause in their own words.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    StepError::from_evidence(&classify::evidence_of(error), text)
}

/// An error that recovery knows how to judge.
///
/// Every [`Error`] is judged by the types in its chain of causes; a [`StepError`] says it itself.
/// `Kind` only tells the implementations apart; leave it to the compiler.
#[diagnostic::on_unimplemented(
    message = "recovery cannot classify `{Self}`",
    label = "not an error that can be classified",
    note = "implement `std::error::Error` for it, use `StepError`, or give `classify = |error| ..`"
)]
pub trait Classify<Kind> {
    /// What the error means for another attempt.
    fn judgement(&self) -> Judgement;

    /// The error as the journal of an engine holds it.
    fn report(&self) -> StepError {
        self.judgement().report(type_name::<Self>())
    }
}

/// Tells errors that are judged by type from the others; see [`Classify`].
#[derive(Debug)]
pub struct Typed;
/// Tells errors that were judged before from the others; see [`Classify`].
#[derive(Debug)]
pub struct Judged;

// An error that is none is to be told so in the words of `Classify`.
#[diagnostic::do_not_recommend]
impl<E: Error + 'static> Classify<Typed> for E {
    fn judgement(&self) -> Judgement {
        by_type(self)
    }

    fn report(&self) -> StepError {
        report(self)
    }
}

impl Classify<Judged> for StepError {
    fn judgement(&self) -> Judgement {
        self.into()
    }

    fn report(&self) -> StepError {
        let copy = Self::from_evidence(self.evidence(), self.to_string());
        match &self.ruling().hint {
            Some(hint) => copy.hint(hint.clone()),
            None => copy,
        }
    }
}

impl Classify<Judged> for Box<dyn Error + Send + Sync> {
    fn judgement(&self) -> Judgement {
        by_type(self.as_ref())
    }

    fn report(&self) -> StepError {
        report(self.as_ref())
    }
}

/// How a call judges its errors.
#[diagnostic::on_unimplemented(
    message = "recovery cannot classify `{E}`",
    label = "not an error that can be classified",
    note = "implement `std::error::Error` for it, use `StepError`, or give `classify = |error| ..`"
)]
pub trait Rules<E, Kind> {
    /// What the error means for another attempt.
    fn judge(&self, error: &E) -> Judgement;

    /// The error as the journal of an engine holds it.
    fn report(&self, error: &E) -> StepError {
        self.judge(error).report(type_name::<E>())
    }
}

/// Judges errors by [`Classify`]; what a call does unless it is told otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByType;

/// Judges errors by a function of the application.
#[derive(Debug, Clone, Copy)]
pub struct By<F>(pub(super) F);

#[diagnostic::do_not_recommend]
impl<E: Classify<Kind>, Kind> Rules<E, Kind> for ByType {
    fn judge(&self, error: &E) -> Judgement {
        error.judgement()
    }

    fn report(&self, error: &E) -> StepError {
        error.report()
    }
}

impl<E, F, J> Rules<E, (J,)> for By<F>
where
    F: Fn(&E) -> J,
    J: Into<Judgement>,
{
    fn judge(&self, error: &E) -> Judgement {
        (self.0)(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_counts_what_the_resource_is_to_blame_for() {
        for class in Class::ALL {
            let outcome = Judgement::from(*class).outcome(false);
            let expected = match class {
                Class::Network | Class::Timeout | Class::Server | Class::Throttled => {
                    Outcome::Failure
                }
                Class::Permission | Class::NotFound | Class::Conflict => Outcome::Alive,
                _ => Outcome::Ignored,
            };
            assert_eq!(outcome, expected, "{class:?}");
        }
        let unknown = Judgement::from(Class::Unknown);
        assert_eq!(unknown.outcome(true), Outcome::Failure);
    }

    #[test]
    fn a_server_that_names_a_delay_is_alive() {
        let error = StepError::new(Class::Throttled, "http_429", "slow down");
        let judgement = Judgement::from(error.retry_after(Duration::from_secs(3)));
        assert_eq!(judgement.after(), Some(Duration::from_secs(3)));
        assert_eq!(judgement.outcome(true), Outcome::Alive);
    }
}
