//! Random journals, folded with runs that leave and come back, over crashes at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::store::Flaky;
use super::{recover, recover_keeping};
use crate::checkpoint::{Cold, Listing, Resting, replay};
use crate::event::{Event, RunCancelled};
use crate::id::{RunId, Seq};
use crate::record::Record;
use crate::retention::{Limits, Trimmer};
use crate::state::tests::random::{Try, agenda_of, records, tries};
use crate::state::tests::world::{run_id, run_started};
use crate::state::{Run, State};
use crate::store::Store;

/// What happens between two records.
#[derive(Debug, Clone, Copy)]
enum Act {
    Nothing,
    /// A snapshot is taken and written.
    Checkpoint {
        far: u64,
    },
    /// A snapshot is taken; it is written after a few more records.
    Begin {
        far: u64,
    },
    /// Writing fails after so many changes.
    Fail {
        after: u32,
    },
    /// The process dies after so many changes of a snapshot.
    Die {
        after: u32,
    },
    /// The process dies, and what it kept is lost if it is said so; the next one keeps the state
    /// after so many records.
    Crash {
        every: u64,
        forgets: bool,
    },
    /// Somebody looks at a run, and brings it back.
    Bring(u8),
    /// Whatever is due comes back.
    Wake,
    /// Somebody begins to list all runs, or goes on with it.
    List,
    /// A few runs are begun and called off at once.
    Short,
    /// What has ended is dropped, or it is only recorded that it is to be.
    Trim {
        is_cut_off: bool,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let far = prop_oneof![Just(0), Just(5), Just(1_000)];
    let act = prop_oneof![
        6 => Just(Act::Nothing),
        4 => far.clone().prop_map(|far| Act::Checkpoint { far }),
        2 => far.prop_map(|far| Act::Begin { far }),
        1 => (1..12u32).prop_map(|after| Act::Fail { after }),
        2 => (1..12u32).prop_map(|after| Act::Die { after }),
        3 => (0..20u64, any::<bool>()).prop_map(|(every, forgets)| Act::Crash { every, forgets }),
        2 => (0..3u8).prop_map(Act::Bring),
        1 => Just(Act::Wake),
        2 => Just(Act::List),
        4 => Just(Act::Short),
        3 => any::<bool>().prop_map(|is_cut_off| Act::Trim { is_cut_off }),
    ];
    vec(act, 1..60)
}

/// An engine without decisions: it folds, and runs leave and come back.
pub(super) struct Life {
    pub(super) store: Flaky,
    pub(super) state: State,
    pub(super) cold: Cold,
    /// What all records add up to that there ever were.
    pub(super) whole: State,
    /// Runs that were begun and called off.
    shorts: u128,
    /// The snapshot that is to be written.
    snapshot: Option<crate::checkpoint::Snapshot>,
    /// Somebody who lists runs, and those that are to be listed.
    reader: Option<(Listing, BTreeMap<RunId, Run>)>,
}

impl Life {
    pub(super) fn new() -> Self {
        let store = Flaky::new();
        let (state, cold) = recover(&store);
        let whole = state.clone();
        Self { store, state, cold, whole, shorts: 0, snapshot: None, reader: None }
    }

    pub(super) fn record(&mut self, record: &Record) {
        self.store.append(self.store.head(), std::slice::from_ref(record)).expect("kept");
        if let Some(run) = record.run {
            self.cold.bring(&mut self.state, &self.store, run).expect("nothing is lost");
        }
        if let Event::RunStarted(started) = &record.event
            && let Some(key) = &started.key
        {
            self.cold.bring_key(&mut self.state, &self.store, key).expect("nothing is lost");
        }
        self.state.apply(record).expect("legal");
        self.whole.apply(record).expect("legal");
    }

    /// Records an event of now if it is legal.
    pub(super) fn try_record(&mut self, run: Option<RunId>, event: Event) {
        let (seq, at) = (self.state.head().next(), self.state.last_at());
        let record = Record { seq, at, run, event };
        if self.whole.clone().apply(&record).is_ok() {
            self.record(&record);
        }
    }

