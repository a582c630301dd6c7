//! Recovery without the attribute.

use std::fmt::{self, Display};
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::time::Duration;

use resurge_journal::{InvalidName, ResourceKey};

use super::breaker::BreakerSettings;
use super::error::{Recovered, SettingsProblem};
use super::gates::gate;
use super::journaled::{self, JournaledDriver};
use super::judge::{By, ByType, Rules};
use super::local::{LocalDriver, OnOpen, Plan};
use super::session::{Attempt, Session};
use crate::handle::{CallSpec, Engine};
use crate::policy::{Breaker, RetryPolicy};
use crate::shell::luck;

/// One call that is tried again when it fails; made by [`recover`].
///
/// # Defaults
/// Those of the recovery decorator: 3 retries after 1 s, 2 s and 4 s, at most 60 s
/// ([`RetryPolicy::default`]); no timeout; a circuit breaker that opens after 5 failures in a row
/// for 300 s and fails calls at once while it is open.
///
/// # Durability
/// None without an [`engine`](Self::engine): attempts are counted in memory, and breakers live as
/// long as the process. With one, each attempt is durable before it begins, and success before the
/// caller sees it.
///
/// ```
/// use resurge::recover::recover;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let text = recover("read settings")
///     .run(|attempt| async move {
///         println!("attempt {}/{}", attempt.number(), attempt.max_attempts());
///         std::fs::read_to_string("Cargo.toml")
///     })
///     .await?;
/// # assert!(text.contains("resurge"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing happens before `run` or `run_sync`"]
pub struct Recover<C = ByType> {
    name: String,
    policy: RetryPolicy,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    breaker: Option<(u32, Duration)>,
    key: Option<String>,
    resource: Option<String>,
    on_open: OnOpen,
    engine: Option<Engine>,
    rules: C,
}

/// Starts the description of a call; calls of the same name share a breaker.
pub fn recover(name: impl Into<String>) -> Recover {
    Recover {
        name: name.into(),
        policy: RetryPolicy::default(),
        timeout: None,
        deadline: None,
        breaker: Some((5, Duration::from_secs(300))),
        key: None,
        resource: None,
        on_open: OnOpen::default(),
        engine: None,
        rules: ByType,
    }
}

