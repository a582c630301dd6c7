use crate::codec::{DecodeError, PREFIX, decode};
use crate::dump::JsonLine;
use crate::event::{Event, JournalCreated, OLDER, RunParked, RunStarted};
use crate::id::{RunId, Seq, StepIndex, StepKey, WorkflowName};
use crate::json::Json;
use crate::manifest::{InputShape, InputSpec, Manifest, StepSpec};
use crate::policy::RetrySpec;
use crate::record::Record;
use crate::state::{RunStatus, State};
use crate::time::Timestamp;

const RUN: [u8; 16] = [0x11; 16];

/// Record 3 as an earlier version would have written it, byte by byte.
fn old_frame(version: u8, body: &[u8]) -> Vec<u8> {
    let [first, second, format, ..] = PREFIX;
    let length = u8::try_from(body.len()).expect("short");
    let mut frame = vec![first, second, format, 0, 0x02, 0x06, 0, version];
    frame.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 3]);
    frame.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 2]);
    frame.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9]);
    frame.extend_from_slice(&RUN);
    frame.extend_from_slice(&[0xCC, 0xCC, 0xCC, 0xCC, 0, 0, 0, length]);
    frame.extend_from_slice(body);
    let key = [0, 0, 0, 0, 0, 0, 0, 3];
    let crc = crc32c::crc32c_append(crc32c::crc32c(&key), &frame);
    frame.extend_from_slice(&crc.to_be_bytes());
    frame
}

/// Some(step "download"), then the difference "is gone".
const BODY: &[u8] = b"\x01\x08download\x07is gone";

fn old_record() -> Record {
    decode(Seq::new(3), &old_frame(0, BODY), &Vec::new()).expect("an earlier version").record
}

#[test]
fn an_old_frame_is_read_as_the_event_of_today() {
    let reason = "step `download`: is gone".to_owned();
    let expected = Record {
        seq: Seq::new(3),
        at: Timestamp::from_millis(9),
        run: Some(RunId::new(uuid::Uuid::from_bytes(RUN))),
        event: RunParked { reason }.into(),
    };
    assert_eq!(old_record(), expected);
}

#[test]
fn an_old_frame_replays() {
    let step = StepSpec {
        key: StepKey::new("download").expect("a slug"),
        kind: "download".to_owned(),
        input: InputSpec { shape: InputShape::Nothing, sources: Vec::new() },
        after: Vec::new(),
        retry: RetrySpec::default(),
        timeout_ms: None,
        idle_timeout_ms: None,
        is_idempotent: true,
        breaker: None,
    };
    let manifest = Manifest {
        workflow: WorkflowName::new("w").expect("a slug"),
        version: 1,
        steps: vec![step].into(),
        result: StepIndex::new(0),
    };
    let started = RunStarted { key: None, manifest, input: Json::null(), deadline_at: None };
    let parked = old_record();
    let record =
        |seq, run, event: Event| Record { seq: Seq::new(seq), run, event, ..parked.clone() };
    let mut state = State::new();
    for record in [
        record(1, None, JournalCreated { journal: uuid::Uuid::nil() }.into()),
        record(2, parked.run, started.into()),
        parked.clone(),
    ] {
        state.apply(&record).expect("legal");
    }
    let run = state.run(parked.run.expect("it has one")).expect("started");
    assert_eq!(run.status(), RunStatus::Paused);
}

#[test]
fn an_old_frame_is_dumped_like_a_new_one() {
    let record = old_record();
    assert_eq!(
        JsonLine(&record).to_string(),
        "{\"v\":1,\"seq\":3,\"at\":\"1970-01-01T00:00:00.009Z\",\
         \"run\":\"11111111-1111-1111-1111-111111111111\",\"event\":\"run_parked\",\
         \"reason\":\"step `download`: is gone\"}"
    );
    assert_eq!(record.event.body_version(), 1, "it would be written as what it is now");
}

#[test]
fn an_old_body_is_checked_as_strictly_as_a_new_one() {
    let too_short = b"\x01\x08download\x07is gon";
    let bodies: [&[u8]; 3] = [too_short, b"\x02\x08download\x07is gone", b"\x01\x01A\x07is gone"];
    for body in bodies {
        let error =
            decode(Seq::new(3), &old_frame(0, body), &Vec::new()).expect_err("not what it was");
        assert!(matches!(error, DecodeError::Body { .. }), "{error}");
    }
    let unknown = decode(Seq::new(3), &old_frame(2, BODY), &Vec::new());
    assert_eq!(unknown, Err(DecodeError::UnknownEvent { tag: 0x0206, version: 2 }));
}

#[test]
fn what_is_older_is_another_version_of_an_event_that_is_written() {
    for (tag, version) in OLDER {
        let now = Event::KINDS.iter().find(|(known, _, _)| known == tag);
        let (_, now, name) = now.expect("an event");
        assert!(version < now, "{name} {version}");
        assert!(Event::is_known(*tag, *version), "{name} {version}");
    }
}
