//! What a step says when it fails.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use resurge_journal::ResourceKey;
use resurge_journal::failure::{Advice, Class, Evidence, Failure};

use crate::classify::{self, Author, Ruling, redact};

/// A failed attempt: its cause, and the ruling that decides what follows.
///
/// Like `anyhow::Error` it does not implement [`Error`], so that `?` turns any error into it:
/// the whole chain of causes is classified by type, never by its text. What the author of the step
/// adds (`never`, `retry_after`, `class_as`, `limit`, `stretch`, `not_sent`, `needs_space`) beats
/// every rule; the last word counts. Addresses in texts lose their passwords and queries.
///
/// ```
/// use resurge_steps::StepError;
/// use resurge_journal::failure::Class;
///
/// let error: StepError = std::io::Error::from_raw_os_error(28).into();
/// assert_eq!(error.class(), Class::Resource); // no space left on device
/// ```
pub struct StepError {
    // Boxed: it is the `Err` of every function of a step.
    inner: Box<Inner>,
}

struct Inner {
    ruling: Ruling,
    evidence: Evidence,
    message: String,
    resource: Option<ResourceKey>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StepError {
    /// A failure of this class; `kind` is a short snake-case word such as `refused`.
    pub fn new(class: Class, kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::from_evidence(&classify::of_class(class, &kind.into()), message)
    }

    /// A failure that no other attempt can mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(Class::Validation, "permanent", message).never()
    }

    /// A failure that the rules judge by what the step has found.
    ///
    /// ```
    /// use resurge_steps::{StepError, classify};
    ///
    /// let error = StepError::from_evidence(&classify::grpc_status(14), "the registry is down");
    /// assert_eq!(error.rule(), "http.unavailable");
    /// ```
    pub fn from_evidence(evidence: &Evidence, message: impl Into<String>) -> Self {
        let evidence = without_secrets(evidence);
        let ruling = classify::reclassify(&evidence);
        Self::put_together(ruling, evidence, redact(&message.into()), None)
    }

    /// A failure that the rules judge by a single fact.
    #[cfg(any(feature = "download", feature = "verify"))]
    pub(crate) fn found(name: &str, value: &str, message: impl Into<String>) -> Self {
        let mut evidence = Evidence::default();
        evidence.fact(name, value);
        Self::from_evidence(&evidence, message)
    }

    /// Classifies an error by type, over its whole chain of causes.
    pub fn classify(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        let evidence = classify::evidence_of(source.as_ref());
        Self::of_source(source, evidence)
    }

    fn of_source(source: Box<dyn Error + Send + Sync>, evidence: Evidence) -> Self {
        let ruling = classify::reclassify(&evidence);
        let message = classify::gist(source.as_ref(), &ruling.rule);
        Self::put_together(ruling, evidence, message, Some(source))
    }

    fn put_together(
        ruling: Ruling,
        evidence: Evidence,
        message: String,
        source: Option<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { inner: Box::new(Inner { ruling, evidence, message, resource: None, source }) }
    }

    /// Says what was being done, before the message.
    #[must_use]
    pub fn during(mut self, action: impl fmt::Display) -> Self {
        self.inner.message = format!("{}: {}", redact(&action.to_string()), self.inner.message);
        self
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.ruling.hint = Some(redact(&hint.into()));
        self
    }

    /// Another attempt would fail in the same way, whatever the class says.
    #[must_use]
    pub fn never(self) -> Self {
        self.said(&Author::Never)
    }

