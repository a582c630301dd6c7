//! A journal that has lost what stood for its first records, and goes on.

use super::trims::Life;
use crate::audit::audit;
use crate::checkpoint::replay;
use crate::event::{EngineOpened, Event, RunCancelled};
use crate::id::{Epoch, Seq};
use crate::record::Record;
use crate::retention::{Limits, Trimmer};
use crate::state::tests::world::{run_id, run_started};
use crate::store::{MemoryStore, ReadError, Scan, Store, TrimError};

/// A store that has lost what it had in front of a record.
#[derive(Debug)]
struct Bereft {
    store: MemoryStore,
    lost: Seq,
}

impl Bereft {
    fn has_lost(&self) -> bool {
        self.store.first() == self.lost
    }
}

// The methods are called as those of the store.
impl crate::store::Wrapper for Bereft {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    fn residue(&self) -> Result<Option<Vec<u8>>, ReadError> {
        let to = Seq::new(self.lost.get() - 1);
        if self.has_lost() {
            return Err(ReadError::Gap { from: Seq::new(1), to });
        }
        self.store.residue()
    }

    fn scan_kept(&self) -> Scan<'_> {
        if self.has_lost() { Box::new(std::iter::empty()) } else { self.store.scan_kept() }
    }

    fn trim(&self, first: Seq, residue: &[u8], kept: &[Seq]) -> Result<(), TrimError> {
        // What was kept in front of the cut is gone.
        let kept: Vec<Seq> = kept.iter().copied().filter(|seq| *seq >= self.lost).collect();
        self.store.trim(first, residue, &kept)
    }
}

fn engine_opened(epoch: u64) -> Event {
    EngineOpened { epoch: Epoch::new(epoch), boot: None, pid: 1, engine: String::new() }.into()
}

fn cancelled() -> Event {
    RunCancelled { actor: "test".to_owned(), reason: "done".to_owned() }.into()
}

#[test]
fn what_came_later_is_shown_and_trimmed_as_ever() {
    let limits = Limits { runs: Some(20), ..Limits::default() };
    let mut life = Life::new(limits);
    let [lost, known, late] = [5_000, 5_001, 5_002].map(run_id);
    for epoch in 1..=3 {
        let at = life.state.last_at();
        assert!(life.record(at, None, engine_opened(epoch)));
    }
    for run in [lost, late] {
        assert!(life.record(life.state.last_at(), Some(run), run_started(None, None)));
    }
    let mut numbers = 0..;
    while life.store.first() == Seq::new(1) {
        life.short_run(numbers.next().expect("endless"));
        if let Some(plan) = life.plan() {
            life.trim(&plan, false);
        }
    }
    // An engine that has a checkpoint goes on with what it knew.
    assert!(life.record(life.state.last_at(), Some(known), run_started(Some("one"), None)));
    assert!(life.record(life.state.last_at(), Some(lost), cancelled()));
    assert!(life.record(life.state.last_at(), None, engine_opened(4)));

    let store = Bereft { lost: life.store.first(), store: life.store };
    let mut state = replay(&store).expect("what is there is enough");
    assert_eq!((state.head(), state.epoch().get()), (store.head(), 4));
    assert!(state.run(known).is_some_and(|run| !run.phase.is_final()));
    assert!(state.run(lost).is_none() && state.run(late).is_none());
    assert!(audit(&store).is_clean(), "the loss is told by a record");

    let mut trimmer = Trimmer::new(limits);
    let add = |state: &mut crate::state::State, run, event: Event| {
        let record = Record { seq: state.head().next(), at: state.last_at(), run, event };
        state.apply(&record).expect("passed over at worst");
        store.append(store.head(), &[record]).expect("kept");
    };
    let mut trims = 0;
    for number in 10_000..10_200 {
        let run = Some(run_id(number));
        add(&mut state, run, run_started(None, None));
        add(&mut state, run, cancelled());
        let (standing, head) = (state.standing(), store.head());
        let plan = trimmer.plan(&store, &standing, state.last_at(), head, &|| false);
        if let Some(plan) = plan.expect("sound") {
            add(&mut state, None, plan.event.clone().into());
            store.trim(plan.event.first, &plan.residue, &plan.kept).expect("a cut");
            assert_eq!(replay(&store).expect("sound"), state);
            trims += 1;
        }
    }
    assert!(trims > 2, "{trims}");
    assert!(state.run_by_key(&"one".parse().expect("a key")).is_some_and(|run| run.id == known));
    add(&mut state, Some(late), cancelled());
    assert_eq!(replay(&store).expect("it stays what it is"), state);
}
