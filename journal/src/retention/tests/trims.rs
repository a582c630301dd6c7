//! A journal that is trimmed again and again, with and without a crash in between.

use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;

use super::cuts::{losses, with_losses};
use crate::audit::audit;
use crate::checkpoint::replay;
use crate::event::{Event, ForceRetry, RunFailed, TrimReason, Verdict};
use crate::id::{AttemptNo, RunId, Seq, StepIndex};
use crate::json::Json;
use crate::record::Record;
use crate::retention::{Limits, Trim, Trimmer, base};
use crate::state::tests::random::{records, tries};
use crate::state::tests::world::{event_of, failed, key, run_id, run_started};
use crate::state::{State, StepMove};
use crate::store::{MemoryStore, Scan, Store, Wrapper};
use crate::time::Timestamp;

/// A store and what its records add up to, as an engine would have it.
pub(super) struct Life {
    pub(super) store: MemoryStore,
    pub(super) state: State,
    trimmer: Trimmer,
}

impl Life {
    pub(super) fn new(limits: Limits) -> Self {
        let store = MemoryStore::new();
        let state = replay(&store).expect("sound");
        Self { store, state, trimmer: Trimmer::new(limits) }
    }

    /// Records an event if it is legal.
    pub(super) fn record(
        &mut self,
        at: Timestamp,
        run: Option<RunId>,
        event: impl Into<Event>,
    ) -> bool {
        let seq = self.state.head().next();
        let record = Record { seq, at, run, event: event.into() };
        let is_legal = self.state.apply(&record).is_ok();
        if is_legal {
            self.store.append(self.store.head(), &[record]).expect("kept");
        }
        is_legal
    }

    /// A run that is begun and called off.
    pub(super) fn short_run(&mut self, number: u128) {
        let at = self.state.last_at().after(Duration::from_secs(1));
        assert!(self.record(at, Some(run_id(number)), run_started(None, None)));
        let (actor, reason) = ("test".to_owned(), "done".to_owned());
        let cancelled = crate::event::RunCancelled { actor, reason };
        assert!(self.record(at, Some(run_id(number)), cancelled));
    }

    pub(super) fn plan(&mut self) -> Option<Trim> {
        let (standing, now) = (self.state.standing(), self.state.last_at());
        let upto = self.store.head();
        self.trimmer.plan(&self.store, &standing, now, upto, &|| false).expect("sound")
    }

    /// Records a plan, unless it is one that was recorded before, and carries it out.
    pub(super) fn trim(&mut self, plan: &Trim, crashes: bool) {
        if plan.event.first > self.state.first() {
            let before = self.state.runs().count() as u64;
            assert!(self.record(self.state.last_at(), None, plan.event.clone()));
            let gone = before - self.state.runs().count() as u64;
            assert_eq!(plan.event.runs, gone, "it is said how many runs go");
        }
        if !crashes {
            self.store.trim(plan.event.first, &plan.residue, &plan.kept).expect("it is a cut");
            assert_eq!(self.store.first(), self.state.first());
        }
    }