    /// Another attempt is worth it, but not before `delay` has passed; in milliseconds.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.said(&Author::After(delay))
    }

    /// It is of this class, which then decides about another attempt.
    #[must_use]
    pub fn class_as(self, class: Class) -> Self {
        self.said(&Author::Class(class))
    }

    /// At most so many retries in a row, whatever the policy allows.
    #[must_use]
    pub fn limit(self, retries: u32) -> Self {
        self.said(&Author::Limit(retries))
    }

    /// Another attempt is worth it after the delay of the policy, times this factor.
    #[must_use]
    pub fn stretch(self, factor: u32) -> Self {
        self.said(&Author::Stretch(factor))
    }

    /// The attempt certainly had no effect.
    #[must_use]
    pub fn not_sent(self) -> Self {
        self.said(&Author::NotSent)
    }

    /// There is no room for `bytes` on the drive of `path`; it goes on once there is.
    ///
    /// Class `resource`, kind `disk_full`; waiting for space costs no retry.
    #[must_use]
    pub fn needs_space(self, path: impl AsRef<Path>, bytes: u64) -> Self {
        let path = path.as_ref().to_string_lossy().into_owned();
        self.said(&Author::Space { path, bytes })
    }

    /// Names the very host, volume, account or function that failed.
    #[must_use]
    pub fn resource(mut self, key: ResourceKey) -> Self {
        self.inner.resource = Some(key);
        self
    }

    fn said(mut self, said: &Author) -> Self {
        let inner = self.inner.as_mut();
        classify::apply(&mut inner.ruling, &mut inner.evidence, said);
        self
    }

    /// The same failure under another ruling; its hint is kept if the new one has none.
    pub(crate) fn ruled(mut self, ruling: Ruling) -> Self {
        let hint = ruling.hint.as_deref().map(redact).or_else(|| self.inner.ruling.hint.take());
        self.inner.ruling = Ruling { hint, ..ruling };
        self
    }

    /// The class.
    pub fn class(&self) -> Class {
        self.inner.ruling.class
    }

    /// Finer than the class; an open set.
    pub fn kind(&self) -> &str {
        &self.inner.ruling.kind
    }

    /// Whether another attempt is worth it, and when.
    pub fn advice(&self) -> &Advice {
        &self.inner.ruling.advice
    }

    /// The rule that decided, such as `io.refused`.
    pub fn rule(&self) -> &str {
        &self.inner.ruling.rule
    }

    /// All that was decided.
    pub fn ruling(&self) -> &Ruling {
        &self.inner.ruling
    }

    /// What the rules looked at.
    pub fn evidence(&self) -> &Evidence {
        &self.inner.evidence
    }

    /// The resource that failed, if the step named it.
    pub fn failed_resource(&self) -> Option<&ResourceKey> {
        self.inner.resource.as_ref()
    }

    /// Whether the author of the step had the last word, so that rules of the user have none.
    pub fn is_overridden(&self) -> bool {
        classify::overrides(&self.inner.evidence)
    }

    /// Whether another attempt may be worth it.
    pub fn is_retryable(&self) -> bool {
        self.inner.ruling.is_retryable()
    }

    /// The error behind the failure, if there is one.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.inner.source.as_deref()
    }

    /// The failure as it stands in the journal.
    pub fn to_failure(&self) -> Failure {
        let Inner { ruling, evidence, message, resource, .. } = self.inner.as_ref();
        let mut failure = Failure::new(ruling.class, ruling.kind.clone(), message.clone());
        if let Some(hint) = &ruling.hint {
            failure = failure.with_hint(hint.clone());
        }
        Failure {
            advice: ruling.advice.clone(),
            limit: ruling.limit,
            scope: ruling.scope,
            applied: ruling.applied,
            resource: resource.clone(),
            rule: cut(&ruling.rule, Failure::KIND_BYTES_MAX).to_owned(),
            evidence: evidence.clone(),
            ..failure
        }
    }
}

/// What a step has found may quote addresses, such as what a program printed.
fn without_secrets(evidence: &Evidence) -> Evidence {
    let mut clean = Evidence::default();
    for (name, value) in evidence.facts() {
        clean.fact(name, redact(value));
    }
    for text in evidence.texts() {
        clean.text(redact(text));
    }
    clean
}

/// The beginning of a text, cut at a character.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let fits = |(at, letter): &(usize, char)| at.saturating_add(letter.len_utf8()) <= bytes_max;
    let end = text.char_indices().take_while(fits).last().map_or(0, |(at, l)| at + l.len_utf8());
    text.get(..end).unwrap_or(text)
}

impl<E: Error + Send + Sync + 'static> From<E> for StepError {
    fn from(source: E) -> Self {
        let mut evidence = classify::evidence_of(&source);
        // No rule of ours looks at it; one of the user may, long after the error itself is gone.
        evidence.fact("type", std::any::type_name::<E>());
        Self::of_source(Box::new(source), evidence)
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepError")
            .field("class", &self.class())
            .field("kind", &self.kind())
            .field("message", &self.inner.message)
            .field("advice", self.advice())
            .field("rule", &self.rule())
            .finish_non_exhaustive()
    }
}
