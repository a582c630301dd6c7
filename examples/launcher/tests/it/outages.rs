//! A host that is down: work waits behind its breaker, and comes back in good order.

use std::collections::BTreeMap;
use std::time::Duration;

use resurge::journal::event::{Event, OpenCause};
use serde_json::Value;

use crate::bench::{Bench, MIB, finish, kill, noise, read_until, signal};
use crate::journal;
use crate::server::Answer::Status;
use crate::server::Server;

#[test]
fn no_request_is_made_before_the_break_is_over_although_the_process_was_killed() {
    let settings = "initial_delay = \"10ms\"\nmax_delay = \"20ms\"\nmax_retries = 3\n\
                    circuit_breaker_threshold = 3\ncircuit_breaker_timeout = \"4s\"";
    let (mut bench, port) = Bench::down(settings);
    let bytes = noise(1, MIB);
    bench.artifact("model", bytes.clone(), &[]);
    let mut child = bench.spawn_install();
    let messages = read_until(&mut child, "waiting for host 127.0.0.1");
    kill(child);
    drop(messages);
    let until = journal::break_ends(&bench);

    let runs: Value = serde_json::from_str(&bench.status().stdout).unwrap();
    let run = &runs[0];
    let why = run["why"].as_str().unwrap();
    assert!(why.contains("circuit breaker open, next probe in"), "{why}");
    assert!(why.ends_with("(attempt 4/4 is not used up)"), "{why}");
    assert_eq!((&run["status"], &run["charged"]), (&"recovering".into(), &3.into()));
    assert_eq!(run["steps"][0]["status"], "held");
    let breaker = &run["breakers"][0];
    assert_eq!((&breaker["state"], &breaker["held"]), (&"open".into(), &1.into()));
    assert_eq!(run["held_by"][0], breaker["key"]);

    // Whatever is asked for from now on is seen.
    bench.server.open(port);
    bench.resume().assert_code(0);
    bench.assert_whole("model", &bytes);
    let requests = bench.server.log();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].wall >= until, "{until:?} before the break was over");
    let records = journal::records(&bench);
    let mut reopened = records.iter().filter(|r| matches!(r.event, Event::EngineOpened(_)));
    let reopened_at = reopened.next_back().unwrap().at;
    let until = resurge::Timestamp::from_millis(millis(until));
    assert!(reopened_at < until, "the second process came too late to show anything");
    let began = records.iter().filter(|r| matches!(r.event, Event::AttemptStarted(_)));
    assert!(began.filter(|record| record.at >= reopened_at).all(|record| record.at >= until));
}

#[test]
fn many_wait_for_one_host_and_come_back_one_by_one_then_in_waves() {
    const ARTIFACTS: u64 = 40;
    let settings =
        "initial_delay = \"20ms\"\nmax_delay = \"50ms\"\ncircuit_breaker_timeout = \"1s\"";
    let (mut bench, port) = Bench::down(settings);
    let all: Vec<_> = (0..ARTIFACTS).map(|n| (format!("model-{n}"), noise(n, 100_000))).collect();
    for (name, bytes) in &all {
        bench.artifact(name, bytes.clone(), &[]);
        bench.server.throttle(name, Duration::from_millis(30));
    }
    let mut child = bench.spawn_install();
    // By then the attempts from before the break have ended as well.
    let messages = read_until(&mut child, "the probe failed");
    bench.server.script(&[Status(503, ""), Status(503, "")]);
    bench.server.open(port);
    drop(std::thread::spawn(move || messages.count()));
    finish(child).assert_code(0);
    for (name, bytes) in &all {
        bench.assert_whole(name, bytes);
    }

    let log = bench.server.log();
    let first = log.iter().position(|request| request.served).unwrap();
    assert_eq!(first, 2, "two probes failed");
    assert!(log[..=first].iter().all(|request| request.others == 0), "{:?}", &log[..=first]);
    for pair in log[..=first].windows(2) {
        let gap = pair[1].at - pair[0].at;
        assert!(gap >= Duration::from_millis(850), "probes {gap:?} apart");
    }
    assert!(log.iter().all(|request| request.others < 16));

    let mut waves: BTreeMap<u32, usize> = BTreeMap::new();
    for record in journal::records(&bench) {
        if let Event::StepReleased(released) = record.event
            && let Some(wave) = released.wave
        {
            *waves.entry(wave.number).or_default() += 1;
        }
    }
    assert!(waves.len() > 2, "{waves:?}");
    assert!(waves.iter().all(|(number, steps)| *steps <= 1 << number), "{waves:?}");
    assert_eq!(log.len(), all.len() + 2, "everything was asked for once");
    assert_eq!(journal::count(&bench, "run_succeeded"), all.len());
}

