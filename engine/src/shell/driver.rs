//! The one task that owns the state: takes messages, has them decided, and obeys.

mod inbox;
mod upkeep;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use resurge_journal::checkpoint::Cold;
use resurge_journal::dump::with_causes;
use resurge_journal::state::{Run, RunPhase};
use resurge_journal::store::Store;
use resurge_journal::{Record, ResourceKey, RunId, Seq, State, StepIndex, Timestamp};
use resurge_steps::StopReason;
use resurge_steps::classify::Rules;
use tokio::sync::{mpsc, oneshot};

use super::ambient::{World, boot_id, spawn_blocking};
use super::answer::Told;
use super::commit::{CommitError, Committer};
use super::drain::Drain;
use super::ending::{Ended, Waiters};
use super::feed::Feed;
use super::held::Held;
use super::message::{Message, Reply};
use super::observe;
use super::pace::Throttle;
use super::reach::Unreadable;
use super::residence::Residence;
use super::retention::Retention;
use super::space::Space;
use super::tasks::{Common, Tasks, remove_folders};
use super::watches::Watches;
use crate::core::{Broken, Command, Core, Plan, Refusal, Wanted, plan_of};

/// The one task that owns the state.
#[derive(Debug)]
pub(super) struct Driver {
    core: Core,
    world: Arc<World>,
    store: Arc<dyn Store>,
    commits: Committer,
    /// The runs that have left memory.
    residence: Residence,
    /// Messages that wait for one of them.
    held: Held,
    /// What is dropped from the journal.
    retention: Retention,
    space: Space,
    tasks: Tasks,
    throttle: Throttle,
    watches: Watches,
    feed: Arc<Feed>,
    inbox: mpsc::Receiver<Message>,
    /// Resolves when the last handle is gone.
    handles: oneshot::Receiver<()>,
    waiters: Waiters,
    /// Records applied but perhaps not durable, with the runs to be reconciled once they are.
    touched: VecDeque<(Seq, RunId)>,
    drain: Option<Drain>,
    /// Why the engine stopped, for handles that outlive it.
    obituary: Arc<OnceLock<String>>,
}

/// What the driver is made of, beside the folded state.
pub(super) struct Wiring {
    pub(super) world: Arc<World>,
    pub(super) store: Arc<dyn Store>,
    pub(super) cold: Cold,
    pub(super) feed: Arc<Feed>,
    pub(super) sender: mpsc::WeakSender<Message>,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) handles: oneshot::Receiver<()>,
    pub(super) scratch_root: PathBuf,
    pub(super) obituary: Arc<OnceLock<String>>,
    pub(super) rules: Rules,
}

/// Why the driver stopped before it was asked to.
#[derive(Debug, thiserror::Error)]
enum Fatal {
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Driver {
    pub(super) fn new(core: Core, wiring: Wiring) -> Self {
        let Wiring { world, store, cold, feed, sender, inbox, handles, .. } = wiring;
        let (scratch_root, obituary, rules) = (wiring.scratch_root, wiring.obituary, wiring.rules);
        let settings = core.settings();
        let (grace, payload_bytes_max) = (settings.stop_grace, settings.payload_bytes_max);
        let (boot, driver) = (boot_id(), sender.clone());
        let limits = settings.limits();
        let retention = Retention::new(Arc::clone(&store), scratch_root.clone(), limits);
        let throttle = Throttle::new(settings, core.state().tuning());
        let pace = throttle.pace();
        let common = Common { driver, boot, scratch_root, grace, payload_bytes_max, rules, pace };
        Self {
            watches: Watches::new(sender, settings.condition_poll),
            commits: Committer::new(Arc::clone(&store)),
            space: Space::new(Arc::clone(&store), settings.condition_poll),
            tasks: Tasks::new(common, world.now()),
            throttle,
            retention,
            residence: Residence::new(Arc::clone(&store), cold, settings),
            held: Held::default(),
            core,
            world,
            store,
            feed,
            inbox,
            handles,
            waiters: Waiters::default(),
            touched: VecDeque::new(),
            drain: None,
            obituary,
        }
    }

    /// Runs until it is shut down, its handles are gone, or the journal fails.
    pub(super) async fn run(mut self, recovered: Reply<()>) {
        // Kept here, so that it is not dropped before the obituary is written.
        let mut recovered = Some(recovered);
        let ending = self.serve(&mut recovered).await;
        self.retention.stop();
        let in_order = ending.is_ok();
        if in_order {
            self.residence.finish(&mut self.core, self.world.now()).await;
        }
        self.watches.end();
        self.tasks.stop_all(StopReason::Shutdown);
        self.tasks.wind_up().await;
        let words = match ending {
            Ok(()) => SHUT_DOWN.to_owned(),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the engine stopped");
                with_causes(&error)
            }
        };
        // Set before the answers that wait are dropped, so that whoever wakes can read it.
        let _ = self.obituary.set(words);
        self.feed.end();
        let store = Arc::clone(&self.store);
        let closed = spawn_blocking(move || store.close()).await;
        if closed.is_err() {
            tracing::error!("the journal panicked while it was closed");
        }
        // Without an answer whoever waits learns from the obituary what went wrong.
        let mut replies = self.drain.take().map(|drain| drain.replies).unwrap_or_default();
        while let Ok(message) = self.inbox.try_recv() {
            if let Message::Shutdown { reply, .. } = message {
                replies.push(reply);
            }
        }
        for reply in replies.into_iter().filter(|_| in_order) {
            let _ = reply.send(());
        }
    }

