//! Journals with something in them, and ways to spoil them.

use std::path::Path;
use std::time::Duration;

use resurge_journal::checkpoint::replay;
use resurge_journal::event::{
    AttemptFailed, AttemptStarted, AttemptSucceeded, BreakerMode, BreakerModeSet, BreakerOpened,
    CheckpointSaved, DelayParts, EngineOpened, Event, LintFound, OpenCause, RunStarted,
    RunSucceeded, StepParked, Verdict,
};
use resurge_journal::failure::{Class, Failure};
use resurge_journal::manifest::{InputShape, InputSpec, Manifest, Source, StepSpec};
use resurge_journal::policy::RetrySpec;
use resurge_journal::retention::{Limits, Trimmer};
use resurge_journal::store::{DiskStore, Store};
use resurge_journal::{
    AttemptNo, BreakerEpoch, Epoch, Json, Record, ResourceKey, RunId, RunKey, Seq, StepIndex,
    StepKey, Timestamp, WorkflowName,
};
use uuid::Uuid;

use crate::fixture::{create, edit, frames, remove, segment};

/// 2026-11-21T10:00:00.000Z
pub(crate) const NOON: i64 = 1_795_255_200_000;

pub(crate) const DONE_RUN: RunId = RunId::new(Uuid::from_u128(0xaaaa_1111 << 96 | 1));
pub(crate) const HELD_RUN: RunId = RunId::new(Uuid::from_u128(0xbbbb_3333 << 96 | 3));
pub(crate) const OPEN_RUN: RunId = RunId::new(Uuid::from_u128(0xaaaa_2222 << 96 | 2));

pub(crate) fn step() -> StepKey {
    StepKey::new("download").expect("a slug")
}

fn run_started(key: &str) -> Event {
    let spec = StepSpec {
        key: step(),
        kind: "download".to_owned(),
        input: InputSpec { shape: InputShape::Single, sources: vec![Source::RunInput] },
        after: vec![],
        retry: RetrySpec::default(),
        timeout_ms: None,
        idle_timeout_ms: None,
        is_idempotent: true,
        breaker: None,
    };
    let manifest = Manifest {
        workflow: WorkflowName::new("install-model").expect("a slug"),
        version: 3,
        steps: [spec].into(),
        result: StepIndex::new(0),
    };
    RunStarted {
        key: Some(RunKey::new(key).expect("a key")),
        manifest,
        input: Json::of(
            &serde_json::json!({"url": "http://x/", "size": 9_007_199_254_740_993_u64}),
        )
        .expect("JSON"),
        deadline_at: None,
    }
    .into()
}

fn attempt_started(attempt: u32, charged: u32) -> Event {
    let attempt = AttemptNo::new(attempt);
    AttemptStarted {
        step: step(),
        attempt,
        charged,
        max_attempts: 4,
        timeout_ms: None,
        admission: vec![],
        forced: false,
    }
    .into()
}

fn attempt_failed() -> Event {
    AttemptFailed {
        step: step(),
        attempt: AttemptNo::new(1),
        failure: Failure::new(Class::Server, "http_503", "busy \u{1b}[31m").with_hint("wait"),
        verdict: Verdict::Retry {
            delay: Duration::from_millis(1500),
            due_at: Timestamp::from_millis(NOON + 5_000),
        },
        charged: 1,
        max_attempts: 4,
        gained: 7,
        reached: 7,
        streak: 1,
        is_refunded: false,
        exhausted_by: None,
        parts: Some(DelayParts {
            curve_ms: 1_500,
            stretch: 1,
            cap_ms: 60_000,
            draw_millionths: 0,
            spread_ms: 1_500,
            server_max_ms: 900_000,
            ..DelayParts::default()
        }),
        server_waited_ms: 0,
        health: vec![],
        budget: None,
        ease: None,
    }
    .into()
}

/// Events of a run that is done after two attempts, and of one whose second attempt is due.
pub(crate) fn story() -> Vec<Record> {
    let output = Json::of(&serde_json::json!({"path": "/m"})).expect("JSON");
    let opened = EngineOpened { epoch: Epoch::new(1), boot: None, pid: 1, engine: "t".to_owned() };
    let succeeded =
        AttemptSucceeded { step: step(), attempt: AttemptNo::new(2), output, health: vec![] };
    let events: Vec<(Option<RunId>, Event)> = vec![
        (None, opened.into()),
        (Some(DONE_RUN), run_started("model a")),
        (Some(DONE_RUN), attempt_started(1, 0)),
        (Some(DONE_RUN), attempt_failed()),
        (Some(DONE_RUN), attempt_started(2, 1)),
        (Some(DONE_RUN), succeeded.into()),
        (Some(DONE_RUN), RunSucceeded {}.into()),
        (Some(OPEN_RUN), run_started("model b")),
        (Some(OPEN_RUN), attempt_started(1, 0)),
        (Some(OPEN_RUN), attempt_failed()),
    ];
    records(2, events)
}

/// One record a millisecond, from a position on.
fn records(from: u64, events: Vec<(Option<RunId>, Event)>) -> Vec<Record> {
    (from..)
        .zip(events)
        .map(|(seq, (run, event))| Record {
            seq: Seq::new(seq),
            at: Timestamp::from_millis(NOON + i64::try_from(seq).expect("small")),
            run,
            event,
        })
        .collect()
}

