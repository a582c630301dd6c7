use proptest::prelude::*;

use super::{DecodeError, EncodeError, FRAME_BYTES_MAX, Link, decode};
use crate::event::{CheckpointSaved, Event, RunParked, RunStarted};
use crate::id::{AttemptNo, RunId, Seq, StepIndex, StepKey, WorkflowName};
use crate::json::Json;
use crate::manifest::{InputShape, InputSpec, Manifest, Source, StepSpec};
use crate::policy::RetrySpec;
use crate::record::Record;
use crate::testing::records;
use crate::time::Timestamp;

/// A frame of its own, with its checksum.
fn encode(record: &Record, link: Link) -> Result<(Vec<u8>, u32), EncodeError> {
    let mut frame = Vec::new();
    let crc = super::encode(record, link, false, &mut frame)?;
    Ok((frame, crc))
}

fn record(event: impl Into<Event>) -> Record {
    Record { seq: Seq::new(7), at: Timestamp::from_millis(1), run: None, event: event.into() }
}

fn checkpoint_of(bytes: usize) -> Record {
    record(CheckpointSaved {
        step: StepKey::new("download").expect("a slug"),
        attempt: AttemptNo::new(1),
        checkpoint: Json::of(&"x".repeat(bytes)).expect("a string"),
    })
}

