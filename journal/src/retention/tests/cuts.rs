//! A residue and the kept records say what the whole journal says, wherever it is cut.

use proptest::prelude::*;

use crate::event::{JournalRecovered, RecoveryMethod};
use crate::id::Seq;
use crate::record::Record;
use crate::retention::base_state;
use crate::retention::draft::Scratch;
use crate::state::tests::random::{agenda_of, records, tries};
use crate::state::{State, is_gone};
use crate::store::MemoryStore;

/// The records with losses told between them.
pub(super) fn with_losses(records: Vec<Record>, losses: &[prop::sample::Index]) -> Vec<Record> {
    let mut all = records;
    for loss in losses {
        let at = 1 + loss.index(all.len());
        let time = all.get(at - 1).map(|record| record.at).unwrap_or_default();
        let (lost_from, lost_to) = (Some(Seq::new(at as u64)), Some(Seq::new(at as u64 + 7)));
        let (method, problem) = (RecoveryMethod::Prefix, String::new());
        let event = JournalRecovered { lost_from, lost_to, method, problem }.into();
        all.insert(at, Record { seq: Seq::ZERO, at: time, run: None, event });
    }
    let renumber = |(seq, record)| Record { seq: Seq::new(seq), ..record };
    (1..).zip(all).map(renumber).collect()
}

pub(super) fn losses() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..3)
}

fn fold(mut state: State, records: &[Record]) -> State {
    for record in records {
        state.apply(record).expect("legal");
    }
    state
}

proptest! {
    #[test]
    fn a_journal_that_is_cut_says_what_the_whole_says(tries in tries(), losses in losses()) {
        let records = with_losses(records(tries), &losses);
        let whole = fold(State::new(), &records);
        let standing = whole.standing();
        let mut scratch = Scratch::begin(&MemoryStore::new(), &standing.reopened).expect("empty");
        for at in 1..records.len() {
            let (front, rest) = records.split_at(at);
            scratch.apply(front.last().expect("one at least")).expect("legal");
            let first = scratch.next();
            let draft = scratch.draft().expect("it can be written");
            let kept = front.iter().filter(|record| draft.kept.contains(&record.seq));
            let base = base_state(&draft.residue, kept.cloned().map(Ok)).expect("sound");

            prop_assert_eq!(&agenda_of(&base), &base.agenda);
            let open = |state: &State| state.open_runs().cloned().collect::<Vec<_>>();
            prop_assert_eq!(open(&base), open(&fold(State::new(), front)));
            let mut expected = whole.clone();
            let all = expected.runs().filter(|run| is_gone(run, first)).count();
            expected.forget(first);
            prop_assert_eq!(draft.gone, all as u64, "it is known how many runs go");
            prop_assert_eq!(fold(base, rest), expected, "cut in front of {}", first);
        }
    }
}
