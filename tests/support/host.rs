//! A host that is up or down as told, and steps that need it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use resurge::{
    Breaker, Class, Jitter, Needs, ResourceKey, RetryPolicy, Step, StepContext, StepError, Workflow,
};
use tokio::time::Instant;

/// What a host answers: nothing if all is well.
type Answer = dyn Fn(u32) -> Option<StepError> + Send + Sync;

/// A host that is up or down as told. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Host {
    key: ResourceKey,
    inner: Arc<Inner>,
}

struct Inner {
    answer: Mutex<Arc<Answer>>,
    takes: Mutex<Duration>,
    visits: Mutex<Vec<Instant>>,
    inside: AtomicU32,
    most: AtomicU32,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Host {
    /// A host that is up and answers at once.
    ///
    /// # Panics
    /// If the name is none.
    pub fn new(name: &str) -> Self {
        let inner = Inner {
            answer: Mutex::new(Arc::new(|_| None)),
            takes: Mutex::default(),
            visits: Mutex::default(),
            inside: AtomicU32::new(0),
            most: AtomicU32::new(0),
        };
        let key = ResourceKey::host("http", name, 80).expect("the name of a host");
        Self { key, inner: Arc::new(inner) }
    }

    /// A host that refuses every connection.
    pub fn refusing(name: &str) -> Self {
        let host = Self::new(name);
        host.down();
        host
    }

    /// Its key.
    pub const fn key(&self) -> &ResourceKey {
        &self.key
    }

    /// From now on it answers this to the n-th visit, counted from 1.
    pub fn answers(&self, answer: impl Fn(u32) -> Option<StepError> + Send + Sync + 'static) {
        *lock(&self.inner.answer) = Arc::new(answer);
    }

    /// From now on it refuses every connection.
    pub fn down(&self) {
        self.fails(Class::Network, "refused");
    }

    /// From now on every visit fails in this way.
    pub fn fails(&self, class: Class, kind: &'static str) {
        let key = self.key.clone();
        self.answers(move |_| {
            Some(StepError::new(class, kind, "it is down").resource(key.clone()))
        });
    }

    /// From now on it answers.
    pub fn up(&self) {
        self.answers(|_| None);
    }

    /// From now on every visit takes so long.
    pub fn takes(&self, duration: Duration) {
        *lock(&self.inner.takes) = duration;
    }

    /// Visits so far.
    pub fn visits(&self) -> usize {
        lock(&self.inner.visits).len()
    }

    /// When the visits began, as time since a point.
    pub fn visits_since(&self, begun: Instant) -> Vec<Duration> {
        lock(&self.inner.visits).iter().map(|at| at.saturating_duration_since(begun)).collect()
    }

    /// Most visits at the same time since it was asked last.
    pub fn most_at_once(&self) -> u32 {
        self.inner.most.swap(0, Ordering::SeqCst)
    }

    /// One visit.
    ///
    /// # Errors
    /// Whatever it answers.
    pub async fn visit(&self) -> Result<(), StepError> {
        let (number, answer) = {
            let mut visits = lock(&self.inner.visits);
            visits.push(Instant::now());
            (u32::try_from(visits.len()).unwrap_or(u32::MAX), Arc::clone(&lock(&self.inner.answer)))
        };
        let _inside = Inside::enter(&self.inner);
        let takes = *lock(&self.inner.takes);
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        answer(number).map_or(Ok(()), Err)
    }
}

/// Counts who is inside, also if a visit is dropped.
struct Inside<'a>(&'a Inner);

impl<'a> Inside<'a> {
    fn enter(inner: &'a Inner) -> Self {
        let now = inner.inside.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most.fetch_max(now, Ordering::SeqCst);
        Self(inner)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A step that does something with a host, which it says it needs; gives its input.
struct Using<F>(Host, F);

impl<F, W> Step for Using<F>
where
    F: Fn(StepContext, Host) -> W + Send + Sync + 'static,
    W: Future<Output = Result<(), StepError>> + Send + 'static,
{
    const KIND: &'static str = "visit";
    type Input = u32;
    type Output = u32;

    fn needs(&self, _: &u32) -> Needs {
        Needs::every(self.0.key().clone())
    }

    async fn run(&self, cx: StepContext, input: u32) -> Result<u32, StepError> {
        cx.uses(self.0.key());
        (self.1)(cx, self.0.clone()).await.map(|()| input)
    }
}

/// A step that does something with a host, which it says it needs; gives its input.
pub fn using<F, W>(host: &Host, work: F) -> impl Step<Input = u32, Output = u32> + use<F, W>
where
    F: Fn(StepContext, Host) -> W + Send + Sync + 'static,
    W: Future<Output = Result<(), StepError>> + Send + 'static,
{
    Using(host.clone(), work)
}

/// A step that visits a host, which it says it needs; gives its input.
pub fn visiting(host: &Host) -> impl Step<Input = u32, Output = u32> + use<> {
    using(host, |_, host| async move { host.visit().await })
}

/// A workflow of one step `visit` under the breaker of its host.
///
/// # Panics
/// If the policy is none.
pub fn visit(host: &Host, policy: RetryPolicy) -> Workflow<u32, u32> {
    visit_behind(host, policy, Breaker::per_host())
}

/// The same under a breaker with this policy.
///
/// # Panics
/// If a policy is none.
pub fn visit_behind(host: &Host, policy: RetryPolicy, breaker: Breaker) -> Workflow<u32, u32> {
    behind(visiting(host), policy, breaker)
}

/// A workflow of one step `visit` under a breaker with this policy.
///
/// # Panics
/// If a policy is none.
pub fn behind<S>(step: S, policy: RetryPolicy, breaker: Breaker) -> Workflow<u32, u32>
where
    S: Step<Input = u32, Output = u32>,
{
    let mut flow = Workflow::builder::<u32>("visit");
    let input = flow.input();
    let step = flow.step("visit", step).takes(input).retry(policy).breaker(breaker).add();
    flow.build(step).expect("a sound workflow")
}

/// A retry every second, often enough for any test, without luck.
pub fn patient() -> RetryPolicy {
    RetryPolicy::fixed(Duration::from_secs(1)).jitter(Jitter::None).max_retries(1_000)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
