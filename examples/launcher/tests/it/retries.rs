//! Failures and what follows from them.

use std::time::Duration;

use resurge::journal::event::Verdict;
use resurge::{Class, RunStatus};

use crate::bench::{Bench, MIB, QUICK, noise};
use crate::journal;
use crate::server::Answer::{DropAt, Status};

#[test]
fn progress_refunds_the_budget() {
    let mut bench = Bench::new(&format!("max_retries = 5\n{QUICK}"));
    let bytes = noise(1, 64 * MIB);
    let drops: Vec<_> = (1..=7).map(|drop| DropAt(drop * 8 * MIB)).collect();
    bench.artifact("model", bytes.clone(), &drops);
    bench.install().assert_code(0);
    bench.assert_whole("model", &bytes);
    let requests = bench.server.requests("model");
    let from: Vec<usize> = requests.iter().map(|request| request.from).collect();
    assert_eq!(from.len(), 8);
    assert!(from.is_sorted() && from.last() > Some(&(48 * MIB)), "{from:?}");
    assert!(bench.server.sent("model") < 65 * MIB, "little is fetched twice");
}

#[test]
fn the_journaled_delay_is_the_observed_one() {
    let mut bench = Bench::new("initial_delay = \"200ms\"");
    let bytes = noise(2, 1000);
    bench.artifact("model", bytes.clone(), &[Status(503, ""), Status(503, ""), Status(503, "")]);
    bench.install().assert_code(0);
    bench.assert_whole("model", &bytes);

    let requests = bench.server.requests("model");
    let gaps = requests.windows(2).map(|pair| pair[1].at - pair[0].at);
    let failures = journal::failures(&bench);
    assert_eq!((requests.len(), failures.len()), (4, 3));
    for ((gap, failed), nominal) in gaps.zip(&failures).zip([200, 400, 800]) {
        let Verdict::Retry { delay, .. } = failed.verdict else { panic!("{failed:?}") };
        let nominal = Duration::from_millis(nominal);
        assert!(delay <= nominal && delay >= nominal.mul_f64(0.9), "{delay:?} {nominal:?}");
        // The gap also holds what the disk and a busy machine take.
        assert!(gap >= delay && gap < delay + Duration::from_secs(2), "{gap:?} {delay:?}");
        assert_eq!(failed.failure.class, Class::Server);
    }
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(3, 1000), &[Status(429, "retry-after: 1\r\n")]);
    bench.install().assert_code(0);
    let requests = bench.server.requests("model");
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
    let failures = journal::failures(&bench);
    assert_eq!(failures[0].failure.advice.server_delay(), Some(Duration::from_secs(1)));
}

#[test]
fn a_refusal_is_asked_for_once() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(4, 1000), &vec![Status(403, ""); 9]);
    let done = bench.install();
    done.assert_code(1);
    assert_eq!(bench.server.requests("model").len(), 1);
    assert_eq!(done.stdout, "model\tfailed\tpermission\n");
    for word in ["permission/", "journal-dump show", "hint"] {
        assert!(done.stderr.contains(word), "{word} in\n{}", done.stderr);
    }
    assert_eq!(journal::failures(&bench)[0].failure.class, Class::Permission);
    assert!(!bench.target("model").exists());
}

#[test]
fn retries_are_used_up_exactly() {
    for max_retries in [0, 2] {
        let mut bench = Bench::new(&format!("max_retries = {max_retries}\n{QUICK}"));
        bench.artifact("model", noise(5, 1000), &vec![Status(500, ""); 9]);
        let done = bench.install();
        done.assert_code(1);
        assert_eq!(bench.server.requests("model").len(), max_retries + 1);
        assert_eq!(done.stdout, "model\texhausted\tserver\n");
        let state = journal::state(&bench);
        assert_eq!(state.runs().next().unwrap().status(), RunStatus::Exhausted);
    }
}

#[test]
fn a_wrong_digest_is_never_published() {
    let mut bench = Bench::new(QUICK);
    bench.section("model", &format!("sha256 = \"{}\"", "0".repeat(64)));
    bench.server.file("model", noise(6, 3 * MIB), &[]);
    let done = bench.install();
    done.assert_code(1);
    assert!(!bench.target("model").exists());
    // Fetched once more, since the line may have been at fault; then what was published is.
    assert_eq!(bench.server.requests("model").len(), 2);
    assert_eq!(done.stdout, "model\tfailed\tvalidation\n");
    let failures = journal::failures(&bench);
    let kinds: Vec<_> =
        failures.iter().map(|f| (f.failure.class, f.failure.kind.as_str())).collect();
    let expected = [(Class::Integrity, "digest_mismatch"), (Class::Validation, "published_hash")];
    assert_eq!(kinds, expected);
}

#[test]
fn one_failure_does_not_keep_the_others_from_their_end() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(7, MIB);
    bench.artifact("bad", noise(8, MIB), &vec![Status(404, ""); 9]);
    bench.artifact("good", bytes.clone(), &[]);
    bench.install().assert_code(1);
    bench.assert_whole("good", &bytes);
}
