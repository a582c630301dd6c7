//! Processes that end in the middle, and those that go on after them.

use std::time::Duration;

use resurge::journal::event::Event;

use crate::bench::{Bench, MIB, QUICK, finish, kill, noise, read_until, signal};
use crate::journal;
use crate::server::Answer::{HoldAt, Status};

#[test]
fn little_is_fetched_twice_after_a_kill() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(1, 192 * MIB);
    bench.artifact("model", bytes.clone(), &[HoldAt(120 * MIB)]);
    let child = bench.spawn_install();
    bench.server.wait_for_sent("model", 120 * MIB);
    kill(child);

    bench.install().assert_code(0);
    bench.assert_whole("model", &bytes);
    let twice = bench.server.sent("model") - 192 * MIB;
    assert!(twice < 72 * MIB, "{} MiB were fetched twice", twice / MIB);
    assert_eq!(journal::count(&bench, "run_started"), 1);
    assert_eq!(journal::count(&bench, "attempt_interrupted"), 1);
}

#[test]
fn twelve_artifacts_survive_25_kills() {
    const ARTIFACTS: u64 = 12;
    const KILLS: usize = 25;
    let mut bench = Bench::new(QUICK);
    let all: Vec<(String, Vec<u8>)> = (0..ARTIFACTS)
        .map(|n| (format!("model-{n}"), noise(n, 2 * MIB + usize::try_from(n).unwrap() * 100_001)))
        .collect();
    for (name, bytes) in &all {
        bench.artifact(name, bytes.clone(), &[]);
        bench.server.throttle(name, Duration::from_millis(10));
    }
    let total: usize = all.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut kills = 0;
    for round in 0..KILLS {
        let child = bench.spawn_install();
        // A different point of the work each time: now at the start, now in the midst.
        let goal = total * (round + 1) / (KILLS + 2) + round % 5 * 30_000;
        if bench.server.wait_for_total(goal, Duration::from_secs(10)) {
            kills += 1;
        }
        kill(child);
    }
    assert!(kills > KILLS / 2, "only {kills} kills hit the work");

    bench.install().assert_code(0);
    for (name, bytes) in &all {
        bench.assert_whole(name, bytes);
    }
    let records = journal::records(&bench);
    let ended = |record: &&resurge::journal::Record| matches!(record.event, Event::RunSucceeded(_));
    let mut succeeded: Vec<_> = records.iter().filter(ended).filter_map(|r| r.run).collect();
    succeeded.sort_unstable();
    succeeded.dedup();
    assert_eq!(succeeded.len(), all.len());
    assert_eq!(journal::count(&bench, "run_succeeded"), all.len());
    assert_eq!(journal::count(&bench, "run_started"), all.len());
    assert!(!bench.staging().exists(), "nothing unfinished is left");
}

#[test]
fn a_signal_leaves_a_state_that_can_be_resumed() {
    for name in ["INT", "TERM"] {
        let mut bench = Bench::new(QUICK);
        let bytes = noise(2, 24 * MIB);
        bench.artifact("model", bytes.clone(), &[HoldAt(20 * MIB)]);
        let child = bench.spawn_install();
        bench.server.wait_for_sent("model", 20 * MIB);
        signal(&child, name);
        let done = finish(child);
        done.assert_code(130);
        assert!(done.stderr.contains("launcher resume --data-dir"), "{}", done.stderr);
        assert!(!bench.target("model").exists());

        let done = bench.resume();
        done.assert_code(0);
        assert!(done.stdout.starts_with("model\tinstalled\t"), "{}", done.stdout);
        bench.assert_whole("model", &bytes);
        // What the sockets held was never received; they hold a few MiB.
        let from = bench.server.requests("model")[1].from;
        assert!(from > MIB, "the rest was fetched, not the whole: from {from}");
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(5, 3 * MIB);
    bench.artifact("model", bytes.clone(), &[HoldAt(MIB)]);
    let mut child = bench.spawn_install();
    bench.server.wait_for_sent("model", MIB);
    signal(&child, "INT");
    let messages = read_until(&mut child, "again to stop at once");
    signal(&child, "INT");
    drop(messages);
    finish(child).assert_code(130);
    bench.resume().assert_code(0);
    bench.assert_whole("model", &bytes);
}

#[test]
fn a_wait_outlives_the_process() {
    let mut bench = Bench::new("initial_delay = \"2s\"");
    let bytes = noise(3, 1000);
    bench.artifact("model", bytes.clone(), &[Status(503, "")]);
    let mut child = bench.spawn_install();
    let messages = read_until(&mut child, "next try in");
    kill(child);
    drop(messages);
    bench.resume().assert_code(0);
    bench.assert_whole("model", &bytes);
    let requests = bench.server.requests("model");
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(1_800));
}

#[test]
fn a_second_process_is_refused_in_one_sentence() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(4, 3 * MIB);
    bench.artifact("model", bytes.clone(), &[HoldAt(MIB)]);
    let child = bench.spawn_install();
    bench.server.wait_for_sent("model", MIB);
    for done in [bench.install(), bench.resume()] {
        done.assert_code(1);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        assert!(done.stderr.contains("in use"), "{}", done.stderr);
        assert_eq!(done.stdout, "");
    }
    let status = bench.status();
    status.assert_code(0);
    assert!(status.stdout.contains("in_progress"), "{}", status.stdout);
    kill(child);
    bench.install().assert_code(0);
    bench.assert_whole("model", &bytes);
}