pub(crate) fn the_host() -> ResourceKey {
    ResourceKey::new("host:https/example.org:443").expect("a kind and a name")
}

/// A journal with the story in it, a host that is down until 10:00:15, and a run behind it.
pub(crate) fn with_outage(dir: &Path) -> Seq {
    let opened = BreakerOpened {
        key: the_host(),
        epoch: BreakerEpoch::new(1),
        cause: OpenCause::Consecutive,
        trip: 1,
        planned_ms: 15_000,
        until: Timestamp::from_millis(NOON + 15_000),
        failures: 5,
        total: 5,
        sample: vec![Seq::new(5)],
    };
    let parked = StepParked { step: step(), keys: vec![the_host()], force_at: None };
    let isolated = BreakerModeSet {
        key: ResourceKey::new("volume:/models").expect("a kind and a name"),
        epoch: BreakerEpoch::new(1),
        mode: BreakerMode::Isolated,
        until: Some(Timestamp::from_millis(NOON + 60_000)),
        actor: "ann".to_owned(),
        reason: "moving \u{1b}[31m".to_owned(),
    };
    let events = vec![
        (None, opened.into()),
        (Some(HELD_RUN), run_started("model c")),
        (Some(HELD_RUN), parked.into()),
        (None, isolated.into()),
    ];
    let records = [story(), records(12, events)].concat();
    create(dir).append(Seq::new(1), &records).expect("appended")
}

/// A closed journal with the story in it, and its head.
pub(crate) fn with_story(dir: &Path) -> Seq {
    create(dir).append(Seq::new(1), &story()).expect("appended")
}

/// A journal with the story in it of which retention has dropped the run that had ended.
pub(crate) fn with_retention(dir: &Path) -> DiskStore {
    with_retention_of(dir, &story())
}

/// A journal that begins with these records, as far as retention has left them.
fn with_retention_of(dir: &Path, begin: &[Record]) -> DiskStore {
    let store = create(dir);
    let mut head = store.append(Seq::new(1), begin).expect("appended");
    while store.cuts().len() < 2 {
        let lint = LintFound {
            workflow: WorkflowName::new("install").expect("a name"),
            version: 1,
            step: step(),
            code: format!("code_{head}"),
            message: "m".repeat(5_000),
        };
        let next = records(head.get() + 1, vec![(None, lint.into())]);
        head = store.append(head, &next).expect("appended");
    }
    let limits = Limits { bytes: Some(1), ..Limits::default() };
    let state = replay(&store).expect("legal");
    let (standing, now) = (state.standing(), state.last_at());
    let planned = Trimmer::new(limits).plan(&store, &standing, now, head, &|| false);
    let trim = planned.expect("worked out").expect("worth it");
    let event = records(head.get() + 1, vec![(None, trim.event.clone().into())]);
    store.append(head, &event).expect("appended");
    store.trim(trim.event.first, &trim.residue, &trim.kept).expect("trimmed");
    store
}

/// The same, where the run that was kept has lost the body of its beginning, or else of what it has
/// saved, and perhaps has gone on since; gives the lost record.
pub(crate) fn with_lost_body(dir: &Path, is_beginning: bool, goes_on: bool) -> Seq {
    let large = || Json::of(&"x".repeat(20_000)).expect("JSON");
    let mut events: Vec<_> = story().into_iter().map(|told| (told.run, told.event)).collect();
    let failed = events.pop().expect("it ends with a failure");
    let lost = if is_beginning {
        let begun = events.iter_mut().rev().find_map(|(_, event)| match event {
            Event::RunStarted(begun) => Some(begun),
            _ => None,
        });
        begun.expect("there").input = large();
        Seq::new(9)
    } else {
        let saved =
            CheckpointSaved { step: step(), attempt: AttemptNo::new(1), checkpoint: large() };
        events.push((Some(OPEN_RUN), saved.into()));
        Seq::new(11)
    };
    events.push(failed);
    let store = with_retention_of(dir, &records(2, events));
    if goes_on {
        let next = records(store.head().get() + 1, vec![(Some(OPEN_RUN), attempt_started(2, 1))]);
        store.append(store.head(), &next).expect("appended");
    }
    drop(store);
    remove(&dir.join("payloads"));
    lost
}

/// Flips a bit of a record in both copies: neither can save the other.
pub(crate) fn spoil(dir: &Path, seq: usize) {
    remove(&dir.join("index"));
    edit(&segment(dir), |bytes| {
        let at = *frames(bytes).get(seq - 1).expect("there");
        *bytes.get_mut(at + 30).expect("within") ^= 1;
    });
}

/// Adds a frame behind the last one: its copy as the next record, changed, with a fitting checksum.
pub(crate) fn add_frame(dir: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    edit(&segment(dir), |bytes| {
        let places = frames(bytes);
        let [.., last, end] = places.as_slice() else { panic!("no frame") };
        let mut frame = bytes.get(*last..*end).expect("within").to_vec();
        let seq = places.len() as u64;
        let crc = frame.split_off(frame.len() - 4);
        frame.splice(8..16, seq.to_be_bytes());
        frame.splice(48..52, crc);
        change(&mut frame);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&seq.to_be_bytes()), &frame);
        frame.extend_from_slice(&crc.to_be_bytes());
        bytes.extend_from_slice(&frame);
    });
}
