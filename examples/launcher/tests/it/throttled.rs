//! Servers that ask for patience, and what is not worth another try.

use std::time::{Duration, Instant};

use resurge::Class;
use resurge::journal::event::{Event, OpenCause};

use crate::bench::{Bench, QUICK, noise};
use crate::journal;
use crate::server::Answer::Status;

const THREE_SECONDS: Duration = Duration::from_secs(3);

#[test]
fn a_wait_that_the_server_asks_for_is_kept_and_costs_no_retry() {
    let mut bench = Bench::new(&format!("max_retries = 1\n{QUICK}"));
    let bytes = noise(1, 1000);
    let patience = Status(429, "retry-after: 3\r\n");
    bench.artifact("model", bytes.clone(), &[patience.clone(), patience]);
    let done = bench.install();
    done.assert_code(0);
    bench.assert_whole("model", &bytes);
    let requests = bench.server.requests("model");
    assert_eq!(requests.len(), 3);
    for pair in requests.windows(2) {
        assert!(pair[1].at - pair[0].at >= THREE_SECONDS, "{requests:?}");
    }
    for failed in journal::failures(&bench) {
        assert_eq!((failed.failure.class, failed.charged), (Class::Throttled, 0));
    }
    let told = "server asked to wait 3.0 s";
    assert!(done.stderr.contains(told), "{}", done.stderr);
}

#[test]
fn a_limit_that_all_requests_share_opens_the_breaker() {
    let mut bench = Bench::new(&format!("max_retries = 1\n{QUICK}"));
    let limit = Status(429, "ratelimit: \"x\";r=0;t=3\r\n");
    bench.artifact("first", noise(2, 1000), &[]);
    bench.artifact("second", noise(3, 1000), &[]);
    bench.server.script(&[limit.clone(), limit]);
    let done = bench.install();
    done.assert_code(0);
    let opened: Vec<_> = journal::records(&bench)
        .into_iter()
        .filter_map(|record| match record.event {
            Event::BreakerOpened(opened) => Some((record.at, opened)),
            _ => None,
        })
        .collect();
    assert!(!opened.is_empty(), "{}", done.stderr);
    for (at, opened) in &opened {
        assert_eq!(opened.cause, OpenCause::ServerDirected);
        // The record is written a moment after the answer.
        assert!(opened.until.since(*at) >= Duration::from_millis(2_800));
    }
    let log = bench.server.log();
    let last = log.iter().rposition(|request| !request.served).unwrap();
    let next = log.iter().find(|request| request.served).unwrap();
    assert!(next.at - log[last].at >= THREE_SECONDS, "{log:?}");
    assert!(journal::failures(&bench).iter().all(|failed| failed.charged == 0));
    assert!(done.stderr.contains("the server asked to stay away"), "{}", done.stderr);
}

#[test]
fn downloads_are_together_no_faster_than_the_manifest_says() {
    let mut bench = Bench::new(&format!("bandwidth_limit = \"1MiB/s\"\n{QUICK}"));
    let (one, other) = (noise(6, 1024 * 1024), noise(7, 1024 * 1024));
    bench.artifact("one", one.clone(), &[]);
    bench.artifact("other", other.clone(), &[]);
    let begun = Instant::now();
    bench.install().assert_code(0);
    // Two seconds, less what was not used in a quarter of a second between the two.
    assert!(begun.elapsed() >= Duration::from_millis(1_700), "{:?}", begun.elapsed());
    bench.assert_whole("one", &one);
    bench.assert_whole("other", &other);
}

#[test]
fn what_is_not_there_is_asked_for_once_and_has_a_hint() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(4, 1000), &[Status(404, ""), Status(404, "")]);
    let done = bench.install();
    done.assert_code(1);
    assert_eq!(done.stdout, "model\tfailed\tnot_found\n");
    assert_eq!(bench.server.requests("model").len(), 1);
    assert!(done.stderr.contains("\n  hint     "), "{}", done.stderr);
    let table = bench.command(&["status"]).stdout;
    assert!(table.contains("Failed") && table.contains("another try would not help"), "{table}");
}

#[test]
fn no_retries_means_one_attempt_even_if_the_server_asks_for_patience() {
    let mut bench = Bench::new(&format!("max_retries = 0\n{QUICK}"));
    bench.artifact("model", noise(5, 1000), &[Status(429, "retry-after: 1\r\n")]);
    let done = bench.install();
    done.assert_code(1);
    assert_eq!(done.stdout, "model\texhausted\tthrottled\n");
    assert_eq!(bench.server.requests("model").len(), 1);
    assert!(done.stderr.contains("Attempt 1/1"), "{}", done.stderr);
}
