//! The engine as users hold it.

#[cfg(feature = "sled")]
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use resurge_journal::state::Run;
use resurge_journal::store::{MemoryStore, Store};
use resurge_journal::{Json, RunId, RunKey, Seq};
use resurge_steps::Payload;
use tokio::sync::{mpsc, oneshot};

use super::builder::EngineBuilder;
use super::error::Unavailable;
use super::events::EventStream;
use super::run::RunHandle;
use super::start::StartRun;
use super::view::RunView;
use crate::core::{Command, Refusal, Registry, Wanted};
use crate::settings::Settings;
use crate::shell::{Answer, Feed, Home, Message, Reply, SHUT_DOWN, Sight, Told};
use crate::workflow::Workflow;

/// A running engine. Cheap to clone; the journal stays open until the last clone is gone.
///
/// Call [`shutdown`](Self::shutdown) before the process ends, so that attempts can save where they
/// stand. An engine that is dropped or killed instead loses nothing that was durable.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) inbox: mpsc::Sender<Message>,
    pub(super) feed: Arc<Feed>,
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: Settings,
    pub(super) registry: Arc<Registry>,
    pub(super) obituary: Arc<OnceLock<String>>,
    /// How long it took to fold what the journal said when it was opened.
    pub(super) replay: Duration,
    /// Where the engine runs, for callers outside any runtime.
    pub(super) home: Home,
    /// Dropped with the last handle; the driver sees it and winds down.
    pub(super) _alive: oneshot::Sender<()>,
}

impl Engine {
    /// Opens the journal in a folder; creates it if the folder is missing or empty.
    #[cfg(feature = "sled")]
    pub fn open(journal: impl AsRef<Path>) -> EngineBuilder {
        EngineBuilder::at(journal.as_ref())
    }

    /// Keeps the journal in memory: nothing survives the process.
    pub fn in_memory() -> EngineBuilder {
        Self::with_store(Arc::new(MemoryStore::new()))
    }

    /// Keeps the journal in a store of the caller.
    pub fn with_store(store: Arc<dyn Store>) -> EngineBuilder {
        EngineBuilder::over(store)
    }

    /// Starts a run; await the result, or name the run first with [`StartRun::key`].
    ///
    /// ```
    /// # use resurge::{Engine, Workflow, StepContext};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let mut flow = Workflow::builder::<u32>("double");
    /// # let n = flow.input();
    /// # let doubled = flow.step_fn("double", n, |_: StepContext, n: u32| async move { Ok(n * 2) }).add();
    /// # let flow = flow.build(doubled).unwrap();
    /// let engine = Engine::in_memory().register(&flow).start().await?;
    /// let run = engine.start(&flow, 21).key("the-answer").await?;
    /// assert_eq!(run.outcome().await?, 42);
    /// # engine.shutdown(std::time::Duration::ZERO).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    pub fn start<I: Payload, O: Payload>(&self, flow: &Workflow<I, O>, input: I) -> StartRun<I, O> {
        StartRun::new(self.clone(), flow.clone(), input)
    }

    /// A handle to a run, whatever its workflow; its outcome is JSON.
    pub fn run(&self, run: RunId) -> RunHandle<Json> {
        RunHandle::new(self.clone(), run)
    }

    /// The newest run under a key.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn find(&self, key: &RunKey) -> Result<Option<RunView>, Unavailable> {
        let key = key.clone();
        self.find_run(Wanted::Newest(key), |found, sight| {
            found.first().map(|run| RunView::seen(run, sight))
        })
        .await
    }

    /// A view of every run that retention has left, in the order in which they were started.
    ///
    /// Those that have ended and those that wait for long are read from the disk.
    ///
    /// # Errors
    /// [`Unavailable`] if the engine no longer runs.
    ///
    /// # Cancel safety
    /// Safe: nothing is changed.
    pub async fn runs(&self) -> Result<Vec<RunView>, Unavailable> {
        let mut views: Vec<RunView> = self.map_runs(Some).await?;
        views.sort_by_key(|view| view.id);
        Ok(views)
    }

    /// The last event that is durable.
    ///
    /// Its successor is where [`events`](Self::events) begins to tell only what is new.
    pub fn head(&self) -> Seq {
        self.inner.feed.subscribe().borrow().seq
    }

    /// Every event from a position on: first those in the journal, then those to come.
    ///
    /// [`Seq::new`]`(1)` is the first event; if retention has dropped it, the first that is left.
    pub fn events(&self, from: Seq) -> EventStream {
        EventStream::new(Arc::clone(&self.inner.feed), Arc::clone(&self.inner.store), from)
    }

    /// Stops the engine: no attempt begins, those under way save where they stand.
    ///
    /// Attempts that do not end within `grace` are dropped and recorded as interrupted; they begin
    /// again when the engine is opened again.
    ///
    /// Shutting down twice is as good as once.
    ///
    /// # Errors
    /// [`Unavailable`] if the journal failed.
    ///
    /// # Durability
    /// Everything is durable and the journal is closed when it returns.
    ///
    /// # Cancel safety
    /// When the future is dropped the engine shuts down all the same.
    pub async fn shutdown(&self, grace: Duration) -> Result<(), Unavailable> {
        let answer = self.ask(|reply| Message::Shutdown { grace, reply }).await;
        // Somebody else shut it down already, in good order.
        answer.or_else(|gone| if gone.reason == SHUT_DOWN { Ok(()) } else { Err(gone) })
    }

    /// Where the records are kept.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.inner.store)
    }

    /// Sends a question to the driver and waits for the answer.
    pub(super) async fn ask<T>(
        &self,
        question: impl FnOnce(Reply<T>) -> Message,
    ) -> Result<T, Unavailable> {
        let (reply, answer) = oneshot::channel();
        self.inner.inbox.send(question(reply)).await.map_err(|_| self.unavailable())?;
        answer.await.map_err(|_| self.unavailable())
    }

    /// Looks at the state; the answer comes once everything it rests on is durable.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Sight<'_>) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.ask(|reply| {
            Message::Look(Box::new(move |sight| Box::new(Told { reply, answer: look(sight) })))
        })
        .await
    }

    /// Looks at a run wherever it is, and at whoever has its key.
    pub(super) async fn find_run<T: Send + 'static>(
        &self,
        wanted: Wanted,
        find: impl FnOnce(&[Arc<Run>], &Sight<'_>) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        self.ask(|reply| {
            let find = Box::new(move |found: &[Arc<Run>], sight: &Sight<'_>| {
                Box::new(Told { reply, answer: find(found, sight) }) as Box<dyn Answer>
            });
            Message::Find { wanted, find }
        })
        .await
    }

    /// Has a command carried out; gives the record up to which it is done.
    pub(super) async fn order(
        &self,
        command: Command,
    ) -> Result<Result<Seq, Refusal>, Unavailable> {
        let command = Box::new(command);
        self.ask(|reply| Message::Do { command, reply }).await
    }

    fn unavailable(&self) -> Unavailable {
        let reason = self.inner.obituary.get().cloned();
        Unavailable { reason: reason.unwrap_or_else(|| "it is shutting down".to_owned()) }
    }
}