#[test]
fn several_hosts_that_are_down_at_once_are_one_line_that_is_down() {
    // Long enough for the first attempts of all to fail before a host has failed five times.
    let (mut bench, port) = Bench::down("initial_delay = \"2s\"");
    let (other, other_port) = Server::down();
    let all: Vec<_> = (0..6).map(|n| (format!("model-{n}"), noise(n, 1000))).collect();
    for (name, bytes) in &all[..3] {
        bench.artifact(name, bytes.clone(), &[]);
    }
    for (name, bytes) in &all[3..] {
        bench.artifact_on(&other, name, bytes.clone());
    }
    let mut child = bench.spawn_install();
    let messages = read_until(&mut child, "offline");
    bench.server.open(port);
    other.open(other_port);
    drop(std::thread::spawn(move || messages.count()));
    finish(child).assert_code(0);
    for (name, bytes) in &all {
        bench.assert_whole(name, bytes);
    }
    let mut causes = Vec::new();
    for record in journal::records(&bench) {
        if let Event::BreakerOpened(opened) = record.event {
            causes.push(opened.cause);
        }
    }
    assert_eq!(causes, [OpenCause::LocalOutage], "no host was blamed");
}

#[test]
fn without_a_breaker_every_retry_is_made_and_used_up() {
    let settings = "initial_delay = \"1ms\"\nmax_delay = \"1ms\"\nmax_retries = 7\n\
                    circuit_breaker = false";
    let (mut bench, port) = Bench::down(settings);
    bench.artifact("model", noise(2, 1000), &[]);
    let done = bench.install();
    done.assert_code(1);
    assert_eq!(done.stdout, "model\texhausted\tnetwork\n");
    assert_eq!(journal::failures(&bench).len(), 8);
    assert_eq!(journal::count(&bench, "breaker_opened"), 0);
    drop(port);
}

#[test]
fn the_statistics_have_the_numbers_of_the_user_guide() {
    let mut bench = Bench::new("initial_delay = \"1ms\"\nmax_delay = \"1ms\"");
    bench.artifact("good", noise(3, 1000), &[Status(503, "")]);
    bench.artifact("bad", noise(4, 1000), &[Status(404, "")]);
    bench.install().assert_code(1);
    let stats: Value = serde_json::from_str(&bench.command(&["stats", "--json"]).stdout).unwrap();
    let numbers = &stats["stats"];
    for (name, value) in [
        ("total_operations", 2),
        ("recovered_operations", 1),
        ("failed_operations", 1),
        ("retry_attempts", 1),
        ("circuit_breaker_trips", 0),
    ] {
        assert_eq!(numbers[name], value, "{name} in {numbers}");
    }
    assert!((numbers["success_rate"].as_f64().unwrap() - 0.5).abs() < 1e-9);
    assert!(numbers["average_recovery_time"].as_f64().unwrap() < 60.0);
    assert!(stats["breakers"].is_array());
    let table = bench.command(&["stats"]).stdout;
    assert!(table.contains("Recovered operations   1"), "{table}");
}

fn millis(time: std::time::SystemTime) -> i64 {
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[test]
fn who_does_not_want_to_wait_for_a_break_need_not() {
    let settings = "initial_delay = \"1ms\"\nmax_delay = \"1ms\"\ncircuit_breaker_threshold = 2";
    for args in [&["retry", "model"][..], &["retry", "model", "--force"]] {
        let (mut bench, port) = Bench::down(settings);
        let bytes = noise(5, 1000);
        bench.artifact("model", bytes.clone(), &[]);
        let mut child = bench.spawn_install();
        let messages = read_until(&mut child, "waiting for host");
        signal(&child, "INT");
        drop(std::thread::spawn(move || messages.count()));
        finish(child).assert_code(130);
        let until = journal::break_ends(&bench);

        bench.server.open(port);
        bench.command(args).assert_code(0);
        bench.assert_whole("model", &bytes);
        let request = &bench.server.log()[0];
        assert!(request.wall < until, "{args:?} waited for the end of the break");
    }
}
