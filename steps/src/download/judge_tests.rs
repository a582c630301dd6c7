//! Every answer that a server could give, and what it is worth.

use std::time::SystemTime;

use reqwest::header::{HeaderMap, HeaderName};

use super::*;

const TOTAL: u64 = 10;

/// Short for what was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Whole,
    Rest,
    Skip,
    Complete,
    AgainWithoutIfRange,
    AgainWhole,
    Refused(&'static str),
}

struct Case {
    ask: Ask,
    known: Option<Identity>,
    total: Option<u64>,
    size: Option<u64>,
    digest: bool,
}

/// The first request.
fn first() -> Case {
    Case { ask: Ask::WHOLE, known: None, total: None, size: None, digest: false }
}

/// The rest is asked for from byte 4 on, guarded by a strong validator.
fn guarded() -> Case {
    let known = Identity { etag: Some("\"a\"".into()), total: Some(TOTAL), ..Identity::default() };
    let ask = Ask { from: 4, if_range: Some("\"a\"".into()) };
    Case { ask, known: Some(known), total: Some(TOTAL), size: None, digest: false }
}

/// The same without `If-Range`.
fn unguarded() -> Case {
    Case { ask: Ask { from: 4, if_range: None }, ..guarded() }
}

/// The rest is asked for at another place.
fn mirror() -> Case {
    Case { known: None, digest: true, ..unguarded() }
}

fn decide(case: &Case, status: u16, headers: &[(&str, &str)]) -> Judgement {
    let parse = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
    };
    let headers: HeaderMap = headers.iter().map(parse).collect();
    let ground = Ground {
        offset: case.ask.from,
        known: case.known.as_ref(),
        total: case.total,
        size: case.size,
        digest: case.digest,
    };
    let now = SystemTime::UNIX_EPOCH;
    judge(&case.ask, &ground, Answer { status, headers: &headers, link: None, now })
}

fn short(judgement: Judgement) -> Is {
    match judgement {
        Judgement::Whole(_) => Is::Whole,
        Judgement::Rest(_) => Is::Rest,
        Judgement::Skip(_) => Is::Skip,
        Judgement::Complete => Is::Complete,
        Judgement::AskAgain { ask, .. } if ask == Ask::WHOLE => Is::AgainWhole,
        Judgement::AskAgain { ask, .. } => {
            assert_eq!(ask, Ask { from: 4, if_range: None });
            Is::AgainWithoutIfRange
        }
        Judgement::Refuse(Refusal::Status { .. }) => Is::Refused("status"),
        Judgement::Refuse(Refusal::Size { .. }) => Is::Refused("size"),
        Judgement::Refuse(Refusal::Encoded) => Is::Refused("encoded"),
        Judgement::Refuse(Refusal::UnaskedPart) => Is::Refused("unasked_part"),
    }
}

type Row<'a> = (u16, &'a [(&'a str, &'a str)], Is);