    fn there(&self) -> u64 {
        (self.store.scan(Seq::ZERO).count() + self.store.scan_kept().count()) as u64
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let age = proptest::option::of((0..200u64).prop_map(Duration::from_secs));
    let (runs, bytes) = (proptest::option::of(0..3u64), proptest::option::of(0..4_000u64));
    (age, runs, bytes).prop_map(|(age, runs, bytes)| Limits { age, runs, bytes })
}

proptest! {
    #[test]
    fn a_journal_that_is_trimmed_says_what_was_live(
        first in tries(),
        second in tries(),
        losses in losses(),
        limits in limits(),
        crashes in proptest::collection::vec(any::<bool>(), 64),
        delays in proptest::collection::vec(0..8usize, 16),
    ) {
        let mut life = Life::new(limits);
        let mut delays = delays.into_iter().cycle();
        let mut worked_out: Option<(Trim, usize)> = None;
        let mut crashes = crashes.into_iter().cycle();
        let all = with_losses(records(first), &losses).into_iter().chain(records(second));
        for record in all {
            let at = record.at.max(life.state.last_at());
            life.record(at, record.run, record.event);
            // Something happens while it is worked out.
            worked_out = match worked_out.take() {
                None => life.plan().map(|plan| (plan, delays.next().unwrap_or(0))),
                Some((plan, left)) => Some((plan, left.saturating_sub(1))),
            };
            if let Some((plan, _)) = worked_out.take_if(|(_, left)| *left == 0)
                && !plan.is_overtaken(&life.state)
            {
                life.trim(&plan, crashes.next().unwrap_or(false));
                prop_assert_eq!(&replay(&life.store).expect("sound"), &life.state);
            }
        }
        prop_assert_eq!(&replay(&life.store).expect("sound"), &life.state);
        let report = audit(&life.store);
        prop_assert!(report.is_clean(), "{:?}", report);
        prop_assert_eq!(report.runs, life.state.runs().count());
    }
}

/// What is kept beside the frames is not moved by a trim.
#[test]
fn a_run_that_waits_with_a_large_body_does_not_put_off_a_trim() {
    let mut life = Life::new(Limits { runs: Some(20), ..Limits::default() });
    let Event::RunStarted(mut event) = run_started(Some("one"), None) else { panic!("it begins") };
    event.input = Json::of(&"x".repeat(1_000_000)).expect("JSON");
    assert!(life.record(Timestamp::default(), Some(run_id(5_000)), event));
    for number in 0..200 {
        life.short_run(number);
        if let Some(plan) = life.plan() {
            life.trim(&plan, false);
        }
    }
    assert!(life.there() < 100, "{} records are there", life.there());
    assert!(life.state.run(run_id(5_000)).is_some());
}

#[test]
fn a_thousand_runs_leave_as_many_as_the_limit_allows_and_one_that_waits() {
    let limits = Limits { runs: Some(20), ..Limits::default() };
    let mut life = Life::new(limits);
    let waits = run_id(5_000);
    assert!(life.record(Timestamp::default(), Some(waits), run_started(Some("one"), None)));
    let mut trims = 0;
    for number in 0..1_000 {
        life.short_run(number);
        if let Some(plan) = life.plan() {
            assert_eq!(plan.event.reason, TrimReason::Count);
            let there = life.there();
            life.trim(&plan, false);
            assert_eq!(life.there(), there + 1 - plan.event.records, "it is said how many go");
            trims += 1;
        }
        assert!(life.there() < 100, "{} records are there", life.there());
    }
    assert!(trims > 20, "{trims}");
    assert!(life.state.runs().count() > 20, "no more are dropped than the limit asks for");
    assert_eq!(
        life.state.run_by_key(&"one".parse().expect("a key")).map(|run| run.id),
        Some(waits)
    );
    assert_eq!(life.state.stats().total, 1_001, "what was counted stays counted");
    assert_eq!(life.store.scan_kept().count(), 1);
    assert_eq!(replay(&life.store).expect("sound"), life.state);
}

#[test]
fn what_is_too_old_or_too_large_goes_and_nothing_else() {
    let by_age = Limits { age: Some(Duration::from_secs(50)), ..Limits::default() };
    let by_bytes = Limits { bytes: Some(10_000), ..Limits::default() };
    for (limits, reason) in [(by_age, TrimReason::Age), (by_bytes, TrimReason::Bytes)] {
        let mut life = Life::new(limits);
        let mut reasons = Vec::new();
        for number in 0..300 {
            life.short_run(number);
            if let Some(plan) = life.plan() {
                life.trim(&plan, false);
                reasons.push(plan.event.reason);
            }
        }
        assert!(reasons.len() > 5, "{reasons:?}");
        assert!(reasons.iter().all(|known| *known == reason), "{reasons:?}");
        let young = life.state.runs().filter(|run| {
            life.state.last_at().since(run.ended_at.unwrap_or_default()) <= Duration::from_secs(50)
        });
        assert!(reason != TrimReason::Age || young.count() == 51, "no young run was dropped");
        let bytes: usize = life
            .store
            .scan(Seq::ZERO)
            .map(|record| record.expect("whole").size().expect("fits"))
            .sum();
        assert!(reason != TrimReason::Bytes || (10_000..20_000).contains(&bytes), "{bytes}");
    }
}

#[test]
fn without_a_limit_nothing_goes() {
    let mut life = Life::new(Limits::default());
    for number in 0..100 {
        life.short_run(number);
        assert!(life.plan().is_none());
    }
    assert_eq!(life.store.first(), Seq::new(1));
}

#[test]
fn a_journal_is_not_rewritten_for_runs_that_wait() {
    let limits = Limits { runs: Some(0), ..Limits::default() };
    let mut life = Life::new(limits);
    for number in 0..200 {
        assert!(life.record(Timestamp::default(), Some(run_id(number)), run_started(None, None)));
    }
    life.short_run(1_000);
    assert!(life.plan().is_none(), "there is nothing to gain");
}

#[test]
fn an_audit_of_a_journal_that_is_trimmed_meanwhile_begins_anew() {
    let mut life = Life::new(Limits { runs: Some(5), ..Limits::default() });
    (0..40).for_each(|number| life.short_run(number));
    let plan = life.plan().expect("there is too much");
    assert!(life.record(life.state.last_at(), None, plan.event.clone()));
    let trims = Mutex::new(vec![(Moment::BeforeScan, plan)]);
    let store = Meanwhile { store: life.store, trims };
    let report = audit(&store);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.provable, store.first()), (store.head(), life.state.first()));
}