    async fn serve(&mut self, recovered: &mut Option<Reply<()>>) -> Result<(), Fatal> {
        while !self.residence.bring(&mut self.core, &Wanted::Misfits, self.world.now()) {
            let landed = self.residence.next().await;
            self.residence.landed(&mut self.core, landed)?;
        }
        let recover = Command::Recover { boot: boot_id(), pid: std::process::id() };
        // A refusal is impossible: recovery looks at nothing but the journal.
        let _ = self.decide(recover)?;
        // Nothing is recorded about them, and still somebody has to look at what they wait for.
        let (head, state) = (self.core.state().head(), self.core.state());
        self.touched.extend(state.on_conditions().map(|(run, _)| (head, run)));
        if let Some(reply) = recovered.take() {
            self.answer(reply, ());
        }
        loop {
            self.advance_drain()?;
            if self.is_finished() {
                return Ok(());
            }
            self.look_at_disk();
            self.go_on()?;
            self.gather().await?;
            self.commits.begin(self.inbox.is_empty());
            let now = self.world.now();
            if self.residence.keep(&mut self.core, self.commits.durable(), now) {
                self.retention.look();
            }
            self.look_at_past(now);
            let wake_at = self.residence.wake_at(&self.core, now).filter(|_| self.drain.is_none());
            let is_quiet = self.drain.is_none() && self.commits.is_idle();
            let quiet_at = self.residence.quiet_at(&self.core).filter(|_| is_quiet);
            let drain_at = self.drain.as_ref().filter(|d| !d.closed).map(|d| d.deadline);
            tokio::select! {
                biased;
                landed = self.commits.landed() => {
                    let records = landed?;
                    // First, so that the disk works while the driver looks at what it wrote.
                    self.commits.go_on();
                    self.durable(records);
                }
                // Before the messages, so that no flood of them holds a timer up.
                () = sleep_until(&self.world, wake_at) => self.wake()?,
                () = sleep_until(&self.world, drain_at) => {}
                landed = self.residence.next() => self.settle(landed)?,
                looked = self.retention.next() => self.looked(looked)?,
                waited = self.space.regained() => {
                    self.core.suspend(false);
                    self.commits.try_again();
                    for message in waited {
                        self.take(message)?;
                    }
                    self.wake()?;
                }
                Some(message) = self.inbox.recv(), if self.takes_messages() => {
                    self.receive(message)?;
                }
                // Last, so that it is quiet indeed.
                () = sleep_until(&self.world, quiet_at) => {}
                _ = &mut self.handles, if self.drain.is_none() => self.begin_drain(Duration::ZERO)?,
            }
        }
    }

    /// Goes on with messages whose runs could not be read before.
    fn go_on(&mut self) -> Result<(), Fatal> {
        if self.may_decide() {
            for message in self.held.released() {
                self.take(message)?;
            }
        }
        Ok(())
    }

    /// Does what is due.
    fn wake(&mut self) -> Result<(), Fatal> {
        // What cannot be read now is due again as soon as it can.
        self.residence.bring(&mut self.core, &Wanted::Due, self.world.now());
        let _ = self.decide(Command::Wake)?;
        Ok(())
    }

    /// On a full disk nothing begins, so that what is in reserve is left for what ends.
    fn look_at_disk(&mut self) {
        if self.space.has_run_out(self.commits.is_refused()) {
            self.core.suspend(true);
        }
    }

    /// The task of an attempt is gone; does what had to wait for that.
    fn wound_up(&mut self, run: RunId, step: StepIndex) {
        let known = self.core.state().run(run).and_then(|run| run.step(step));
        // What has just been decided about the step is not durable, and it is looked at again when
        // it is. Nothing else has changed, unless the attempt was no longer wanted.
        if known.is_none_or(|step| step.since <= self.commits.durable()) {
            self.reconcile(run);
            remove_folders(self.scratch_left_by(run).into_iter().collect());
        }
    }

