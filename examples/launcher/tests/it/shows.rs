//! `demo --dashboard`: the engine dies, the show goes on.

use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;

use crate::bench::{Bench, launcher};
use crate::dashboards::serve;
use crate::web::Served;

fn show(folder: &Path, args: &[&str]) -> Served {
    let mut demo = launcher();
    demo.args(["demo", "--dashboard", "--fast", "--listen", "127.0.0.1:0"]).args(args);
    // A proxy that nobody can reach is none of the demo's business.
    demo.env_remove("NO_PROXY").env("http_proxy", "http://127.0.0.1:1");
    Served::of(demo.arg("--data-dir").arg(folder).spawn().unwrap())
}

/// Waits until a line was dropped after something had been fetched.
fn wait_for_a_drop(served: &Served) {
    let is_drop = |record: &Value| record["event"] == "attempt_failed" && record["gained"] != 0;
    assert!(served.door.records().any(|record| is_drop(&record)));
}

#[test]
fn an_engine_that_is_killed_on_the_page_goes_on_with_the_bytes_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = show(folder.path(), &["--exit-when-done"]);
    let door = served.door.clone();
    let button = &door.get("/api/v1/buttons").json()["buttons"]["kill-engine"];
    assert!(button["title"].as_str().unwrap().contains("SIGKILL"), "{button}");
    wait_for_a_drop(&served);
    assert_eq!(door.post("/api/v1/buttons/kill-engine").status, 204);

    let killed = served.read_until("the engine is back");
    assert_eq!(door.get("/api/v1/operations").json()["total"], 11, "the page goes on");
    let after: Vec<String> = killed.collect();
    let done = served.finish();
    done.assert_code(0);
    assert!(after.iter().any(|line| line.contains("goes on at")), "{after:#?}");
    for (name, end) in [("withdrawn-model", "failed"), ("stubborn-model", "exhausted")] {
        let mut rows = done.stdout.lines().filter(|row| row.starts_with(name));
        assert!(rows.any(|row| row.contains(end)), "{name}\n{}", done.stdout);
    }
    assert_eq!(done.stdout.matches(" success ").count(), 9, "{}", done.stdout);
    for file in ["checkpoints/base.safetensors", "custom_nodes/demo/nodes/upscale.bin"] {
        assert!(folder.path().join("installed").join(file).is_file(), "{file}");
    }
    assert!(TcpStream::connect(&door.address).is_err(), "nobody is left behind");
}

#[cfg(target_os = "linux")]
#[test]
fn an_engine_that_dies_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = show(folder.path(), &[]);
    // Whichever thread has started it.
    let tasks = std::fs::read_dir(format!("/proc/{}/task", served.id())).unwrap();
    let mut children = tasks.map(|task| {
        std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default()
    });
    let child = children.find(|children| !children.is_empty()).unwrap();
    let killed = std::process::Command::new("kill").args(["-KILL", child.trim()]).status();
    assert!(killed.unwrap().success());
    let messages = served.read_until("the engine is back");
    assert_eq!(served.door.ask("GET", "/healthz", None).status, 200);
    let done = served.stop("INT");
    drop(messages);
    done.assert_code(130);
}

#[test]
fn whatever_ends_the_show_leaves_nobody_behind() {
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(130)), ("KILL", None)] {
        let folder = tempfile::tempdir().unwrap();
        let served = show(folder.path(), &[]);
        let address = served.door.address.clone();
        wait_for_a_drop(&served);
        // Waits until nobody has its streams any more, so that the engine is gone as well.
        let done = served.stop(signal);
        assert_eq!(done.code, code, "{}", done.stderr);
        assert!(TcpStream::connect(address).is_err(), "after {signal}");
    }
}

#[test]
fn a_show_that_has_ended_stays_until_somebody_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = show(folder.path(), &[]);
    let messages = served.read_until("everything has ended");
    let counts = served.door.get("/api/v1/operations?state=success").json()["total"].clone();
    assert_eq!(counts, 9);
    let done = served.stop("INT");
    drop(messages);
    done.assert_code(0);
}

#[test]
fn where_a_launcher_works_no_show_writes_anything() {
    let bench = Bench::new("");
    let served = serve(&bench);
    let folder = || {
        let entries = std::fs::read_dir(bench.data()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = folder();
    for command in [&["demo"][..], &["demo", "--dashboard", "--listen", "127.0.0.1:0"]] {
        let done = bench.command(command);
        done.assert_code(1);
        assert_eq!(done.stdout, "");
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        assert!(done.stderr.contains("in use"), "{}", done.stderr);
        assert_eq!(folder(), before);
    }
    served.stop("INT").assert_code(0);
}
