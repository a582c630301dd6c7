//! What a step says when it fails.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use resurge_journal::failure::{self, Class, Failure};

use crate::classify::{self, Verdict};

/// A failed attempt: its cause, and the class that decides what follows.
///
/// Like `anyhow::Error` it does not implement [`Error`], so that `?` turns any error into it:
/// the whole chain of causes is classified by type, never by its text.
///
/// ```
/// use resurge_steps::StepError;
/// use resurge_journal::failure::Class;
///
/// let error: StepError = std::io::Error::from_raw_os_error(28).into();
/// assert_eq!(error.class(), Class::Resource); // no space left on device
/// ```
pub struct StepError {
    class: Class,
    kind: String,
    message: String,
    hint: Option<String>,
    advice: Advice,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What the step itself knows about another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// The class decides.
    ByClass,
    /// Another attempt would fail in the same way.
    Never,
    /// Another attempt is worth it, but not before this time has passed.
    After(Duration),
}

impl StepError {
    /// A failure of this class; `kind` is a short snake-case word such as `refused`.
    pub fn new(class: Class, kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            class,
            kind: kind.into(),
            message: message.into(),
            hint: None,
            advice: Advice::ByClass,
            source: None,
        }
    }

    /// A failure that no other attempt can mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(Class::Validation, "permanent", message).never()
    }

    /// Classifies an error by type, over its whole chain of causes.
    pub fn classify(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        let Verdict { class, kind, hint, retry } = classify::classify(source.as_ref());
        Self {
            class,
            kind: kind.to_owned(),
            message: chain_text(source.as_ref()),
            hint: hint.map(str::to_owned),
            advice: if retry { Advice::ByClass } else { Advice::Never },
            source: Some(source),
        }
    }

    /// Says what was being done, before the message.
    #[must_use]
    pub fn during(mut self, action: impl fmt::Display) -> Self {
        self.message = format!("{action}: {}", self.message);
        self
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Another attempt would fail in the same way, whatever the class says.
    #[must_use]
    pub const fn never(mut self) -> Self {
        self.advice = Advice::Never;
        self
    }

    /// Another attempt is worth it, but not before `delay` has passed.
    #[must_use]
    pub const fn retry_after(mut self, delay: Duration) -> Self {
        self.advice = Advice::After(delay);
        self
    }

    /// The class that decides whether another attempt follows.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Finer than the class; an open set.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What the step itself knows about another attempt.
    pub const fn advice(&self) -> Advice {
        self.advice
    }

    /// Whether another attempt may be worth it.
    pub const fn is_retryable(&self) -> bool {
        match self.advice {
            Advice::ByClass => self.class.is_retryable(),
            Advice::Never => false,
            Advice::After(_) => true,
        }
    }

    /// The error behind the failure, if there is one.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// The failure as it stands in the journal.
    pub fn to_failure(&self) -> Failure {
        let mut failure = Failure::new(self.class, self.kind.clone(), self.message.clone());
        if let Some(hint) = &self.hint {
            failure = failure.with_hint(hint.clone());
        }
        match self.advice {
            Advice::ByClass => failure,
            Advice::Never => failure.with_advice(failure::Advice::Never),
            Advice::After(delay) => {
                failure.with_advice(failure::Advice::After { delay, shared: false })
            }
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for StepError {
    fn from(source: E) -> Self {
        Self::classify(source)
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepError")
            .field("class", &self.class)
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("advice", &self.advice)
            .finish_non_exhaustive()
    }
}

/// The error and its causes, each said once.
fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