#[track_caller]
fn check(case: &Case, table: &[Row<'_>]) {
    for (status, headers, expected) in table {
        assert_eq!(short(decide(case, *status, headers)), *expected, "{status} {headers:?}");
    }
}

#[test]
fn a_part_is_taken_only_if_all_of_it_fits() {
    let part = ("content-range", "bytes 4-9/10");
    let tag = ("etag", "\"a\"");
    let table: &[Row<'_>] = &[
        (206, &[part, tag, ("content-length", "6")], Is::Rest),
        (206, &[part, tag], Is::Rest),
        (206, &[("content-range", "bytes 4-9/*"), tag], Is::Rest),
        (206, &[part, tag, ("content-encoding", "identity")], Is::Rest),
        (206, &[part, tag, ("transfer-encoding", "chunked")], Is::Rest),
        (206, &[part], Is::AgainWhole),
        (206, &[part, ("etag", "")], Is::AgainWhole),
        (206, &[], Is::AgainWhole),
        (206, &[("content-range", "bytes=4-9/10")], Is::AgainWhole),
        (206, &[("content-range", "bytes */10")], Is::AgainWhole),
        (206, &[part, part], Is::AgainWhole),
        (206, &[("content-range", "bytes 0-9/10")], Is::AgainWhole),
        (206, &[("content-range", "bytes 3-9/10")], Is::AgainWhole),
        (206, &[("content-range", "bytes 5-9/10")], Is::AgainWhole),
        (206, &[("content-range", "bytes 4-8/10")], Is::AgainWhole),
        (206, &[("content-range", "bytes 4-10/11")], Is::AgainWhole),
        (206, &[("content-range", "bytes 4-8/9")], Is::AgainWhole),
        (206, &[("content-range", "bytes 4-8/*")], Is::AgainWhole),
        (206, &[part, ("etag", "\"b\"")], Is::AgainWhole),
        (206, &[part, ("etag", "W/\"a\"")], Is::AgainWhole),
        (206, &[part, ("content-length", "5")], Is::AgainWhole),
        (206, &[part, ("content-length", "10")], Is::AgainWhole),
        (206, &[part, ("content-encoding", "gzip")], Is::AgainWhole),
        (206, &[part, ("content-type", "multipart/byteranges; boundary=x")], Is::AgainWhole),
        (206, &[part, ("content-type", "Multipart/ByteRanges")], Is::AgainWhole),
    ];
    check(&guarded(), table);
    check(&unguarded(), table);
    // A part without the tag is judged by the digest in the end, if there is one.
    check(&Case { digest: true, ..guarded() }, &[(206, &[part], Is::Rest)]);
    // A date need not be repeated.
    let dated =
        Identity { etag: None, last_modified: Some("then".into()), ..guarded().known.unwrap() };
    check(&Case { known: Some(dated), ..guarded() }, &[(206, &[part], Is::Rest)]);
}

#[test]
fn the_whole_instead_of_the_rest_is_a_change_or_a_server_without_ranges() {
    let same = [("etag", "\"a\""), ("content-length", "10")];
    let changed = [("etag", "\"b\""), ("content-length", "10")];
    let longer = [("etag", "\"a\""), ("content-length", "11")];
    check(
        &guarded(),
        &[
            (200, &same, Is::AgainWithoutIfRange),
            (200, &[], Is::AgainWithoutIfRange),
            (200, &changed, Is::Whole),
            (200, &longer, Is::Whole),
        ],
    );
    check(
        &unguarded(),
        &[
            (200, &same, Is::Skip),
            (200, &[("content-length", "10")], Is::Whole),
            (200, &[], Is::Whole),
            (200, &changed, Is::Whole),
            (200, &longer, Is::Whole),
        ],
    );
    check(
        &Case { digest: true, ..unguarded() },
        &[
            (200, &[("content-length", "10")], Is::Skip),
            (200, &[], Is::Whole),
            (200, &[("content-length", "10"), ("content-encoding", "gzip")], Is::Whole),
        ],
    );
}

#[test]
fn another_place_goes_on_only_with_the_same_length() {
    check(
        &mirror(),
        &[
            (206, &[("content-range", "bytes 4-9/10"), ("etag", "\"other\"")], Is::Rest),
            (206, &[("content-range", "bytes 4-10/11")], Is::AgainWhole),
            (200, &[("content-length", "10")], Is::Skip),
            (200, &[("content-length", "11")], Is::Whole),
        ],
    );
}

#[test]
fn nothing_left_means_complete_only_at_the_very_end() {
    let at_end = |total| Case { ask: Ask { from: 10, if_range: None }, total, ..guarded() };
    check(&at_end(Some(10)), &[(416, &[("content-range", "bytes */10")], Is::Complete)]);
    let mut unknown = at_end(None);
    unknown.known = None;
    check(
        &unknown,
        &[
            (416, &[("content-range", "bytes */10")], Is::Complete),
            (416, &[("content-range", "bytes */9")], Is::AgainWhole),
            (416, &[("content-range", "bytes */11")], Is::AgainWhole),
            (416, &[("content-range", "bytes */*")], Is::AgainWhole),
            (416, &[], Is::AgainWhole),
        ],
    );
    check(
        &at_end(Some(10)),
        &[(416, &[("content-range", "bytes */10"), ("etag", "\"b\"")], Is::AgainWhole)],
    );
}

#[test]
fn the_first_answer_must_be_the_whole_file() {
    check(
        &first(),
        &[
            (200, &[("content-length", "10")], Is::Whole),
            (200, &[], Is::Whole),
            (206, &[("content-range", "bytes 0-9/10")], Is::Refused("unasked_part")),
            (200, &[("content-encoding", "gzip")], Is::Refused("encoded")),
            (416, &[], Is::Refused("status")),
            (412, &[], Is::Refused("status")),
            (204, &[], Is::Refused("status")),
            (304, &[], Is::Refused("status")),
            (403, &[], Is::Refused("status")),
            (503, &[], Is::Refused("status")),
        ],
    );
}

#[test]
fn a_promised_size_is_held_against_every_answer() {
    let promised = |case: Case| Case { size: Some(10), total: Some(10), ..case };
    let (ten, nine) = (("content-length", "10"), ("content-length", "9"));
    check(&promised(first()), &[(200, &[ten], Is::Whole), (200, &[nine], Is::Refused("size"))]);
    check(&promised(guarded()), &[(200, &[nine], Is::Refused("size"))]);
    let Judgement::Whole(coming) = decide(&promised(first()), 200, &[]) else { panic!() };
    assert_eq!((coming.total, coming.end_is_marked), (Some(10), false));
}

#[test]
fn what_is_learnt_from_an_answer_is_kept() {
    let Judgement::Rest(coming) =
        decide(&unguarded(), 206, &[("content-range", "bytes 4-9/10"), ("etag", "\"a\"")])
    else {
        panic!()
    };
    assert!(coming.identity.no_if_range && coming.identity.etag.as_deref() == Some("\"a\""));
    let chunked = decide(&first(), 200, &[("transfer-encoding", "chunked")]);
    let Judgement::Whole(coming) = chunked else { panic!() };
    assert_eq!((coming.total, coming.end_is_marked), (None, true));
}