    pub(super) fn short_run(&mut self) {
        self.shorts += 1;
        let run = run_id(1_000 + self.shorts);
        let key = ["key", "one", "two"].get(self.shorts as usize % 4).copied();
        self.try_record(Some(run), run_started(key, None));
        let (actor, reason) = (String::new(), String::new());
        self.try_record(Some(run), RunCancelled { actor, reason }.into());
    }

    pub(super) fn trim(&mut self, is_cut_off: bool) {
        let limits = Limits { runs: Some(0), ..Limits::default() };
        let (standing, now) = (self.state.standing(), self.state.last_at());
        let upto = self.cold.at();
        let plan = Trimmer::new(limits).plan(&self.store, &standing, now, upto, &|| false);
        let Some(trim) = plan.expect("sound") else { return };
        if trim.event.first > self.state.first() {
            self.try_record(None, trim.event.clone().into());
            self.cold.forget(trim.event.first, trim.event.before);
        }
        if !is_cut_off {
            self.store.trim(trim.event.first, &trim.residue, &trim.kept).expect("a cut");
        }
    }

    fn begin(&mut self, far: u64) {
        let resting = Resting {
            now: self.state.last_at(),
            far: Duration::from_secs(far),
            durable: self.state.head(),
            stays: &|_| false,
        };
        if let Some(snapshot) = self.cold.snapshot(&mut self.state, &resting) {
            self.snapshot = Some(snapshot);
        }
    }

    pub(super) fn checkpoint(&mut self, far: u64) {
        self.begin(far);
        self.write();
    }

    fn write(&mut self) {
        if let Some(snapshot) = self.snapshot.take() {
            let written = snapshot.write(&self.store);
            self.cold.landed(&mut self.state, &written);
        }
    }

    fn crash(&mut self, every: u64) {
        self.snapshot = None;
        self.reader = None;
        (self.state, self.cold) = recover_keeping(&self.store, every);
        // As an engine does, so that no two lives write the same version.
        let epoch = self.state.epoch().next();
        let opened =
            crate::event::EngineOpened { epoch, boot: None, pid: 1, engine: String::new() };
        let (seq, at) = (self.state.head().next(), self.state.last_at());
        self.record(&Record { seq, at, run: None, event: opened.into() });
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Nothing => {}
            Act::Checkpoint { far } => {
                self.write();
                self.checkpoint(far);
            }
            Act::Begin { far } => {
                self.write();
                self.begin(far);
            }
            Act::Fail { after } => {
                self.begin(0);
                self.store.fail_after(after);
                self.write();
                self.store.fail_after(0);
            }
            Act::Die { after } => {
                self.begin(0);
                self.store.fail_after(after);
                self.write();
                self.store.fail_after(0);
                self.crash(0);
            }
            Act::Crash { every, forgets } => {
                if forgets {
                    self.store.save_checkpoint(Seq::ZERO, &[]).expect("saved");
                }
                self.crash(every);
            }
            Act::Bring(run) => {
                let run = run_id(run.into());
                self.cold.bring(&mut self.state, &self.store, run).expect("nothing is lost");
            }
            Act::List => self.list(),
            Act::Short => (0..4).for_each(|_| self.short_run()),
            Act::Trim { is_cut_off } => self.trim(is_cut_off),
            Act::Wake => {
                let now = self.state.last_at();
                let cold = &mut self.cold;
                cold.bring_due(&mut self.state, &self.store, now, 10).expect("nothing is lost");
            }
        }
    }

    /// Begins a list of what has left memory, or reads it as things stood when it was begun.
    fn list(&mut self) {
        let Some((mut listing, runs)) = self.reader.take() else {
            let mut runs = replay(&self.store).expect("sound").runs;
            runs.retain(|run, _| !self.state.holds(*run));
            let runs = runs.into_iter().map(|(id, run)| (id, (*run).clone())).collect();
            self.reader = Some((self.cold.listing(), runs));
            return;
        };
        let mut listed = BTreeMap::new();
        while let Some(page) = listing.next_page(&self.store).expect("nothing is lost") {
            for run in page {
                assert!(listed.insert(run.id, (*run).clone()).is_none(), "no run is listed twice");
            }
        }
        assert_eq!(listed, runs);
    }

