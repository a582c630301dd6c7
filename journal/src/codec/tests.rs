use proptest::prelude::*;

use super::{
    Aside, BODY_BYTES_MAX, Bodies, DecodeError, Decoded, EncodeError, FRAME_BYTES_MAX, Kept, Link,
    PayloadHash, PayloadProblem,
};
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
    let (frame, crc, aside) = encode_all(record, link)?;
    assert_eq!(aside, [], "it fits into its frame");
    Ok((frame, crc))
}

/// The same with the bodies that are kept aside.
fn encode_all(record: &Record, link: Link) -> Result<(Vec<u8>, u32, Vec<Kept>), EncodeError> {
    let (mut frame, mut aside) = (Vec::new(), Vec::new());
    let crc = super::encode(record, link, false, &mut frame, &mut aside)?;
    Ok((frame, crc, aside))
}

/// Bodies as they were written.
impl Bodies for Vec<Kept> {
    fn body(&self, aside: Aside) -> Result<Vec<u8>, PayloadProblem> {
        let found = self.iter().find(|kept| kept.aside.hash == aside.hash);
        found.map(|kept| kept.body.clone()).ok_or(PayloadProblem::Missing)
    }
}

/// Reads a frame that has its body in itself.
fn decode(key: Seq, frame: &[u8]) -> Result<Decoded, DecodeError> {
    super::decode(key, frame, &Vec::new())
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
        let (frame, crc, aside) = encode_all(&record, link).expect("small enough");
        let decoded = super::decode(record.seq, &frame, &aside).expect("just written");
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
        let mut frame = encode_all(&record, Link::default()).expect("fits").0;
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
fn a_body_that_fills_a_frame_is_in_it_and_a_larger_one_is_kept_aside() {
    let overhead = checkpoint_of(1000).size().expect("fits") - 1000;
    let fits = checkpoint_of(FRAME_BYTES_MAX - overhead);
    assert_eq!(fits.size(), Ok(FRAME_BYTES_MAX));
    let frame = encode(&fits, Link::default()).expect("fits").0;
    assert_eq!(decode(fits.seq, &frame).expect("readable").record, fits);

    let large = checkpoint_of(FRAME_BYTES_MAX - overhead + 1);
    let (frame, crc, aside) = encode_all(&large, Link::default()).expect("fits");
    assert_eq!((frame.len(), aside.len()), (56 + 40 + 4, 1));
    let body = aside.first().expect("one").body.len();
    assert_eq!((body, large.size()), (FRAME_BYTES_MAX - 60 + 1, Ok(frame.len() + body)));
    let decoded = super::decode(large.seq, &frame, &aside).expect("readable");
    assert_eq!((decoded.record, decoded.crc), (large, crc));
}

/// What stands in the frame of a record that is too large for one, with its body.
fn aside_of(bytes: usize) -> (Record, Vec<u8>, Vec<Kept>) {
    let record = checkpoint_of(bytes);
    let (frame, _, aside) = encode_all(&record, Link::default()).expect("small enough");
    (record, frame, aside)
}

#[test]
fn a_body_kept_aside_is_found_by_its_hash_and_length() {
    let (record, frame, aside) = aside_of(100_000);
    let kept = aside.first().expect("one");
    let reference = frame.get(56..96).expect("within");
    let digits: Vec<String> = reference.iter().take(32).map(|b| format!("{b:02x}")).collect();
    assert_eq!(digits.concat(), kept.aside.hash.to_string());
    assert_eq!(reference.get(32..), Some(&(kept.body.len() as u64).to_be_bytes()[..]));
    assert_eq!(PayloadHash::parse(&digits.concat()), Some(kept.aside.hash));
    assert_eq!(PayloadHash::parse(&digits.concat().to_uppercase()), None, "one name a body");
    let same = aside_of(100_000).2;
    assert_eq!(same, aside, "the same body has the same name");
    assert_ne!(aside_of(100_001).2, aside);
    assert!(super::decode(record.seq, &frame, &aside).is_ok());
}

#[test]
fn a_body_kept_aside_that_was_changed_or_lost_is_never_taken() {
    let (record, frame, aside) = aside_of(9_000);
    let hash = aside.first().expect("one").aside.hash;
    let refused = |bodies: &Vec<Kept>| super::decode(record.seq, &frame, bodies).expect_err("lost");
    let changes: [fn(&mut Vec<u8>); 4] = [
        |body| *body.last_mut().expect("not empty") ^= 1,
        |body| body.truncate(body.len() - 1),
        |body| body.push(0),
        Vec::clear,
    ];
    for change in changes {
        let mut other = aside.clone();
        change(&mut other.first_mut().expect("one").body);
        let expected = DecodeError::Payload { hash, problem: PayloadProblem::Changed };
        assert_eq!(refused(&other), expected);
    }
    let expected = DecodeError::Payload { hash, problem: PayloadProblem::Missing };
    assert_eq!(refused(&Vec::new()), expected);
    assert!(!expected.is_newer());
}

#[test]
fn a_reference_of_another_length_is_refused() {
    let (record, frame, aside) = aside_of(9_000);
    let mut longer = frame;
    longer.insert(60, 0);
    *longer.get_mut(55).expect("the last byte of the body length") += 1;
    let error = super::decode(record.seq, &sealed(record.seq, longer), &aside);
    assert!(matches!(error, Err(DecodeError::Length { .. })), "{error:?}");
}

#[test]
fn a_reference_to_more_than_a_body_may_have_is_refused() {
    let (record, mut frame, aside) = aside_of(9_000);
    *frame.get_mut(92).expect("within") = 1;
    let error = super::decode(record.seq, &sealed(record.seq, frame), &aside);
    assert!(matches!(error, Err(DecodeError::Length { .. })), "{error:?}");
}

#[test]
fn an_unknown_event_is_newer_whether_its_body_is_there_or_not() {
    let (record, mut frame, _) = aside_of(9_000);
    *frame.get_mut(7).expect("within") = 0xFF;
    let error = decode(record.seq, &sealed(record.seq, frame)).expect_err("not ours");
    assert!(error.is_newer(), "{error}");
}

#[test]
fn a_body_above_the_limit_is_refused_by_name() {
    let overhead = aside_of(9_000).2.first().expect("one").body.len() - 9_000;
    // The length of so long a text takes two bytes more.
    let fits = checkpoint_of(BODY_BYTES_MAX - overhead - 2);
    assert_eq!(fits.size(), Ok(BODY_BYTES_MAX + 100));
    let expected = EncodeError::RecordTooLarge {
        seq: Seq::new(7),
        event: "checkpoint_saved",
        bytes: BODY_BYTES_MAX + 1,
        bytes_max: BODY_BYTES_MAX,
    };
    assert_eq!(checkpoint_of(BODY_BYTES_MAX - overhead - 1).size(), Err(expected));
}

#[test]
fn a_large_body_of_small_numbers_is_readable() {
    let record = numbers(2_000);
    let (frame, _, aside) = encode_all(&record, Link::default()).expect("fits");
    assert_eq!(aside.len(), 1);
    let decoded = super::decode(record.seq, &frame, &aside).expect("readable");
    assert_eq!(decoded.record, record);
}

#[test]
fn a_frame_full_of_small_numbers_is_readable() {
    let record = numbers(60);
    let frame = encode(&record, Link::default()).expect("fits").0;
    assert!(frame.len() > FRAME_BYTES_MAX * 3 / 4, "{}", frame.len());
    assert_eq!(decode(record.seq, &frame).expect("readable").record, record);
}

/// A record with so many steps that it is full of small numbers.
fn numbers(steps: usize) -> Record {
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
        steps: (0..steps).map(step).collect(),
        result: StepIndex::new(0),
    };
    record(RunStarted { key: None, manifest, input: Json::null(), deadline_at: None })
}

#[test]
fn the_nil_run_is_refused_because_it_means_none() {
    let mut record = checkpoint_of(1);
    record.run = Some(RunId::default());
    assert_eq!(record.size(), Err(EncodeError::NilRun { seq: Seq::new(7) }));
}

#[test]
fn a_later_format_is_told_apart_from_damage() {
    for (place, value) in [(2, 3), (3, 4)] {
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
    let mut aside = Vec::new();
    super::encode(&record, Link::default(), true, &mut bytes, &mut aside).expect("fits");
    let frame = bytes.get(3..).expect("behind what was there");
    assert!(decode(record.seq, frame).expect("readable").is_last);
    let before = bytes.clone();
    let large = checkpoint_of(BODY_BYTES_MAX);
    assert!(super::encode(&large, Link::default(), true, &mut bytes, &mut aside).is_err());
    assert_eq!((bytes, aside), (before, Vec::new()));
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