/// Repairs the checksum, so that what lies behind it is reached.
fn sealed(key: Seq, mut frame: Vec<u8>) -> Vec<u8> {
    frame.truncate(frame.len() - 4);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&key.get().to_be_bytes()), &frame);
    frame.extend_from_slice(&crc.to_be_bytes());
    frame
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in records(), chain: u32, durable: u64) {
        let link = Link { chain, durable: Seq::new(durable) };
        let Ok((frame, crc)) = encode(&record, link) else {
            return Err(TestCaseError::reject("larger than a frame"));
        };
        let decoded = decode(record.seq, &frame).expect("just written");
        prop_assert_eq!(decoded.record, record);
        prop_assert_eq!(decoded.link, link);
        prop_assert_eq!(decoded.crc, crc);
        prop_assert!(!decoded.is_last);
    }

    #[test]
    fn no_bytes_make_it_panic(key: u64, bytes: Vec<u8>) {
        prop_assert!(decode(Seq::new(key), &bytes).is_err());
    }

    /// Random bytes fail at the checksum; these reach the header and the body behind it.
    #[test]
    fn no_sealed_bytes_make_it_panic(
        record in records(),
        edits in proptest::collection::vec((2usize..200, any::<u8>()), 1..6),
        extra in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut frame = encode(&record, Link::default()).expect("fits").0;
        for (at, byte) in edits {
            if let Some(place) = frame.get_mut(at) {
                *place = byte;
            }
        }
        frame.extend_from_slice(&extra);
        let _ = decode(record.seq, &sealed(record.seq, frame));
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_detected() {
    let record = checkpoint_of(100);
    let frame = encode(&record, Link { chain: 3, durable: Seq::new(6) }).expect("fits").0;
    for bit in 0..frame.len() * 8 {
        let mut flipped = frame.clone();
        *flipped.get_mut(bit / 8).expect("within") ^= 1 << (bit % 8);
        assert!(decode(record.seq, &flipped).is_err(), "bit {bit}");
    }
    for length in 0..frame.len() {
        let cut = frame.get(..length).expect("within");
        assert!(decode(record.seq, cut).is_err(), "cut to {length}");
    }
}

#[test]
fn a_frame_under_another_key_is_refused() {
    let frame = encode(&checkpoint_of(1), Link::default()).expect("fits").0;
    assert_eq!(decode(Seq::new(8), &frame), Err(DecodeError::Checksum));
    let moved = sealed(Seq::new(8), frame);
    assert_eq!(decode(Seq::new(8), &moved), Err(DecodeError::Misplaced { found: Seq::new(7) }));
}

#[test]
fn a_record_may_fill_a_frame_and_no_more() {
    let overhead = checkpoint_of(1000).size().expect("fits") - 1000;
    let fits = checkpoint_of(FRAME_BYTES_MAX - overhead);
    assert_eq!(fits.size(), Ok(FRAME_BYTES_MAX));
    let frame = encode(&fits, Link::default()).expect("fits").0;
    assert_eq!(decode(fits.seq, &frame).expect("readable").record, fits);

    let large = checkpoint_of(FRAME_BYTES_MAX - overhead + 1);
    let expected = EncodeError::RecordTooLarge {
        seq: Seq::new(7),
        event: "checkpoint_saved",
        bytes: FRAME_BYTES_MAX + 1,
        bytes_max: FRAME_BYTES_MAX,
    };
    assert_eq!(large.size(), Err(expected));
}

#[test]
fn a_frame_full_of_small_numbers_is_readable() {
    let step = |n: usize| StepSpec {
        key: StepKey::new(format!("s{n}")).expect("a slug"),
        kind: String::new(),
        input: InputSpec { shape: InputShape::List, sources: vec![Source::RunInput; 40] },
        after: vec![StepIndex::new(0); 40],
        retry: RetrySpec::default(),
        timeout_ms: Some(1),
        idle_timeout_ms: None,
        is_idempotent: true,
        breaker: None,
    };
    let manifest = Manifest {
        workflow: WorkflowName::new("numbers").expect("a slug"),
        version: 1,
        steps: (0..60).map(step).collect(),
        result: StepIndex::new(0),
    };
    let record = record(RunStarted { key: None, manifest, input: Json::null(), deadline_at: None });
    let frame = encode(&record, Link::default()).expect("fits").0;
    assert!(frame.len() > FRAME_BYTES_MAX * 3 / 4, "{}", frame.len());
    assert_eq!(decode(record.seq, &frame).expect("readable").record, record);
}

#[test]
fn the_nil_run_is_refused_because_it_means_none() {
    let mut record = checkpoint_of(1);
    record.run = Some(RunId::default());
    assert_eq!(record.size(), Err(EncodeError::NilRun { seq: Seq::new(7) }));
}

#[test]
fn a_later_format_is_told_apart_from_damage() {
    for (place, value) in [(2, 3), (3, 2)] {
        let record = checkpoint_of(1);
        let mut frame = encode(&record, Link::default()).expect("fits").0;
        *frame.get_mut(place).expect("within") = value;
        let error = decode(record.seq, &sealed(record.seq, frame)).expect_err("not ours");
        assert!(error.is_newer(), "{error}");
    }
}

#[test]
fn a_frame_of_the_first_draft_is_refused_by_name() {
    let record = checkpoint_of(1);
    let mut frame = encode(&record, Link::default()).expect("fits").0;
    *frame.get_mut(2).expect("within") = 1;
    let error = decode(record.seq, &sealed(record.seq, frame)).expect_err("not ours");
    assert_eq!(error, DecodeError::RetiredFormat { found: 1 });
}

#[test]
fn the_last_record_of_a_batch_is_marked_and_a_refused_one_leaves_nothing() {
    let record = checkpoint_of(1);
    let mut bytes = vec![1, 2, 3];
    super::encode(&record, Link::default(), true, &mut bytes).expect("fits");
    let frame = bytes.get(3..).expect("behind what was there");
    assert!(decode(record.seq, frame).expect("readable").is_last);
    let before = bytes.clone();
    let large = checkpoint_of(FRAME_BYTES_MAX);
    assert!(super::encode(&large, Link::default(), true, &mut bytes).is_err());
    assert_eq!(bytes, before);
}

#[test]
fn an_unknown_event_or_body_version_is_told_apart_from_damage() {
    for (place, tag, version) in [(5, 0x03FF, 1), (7, 0x0305, 0xFF)] {
        let record = checkpoint_of(1);
        let mut frame = encode(&record, Link::default()).expect("fits").0;
        *frame.get_mut(place).expect("within") = 0xFF;
        let error = decode(record.seq, &sealed(record.seq, frame)).expect_err("not ours");
        assert_eq!(error, DecodeError::UnknownEvent { tag, version });
        assert!(error.is_newer());
    }
}

#[test]
fn bytes_behind_the_body_are_refused() {
    let record = record(RunParked { reason: "because".to_owned() });
    let mut frame = encode(&record, Link::default()).expect("fits").0;
    let body_length = frame.get_mut(55).expect("the last byte of the body length");
    *body_length += 1;
    frame.insert(56, 0);
    let error = decode(record.seq, &sealed(record.seq, frame)).expect_err("one byte too many");
    assert!(matches!(error, DecodeError::Body { .. }), "{error}");
}

#[test]
fn a_forged_length_allocates_nothing() {
    let record = record(RunParked { reason: "because".to_owned() });
    let mut frame = encode(&record, Link::default()).expect("fits").0;
    // A text length of 2^64 - 1 in bincode's variable-length form.
    let forged = [&[253][..], &[0xFF; 8]].concat();
    frame.splice(56..57, forged);
    *frame.get_mut(55).expect("the last byte of the body length") += 8;
    let error = decode(record.seq, &sealed(record.seq, frame)).expect_err("no such text");
    assert!(matches!(error, DecodeError::Body { .. }), "{error}");
}