    /// Has a command decided; what follows from it is queued for the disk.
    ///
    /// Gives the run that the first record belongs to.
    fn decide(&mut self, command: Command) -> Result<Result<Option<RunId>, Refusal>, Fatal> {
        let ambient = self.world.ambient(&command);
        let queue = self.commits.queue();
        let before = queue.len();
        if let Err(refusal) = self.core.handle_into(command, ambient, queue)? {
            return Ok(Err(refusal));
        }
        let records = queue.get(before..).unwrap_or_default();
        let run = records.first().and_then(|record| record.run);
        // They land together, so that the last record about a run speaks for those before it.
        for runs in records.chunk_by(|one, next| one.run == next.run) {
            let last = runs.last().and_then(|last| Some((last.seq, last.run?)));
            self.touched.extend(last);
        }
        self.residence.recorded(records.len(), ambient.now);
        Ok(Ok(run))
    }

    /// Answers once everything that the answer rests on is durable.
    fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, answer: T) {
        self.commits.answer_after(self.core.state().head(), Box::new(Told { reply, answer }));
    }

    /// Records are durable: publish, answer, and do what the state now asks for.
    fn durable(&mut self, mut records: Vec<Record>) {
        for record in &records {
            observe::log(record);
            self.throttle.heed(record);
        }
        self.feed.publish(&mut records);
        self.commits.reuse(records);
        // After publishing, so that whoever is answered finds the fact in the events as well.
        self.commits.answer();

        let durable = self.commits.durable();
        let landed = self.touched.partition_point(|(seq, _)| *seq <= durable);
        let mut runs: Vec<RunId> = self.touched.drain(..landed).map(|(_, run)| run).collect();
        runs.sort_unstable();
        runs.dedup();
        let mut scratch = Vec::new();
        for run in runs {
            self.reconcile(run);
            // One that failed may be reopened, and go on from what is there.
            if self.tell_waiters(run) {
                scratch.extend(self.scratch_left_by(run));
            }
        }
        remove_folders(scratch);
    }

    /// The scratch folder of a run that cannot go on, if it may have one.
    fn scratch_left_by(&mut self, run: RunId) -> Option<PathBuf> {
        let run = self.core.state().run(run)?;
        if !is_over(run) || run.since > self.commits.durable() {
            return None;
        }
        self.tasks.take_scratch(run)
    }

    /// Makes what runs equal to what should run, for one run.
    fn reconcile(&mut self, id: RunId) {
        let state = self.core.state();
        let Some(run) = state.run(id) else { return };
        let Plan { spawn, stop, watch } =
            plan_of(run, state, self.commits.durable(), self.tasks.running());
        for order in stop {
            self.tasks.stop(order);
        }
        // While the engine drains, what is not running yet stays where it is.
        if self.drain.is_some() {
            return;
        }
        self.watches.keep(id, watch);
        if let Some(definition) = self.core.definition(run) {
            for order in spawn {
                self.tasks.spawn(order, run, definition, shut(state));
            }
        }
    }

    /// Tells those who wait for a run how it ended; false if it has not.
    fn tell_waiters(&mut self, id: RunId) -> bool {
        let run = self.core.state().run(id).filter(|run| run.since <= self.commits.durable());
        let Some(ending) = run.and_then(Ended::of) else { return false };
        self.waiters.tell(id, &ending);
        true
    }

    fn begin_drain(&mut self, grace: Duration) -> Result<(), Fatal> {
        let deadline = self.world.now().after(grace);
        if let Some(drain) = &mut self.drain {
            drain.hurry(deadline);
        } else {
            self.drain = Some(Drain::until(deadline));
            let _ = self.decide(Command::Drain)?;
            self.tasks.stop_all(StopReason::Shutdown);
        }
        Ok(())
    }

    /// Closes the epoch when every attempt has ended or the grace period is over.
    fn advance_drain(&mut self) -> Result<(), Fatal> {
        let now = self.world.now();
        let Some(drain) = &mut self.drain else { return Ok(()) };
        if !drain.closed && (self.tasks.is_empty() || now >= drain.deadline) {
            drain.closed = true;
            self.commits.try_last();
            self.tasks.abort_all();
            let epoch = self.core.state().epoch();
            let _ = self.decide(Command::Close { epoch })?;
        }
        Ok(())
    }

    /// Nothing is decided behind the record that closes the epoch, or ahead of a disk that hangs.
    fn may_decide(&self) -> bool {
        !self.is_closed() && self.commits.has_room()
    }

    fn is_closed(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.closed)
    }

    fn is_finished(&self) -> bool {
        self.is_closed() && self.commits.is_idle()
    }
}

/// Resources behind breakers that are not closed.
fn shut(state: &State) -> Vec<ResourceKey> {
    let is_shut = |key: &&ResourceKey| state.breaker(key).is_some_and(|b| !b.is_closed());
    state.unsettled_breakers().filter(is_shut).cloned().collect()
}

/// Whether a run cannot go on, whatever anybody asks for.
fn is_over(run: &Run) -> bool {
    matches!(run.phase, RunPhase::Succeeded | RunPhase::Cancelled { .. })
}

async fn sleep_until(world: &World, at: Option<Timestamp>) {
    match at {
        Some(at) => world.sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The obituary of an engine that was closed in good order.
pub(crate) const SHUT_DOWN: &str = "the engine was shut down";