    /// What is in memory and what has left it say together what the records say.
    fn check(&self, whole: &State) -> Result<(), TestCaseError> {
        prop_assert_eq!(&agenda_of(&self.state), &self.state.agenda);
        for run in whole.runs() {
            let left = match self.state.shared_run(run.id) {
                Some(run) => Some(run),
                None => self.cold.peek(&self.store, run.id).expect("nothing is lost"),
            };
            prop_assert_eq!(left.as_deref(), Some(run));
        }
        for (key, id) in &whole.keys {
            let found = if let Some(run) = self.state.run_by_key(key) {
                Some(run.id)
            } else {
                let left = self.cold.peek_key(&self.store, key).expect("nothing is lost");
                left.map(|run| run.id)
            };
            prop_assert_eq!(found, Some(*id), "the newest run under {}", key);
        }
        let mut global = self.state.global();
        global.clone_keys_of(&whole.global());
        prop_assert_eq!(global, whole.global());
        // What is overdue and not in memory is known to be.
        for id in (0..=3).chain(1_001..=1_000 + self.shorts).map(run_id) {
            let is_known = self.state.holds(id)
                || self.cold.peek(&self.store, id).expect("nothing is lost").is_some();
            prop_assert_eq!(is_known, whole.run(id).is_some(), "a dropped run is not found");
        }
        for key in ["key", "one", "two"].map(|key| key.parse().expect("a key")) {
            let is_taken = self.state.run_by_key(&key).is_some()
                || self.cold.peek_key(&self.store, &key).expect("nothing is lost").is_some();
            prop_assert_eq!(is_taken, whole.run_by_key(&key).is_some(), "{} is free", key);
        }
        let due = whole.open_runs().filter(|run| !self.state.holds(run.id));
        for run in due {
            if let Some(crate::state::Rest::Until(Some(at))) = run.rest() {
                prop_assert!(self.cold.next_due().is_some_and(|next| next <= at));
            }
        }
        self.check_listing(whole)
    }

    fn check_listing(&self, whole: &State) -> Result<(), TestCaseError> {
        let mut listing = self.cold.listing();
        let mut listed: Vec<RunId> = self.state.runs().map(|run| run.id).collect();
        while let Some(runs) = listing.next_page(&self.store).expect("nothing is lost") {
            for run in &runs {
                prop_assert_eq!(whole.run(run.id), Some(run.as_ref()));
            }
            listed.extend(runs.iter().map(|run| run.id));
        }
        let once: BTreeSet<RunId> = listed.iter().copied().collect();
        prop_assert_eq!(once.len(), listed.len(), "no run is listed twice");
        prop_assert_eq!(once, whole.runs().map(|run| run.id).collect::<BTreeSet<_>>());
        Ok(())
    }
}

/// Records whose positions and epochs fit behind what a life has recorded by itself.
fn fitted(record: &Record, life: &Life) -> Record {
    let mut record = Record { seq: life.state.head().next(), ..record.clone() };
    if let Event::EngineOpened(opened) = &mut record.event {
        opened.epoch = life.state.epoch().next();
    }
    record
}

fn live(tried: Vec<Try>, acts: &[Act]) -> Result<(), TestCaseError> {
    let mut life = Life::new();
    for (record, act) in records(tried).iter().skip(1).zip(acts.iter().cycle()) {
        let record = fitted(record, &life);
        // Its run may be dropped by now.
        if life.whole.clone().apply(&record).is_ok() {
            life.record(&record);
        }
        life.act(*act);
        prop_assert_eq!(&replay(&life.store).expect("sound"), &life.whole);
        life.check(&life.whole)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn runs_that_leave_and_come_back_change_nothing(tried in tries(), acts in acts()) {
        live(tried, &acts)?;
    }
}
