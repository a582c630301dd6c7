//! `status`, `resume` and `demo`.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bench::{Bench, MIB, QUICK, finish, kill, launcher, noise};
use crate::server::Answer::{HoldAt, Status};

#[test]
fn looking_for_a_missing_journal_creates_nothing() {
    let bench = Bench::new("");
    for args in [&["status"][..], &["status", "--json"], &["resume"]] {
        let done = bench.command(args);
        done.assert_code(2);
        assert!(done.stderr.contains("there is no launcher data"), "{}", done.stderr);
        assert!(!bench.data().exists());
    }
}

#[test]
fn where_there_is_no_terminal_another_command_is_named() {
    let bench = Bench::new("");
    let done = bench.command(&["top"]);
    done.assert_code(2);
    assert!(done.stderr.contains("use `launcher status`"), "{}", done.stderr);
    assert_eq!(done.stdout, "");
    assert!(!bench.data().exists());
}

#[test]
fn the_status_is_json_for_programs_and_starts_nothing() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("good", noise(1, MIB), &[]);
    bench.artifact("bad", noise(2, MIB), &[Status(403, "")]);
    bench.artifact("open", noise(3, 2 * MIB), &[HoldAt(MIB)]);
    let child = bench.spawn_install();
    bench.server.wait_for_sent("open", MIB);
    bench.server.wait_for_requests("bad", 1);
    bench.server.wait_for_sent("good", MIB);
    // The journal can be looked at while the launcher runs.
    let has_failed = |_: &u32| bench.command(&["status"]).stdout.contains("Failed");
    assert!((0..500).any(|look| has_failed(&look)), "the failure is recorded at once");
    kill(child);
    let asked = bench.server.requests("open").len();

    let done = bench.status();
    done.assert_code(0);
    let runs: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let named = |name: &str| runs.iter().find(|run| run["name"] == name).unwrap();
    assert_eq!(runs.len(), 3);
    assert_eq!(named("open")["steps"][0]["step"], "download");
    assert_eq!(named("open")["steps"][0]["attempts"], 1);
    assert_eq!(named("open")["steps"][1]["status"], "blocked");
    assert_eq!(named("open")["status"], "in_progress");
    assert_eq!(bench.server.requests("open").len(), asked);
    let again = bench.status();
    assert_eq!(again.stdout, done.stdout, "looking changes nothing");

    bench.resume().assert_code(0);
    bench.install().assert_code(1);
    let table = bench.command(&["status"]);
    assert_eq!(table.stdout.matches("Success").count(), 2, "{}", table.stdout);
    assert_eq!(table.stdout.matches("Failed").count(), 1, "{}", table.stdout);
}

#[test]
fn a_failure_has_its_class_in_the_status() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("bad", noise(2, MIB), &[Status(403, "")]);
    bench.install().assert_code(1);
    let runs: Value = serde_json::from_str(&bench.status().stdout).unwrap();
    let run = &runs[0];
    assert_eq!((&run["status"], &run["attempts"]), (&"failed".into(), &1.into()));
    assert_eq!(run["failure"]["class"], "permission");
    assert_eq!(run["failure"]["group"], "permission");
    assert!(run["failure"]["message"].as_str().unwrap().contains("403"));
}

#[test]
fn there_may_be_nothing_to_resume() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("good", noise(1, 1000), &[]);
    bench.install().assert_code(0);
    let done = bench.resume();
    done.assert_code(0);
    assert!(done.stderr.contains("nothing to resume"), "{}", done.stderr);
}

#[test]
fn the_demo_needs_nothing_but_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let mut demo = launcher();
    demo.arg("demo").arg("--data-dir").arg(folder.path());
    // A proxy that nobody can reach is none of the demo's business.
    demo.env_remove("NO_PROXY").env("http_proxy", "http://127.0.0.1:1");
    let child = demo.spawn().unwrap();
    let done = finish(child);
    done.assert_code(0);
    assert!(began.elapsed() < Duration::from_secs(30));
    for word in ["base-model", "text-encoder", "journal-dump log"] {
        assert!(done.stdout.contains(word), "{word} in\n{}", done.stdout);
    }
    for word in ["503", "drops the line", "next try in", "goes on where it stopped"] {
        assert!(done.stderr.contains(word), "{word} in\n{}", done.stderr);
    }
    assert!(folder.path().join("installed/custom_nodes/demo/nodes/upscale.bin").is_file());
}