impl<C> Recover<C> {
    /// When and how often to try again. Default [`RetryPolicy::default`].
    pub fn policy(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Most time for one attempt. Default none.
    ///
    /// Blocking work is not interrupted, see [`Attempt::deadline`].
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Most time for the whole call, its waits included. Default none.
    pub const fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// Failures in a row that open the breaker, and for how long. Default 5 and 300 s.
    ///
    /// Calls that share a breaker should say the same; what the latest one says goes from then on.
    pub const fn circuit_breaker(mut self, threshold: u32, timeout: Duration) -> Self {
        self.breaker = Some((threshold, timeout));
        self
    }

    /// Does without a breaker.
    pub const fn without_circuit_breaker(mut self) -> Self {
        self.breaker = None;
        self
    }

    /// What tells this call from others of the same name, such as a URL. Default none.
    ///
    /// Calls with the same name and key draw the same jitter, so that their delays can be
    /// reproduced. With an [`engine`](Self::engine), name and key are the key of the run: such a
    /// call goes on after a restart, and cannot be made twice at the same time.
    pub fn key(mut self, key: &(impl Display + ?Sized)) -> Self {
        self.key = Some(key.to_string());
        self
    }

    /// What the breaker protects, such as `host:https/example.org:443`. Default `fn:` and the name.
    ///
    /// All calls of the process that name it share the breaker. A text without `:` stands for
    /// `fn:` and the text.
    pub fn resource(mut self, resource: &(impl Display + ?Sized)) -> Self {
        self.resource = Some(resource.to_string());
        self
    }

    /// The engine that keeps the state of the call. Default none.
    ///
    /// The call is then a run of the workflow `call`: its attempts, delays and failures are events
    /// in the journal, it shares its breaker with the steps of workflows, and people can pause,
    /// retry or cancel it. With a [`key`](Self::key) it goes on after a restart when it is made
    /// again: with its count, its due time, and the policy and deadline that it began with.
    /// Without one it is cancelled when its caller is gone.
    pub fn engine(mut self, engine: &Engine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    /// What to do while the breaker is open. Default [`OnOpen::Fail`].
    pub const fn on_open(mut self, on_open: OnOpen) -> Self {
        self.on_open = on_open;
        self
    }

    /// Judges errors by a function, which gives a [`Class`](crate::Class), a
    /// [`StepError`](crate::StepError) or a [`Judgement`](super::Judgement).
    pub fn classify<E, J, F>(self, judge: F) -> Recover<By<F>>
    where
        F: Fn(&E) -> J,
        J: Into<super::Judgement>,
    {
        let Self { name, policy, timeout, deadline, breaker, key, .. } = self;
        let Self { resource, on_open, engine, .. } = self;
        let rules = By(judge);
        Recover { name, policy, timeout, deadline, breaker, key, resource, on_open, engine, rules }
    }

    /// Makes attempts until one succeeds or none is left.
    ///
    /// # Errors
    /// [`RecoveryError`](super::RecoveryError): the last attempt's error, or why there was none.
    ///
    /// # Cancel safety
    /// The attempt under way is dropped; the breaker forgets it.
    pub async fn run<T, E, K, F, Fut>(self, mut work: F) -> Recovered<T, E>
    where
        C: Rules<E, K>,
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut session = self.begin();
        loop {
            let attempt = session.admit().await?;
            let ended = attempt.limit(work(attempt)).await;
            if let ControlFlow::Break(end) = session.settle(ended).await {
                return end;
            }
        }
    }

    /// Makes attempts on this thread until one succeeds or none is left; needs no runtime.
    ///
    /// # Errors
    /// [`RecoveryError`](super::RecoveryError): the last attempt's error, or why there was none.
    pub fn run_sync<T, E, K>(self, mut work: impl FnMut(Attempt) -> Result<T, E>) -> Recovered<T, E>
    where
        C: Rules<E, K>,
    {
        let mut session = self.begin();
        loop {
            let attempt = session.admit_blocking()?;
            if let ControlFlow::Break(end) = session.settle_blocking(work(attempt)) {
                return end;
            }
        }
    }

    /// Begins the call without a closure; what is wrong with it comes out at the first attempt.
    pub fn begin(mut self) -> Session<C> {
        let mut problems: Vec<SettingsProblem> =
            self.policy.problems().into_iter().map(SettingsProblem::from).collect();
        if self.timeout.is_some_and(|limit| limit.is_zero()) {
            problems.push(SettingsProblem::Timeout);
        }
        let resource = self.resource_key();
        if let Err(invalid) = &resource {
            problems.push(SettingsProblem::Resource(invalid.clone()));
        }
        let settings = self.breaker.and_then(|(threshold, rest)| {
            let threshold = NonZeroU32::new(threshold);
            if threshold.is_none() {
                problems.push(SettingsProblem::Threshold);
            }
            Some(BreakerSettings { threshold: threshold?, rest })
        });
        let guard = settings.zip(resource.ok());
        if let Some(engine) = self.engine.take() {
            let breaker = guard.map_or_else(Breaker::none, |(settings, key)| {
                journaled::breaker(key, settings, self.timeout, self.on_open)
            });
            let spec = CallSpec {
                key: self.key.as_ref().and_then(|key| journaled::run_key(&self.name, key)),
                retry: self.policy,
                breaker,
                deadline: self.deadline,
            };
            let driver = JournaledDriver::new(engine, spec, self.timeout, problems);
            return Session::journaled(self.rules, driver);
        }
        let gate = guard.and_then(|(settings, key)| gate(&key, settings));
        let luck = self.key.as_ref().map_or_else(luck, |key| reproducible(&self.name, key));
        Session::local(
            self.rules,
            LocalDriver::new(Plan {
                policy: self.policy,
                timeout: self.timeout,
                within: self.deadline,
                gate,
                on_open: self.on_open,
                luck,
                problems,
            }),
        )
    }

    fn resource_key(&self) -> Result<ResourceKey, InvalidName> {
        match &self.resource {
            Some(text) if text.contains(':') => ResourceKey::new(text.clone()),
            Some(text) => ResourceKey::new(format!("fn:{text}")),
            None => ResourceKey::new(format!("fn:{}", end_of(&self.name))),
        }
    }
}

impl<C> fmt::Debug for Recover<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recover")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The end of a name, which tells more than its beginning, where all of it is too long for a key.
fn end_of(name: &str) -> &str {
    const BYTES_MAX: usize = 190;
    let from = name.len().saturating_sub(BYTES_MAX);
    (from..=name.len()).find_map(|from| name.get(from..)).unwrap_or(name)
}

/// The same number for the same name and key.
fn reproducible(name: &str, key: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, name, key).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