/// A run that fails, and goes on when it is asked to.
fn fail(life: &mut Life, run: RunId, is_new: bool) {
    let at = life.state.last_at().after(Duration::from_secs(1));
    assert!(!is_new || life.record(at, Some(run), run_started(None, None)));
    let attempt = life.state.run(run).and_then(|run| Some(run.step(StepIndex::new(0))?.attempts));
    let attempt = AttemptNo::new(attempt.expect("known").get() + 1);
    assert!(life.record(at, Some(run), event_of("a", attempt, StepMove::Start)));
    assert!(life.record(at, Some(run), failed(key("a"), attempt, Verdict::NotRetryable)));
    let step = key("a");
    assert!(life.record(at, Some(run), RunFailed { step }));
}

fn reopen(life: &mut Life, run: RunId) {
    let (actor, reason, step) = ("test".to_owned(), "again".to_owned(), key("a"));
    let again = ForceRetry { actor, reason, steps: vec![step] };
    assert!(life.record(life.state.last_at(), Some(run), again));
}

#[test]
fn a_plan_is_overtaken_by_the_runs_that_it_drops_and_by_no_others() {
    let (old, spared, young) = (run_id(10_000), run_id(10_001), run_id(10_002));
    for (reopened, is_overtaken) in [(old, true), (spared, false), (young, false)] {
        let mut life = Life::new(Limits { runs: Some(5), ..Limits::default() });
        fail(&mut life, old, true);
        fail(&mut life, spared, true);
        (0..20).for_each(|number| life.short_run(number));
        // It ended again, behind the cut.
        reopen(&mut life, spared);
        fail(&mut life, spared, false);
        fail(&mut life, young, true);
        (20..22).for_each(|number| life.short_run(number));
        let plan = life.plan().expect("there is too much");
        assert!(!plan.is_overtaken(&life.state));
        reopen(&mut life, reopened);
        assert_eq!(plan.is_overtaken(&life.state), is_overtaken, "{reopened}");
        if !is_overtaken {
            life.trim(&plan, false);
            assert!(life.state.holds(reopened) && !life.state.holds(old));
            assert_eq!(replay(&life.store).expect("sound"), life.state);
        }
    }
}

/// A store that is trimmed by somebody else in the middle of a look at it.
#[derive(Debug)]
struct Meanwhile {
    store: MemoryStore,
    trims: Mutex<Vec<(Moment, Trim)>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    BeforeScan,
    BeforeKept,
}

impl Meanwhile {
    fn pass(&self, moment: Moment) {
        let mut trims = self.trims.lock().expect("no panic");
        if trims.first().is_some_and(|(when, _)| *when == moment) {
            let (_, trim) = trims.remove(0);
            self.store.trim(trim.event.first, &trim.residue, &trim.kept).expect("a cut");
        }
    }
}

impl Wrapper for Meanwhile {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        self.pass(Moment::BeforeScan);
        self.store.scan(from)
    }

    fn scan_kept(&self) -> Scan<'_> {
        self.pass(Moment::BeforeKept);
        self.store.scan_kept()
    }
}

#[test]
fn who_reads_while_it_is_trimmed_begins_anew() {
    let mut life = Life::new(Limits { runs: Some(5), ..Limits::default() });
    let (twin, mut trims) = (MemoryStore::new(), Vec::new());
    let copy = |from: &MemoryStore| {
        for record in from.scan(twin.head().next()) {
            twin.append(twin.head(), &[record.expect("whole")]).expect("kept");
        }
    };
    for (batch, moment) in (0..).zip([Moment::BeforeScan, Moment::BeforeKept]) {
        let waits = run_id(5_000 + batch);
        assert!(life.record(Timestamp::default(), Some(waits), run_started(None, None)));
        (0..40).for_each(|number| life.short_run(batch * 100 + number));
        let plan = life.plan().expect("there is too much");
        copy(&life.store);
        life.trim(&plan, false);
        trims.push((moment, plan));
    }
    copy(&life.store);
    let last = life.store.first();
    let store = Meanwhile { store: twin, trims: Mutex::new(trims) };
    assert_eq!(replay(&store).expect("sound"), life.state);
    assert!(store.trims.lock().expect("no panic").is_empty(), "both came in between");

    (0..40).for_each(|number| life.short_run(1_000 + number));
    let plan = life.plan().expect("there is too much");
    assert!(life.record(life.state.last_at(), None, plan.event.clone()));
    let trims = Mutex::new(vec![(Moment::BeforeKept, plan)]);
    let store = Meanwhile { store: life.store, trims };
    let first = base(&store).expect("sound").head().next();
    assert_eq!((first, first > last), (store.first(), true), "of one cut");
}
