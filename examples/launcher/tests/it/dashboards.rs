//! `serve`, and the dashboard beside other commands.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::bench::{Bench, MIB, QUICK, finish, kill, launcher, noise, read_line, sha256};
use crate::journal;
use crate::server::Answer::{HoldAt, Status};
use crate::web::{Door, Served};

pub(crate) fn serve(bench: &Bench) -> Served {
    serve_with(bench, &[])
}

fn serve_with(bench: &Bench, args: &[&str]) -> Served {
    let mut launcher = launcher();
    launcher.arg("serve").arg("--data-dir").arg(bench.data());
    Served::of(launcher.args(["--listen", "127.0.0.1:0"]).args(args).spawn().unwrap())
}

#[test]
fn the_address_on_standard_output_opens_the_dashboard() {
    let bench = Bench::new("");
    let served = serve(&bench);
    let door = served.door.clone();
    assert_eq!(door.ask("GET", "/healthz", None).status, 200);
    assert_eq!(door.ask("GET", "/", None).status, 200);
    assert_eq!(door.get("/api/v1/stats").status, 200);
    let numbers = door.get("/metrics").body;
    let bytes = numbers.lines().find_map(|line| line.strip_prefix("resurge_journal_bytes "));
    assert!(bytes.is_some_and(|bytes| bytes.parse::<u64>().is_ok_and(|bytes| bytes > 0)));
    for token in [None, Some("0".repeat(64))] {
        assert_eq!(door.ask("GET", "/api/v1/stats", token.as_deref()).status, 401);
    }
    let done = served.stop("TERM");
    done.assert_code(0);
    assert_eq!(done.stdout, "", "the address is all that is written there");
}

#[cfg(unix)]
#[test]
fn the_token_is_kept_where_only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new("");
    let served = serve(&bench);
    let path = bench.data().join("dashboard.token");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), served.door.token);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    served.stop("INT").assert_code(0);

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let done = bench.command(&["serve", "--listen", "127.0.0.1:0"]);
    done.assert_code(1);
    assert_eq!(done.stdout, "");
    assert!(done.stderr.contains("remove it"), "{}", done.stderr);
}

#[test]
fn where_it_listens_is_told_to_programs_of_its_user_while_it_does() {
    let bench = Bench::new("");
    let path = bench.data().join("dashboard.json");
    let served = serve(&bench);
    let text = std::fs::read(&path).unwrap();
    let told: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(told, serde_json::json!({ "address": served.door.address, "pid": served.id() }));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    served.stop("TERM").assert_code(0);
    assert!(!path.exists());
}

#[test]
fn other_machines_are_let_in_by_name_only() {
    let bench = Bench::new("");
    for command in [&["serve"][..], &["demo", "--dashboard"]] {
        let done = bench.command(&[command, &["--listen", "0.0.0.0:0"]].concat());
        done.assert_code(2);
        assert!(done.stderr.contains("--allow-host"), "{}", done.stderr);
        assert!(!bench.data().exists(), "nothing was created");
    }

    let args = ["--listen", "0.0.0.0:0", "--allow-host", "my.box"];
    let mut launcher = launcher();
    let child = launcher.arg("serve").arg("--data-dir").arg(bench.data()).args(args).spawn();
    let served = Served::of(child.unwrap());
    assert_eq!(served.door.get("/api/v1/stats").status, 200);
    let done = served.stop("INT");
    done.assert_code(0);
    assert!(done.stderr.contains("sees the token"), "{}", done.stderr);
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(1, 1000), &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let manifest = bench.write_manifest();
    let install = ["install", manifest.to_str().unwrap(), "--dashboard"];
    for command in [&["serve"][..], &install, &["demo", "--dashboard"]] {
        let done = bench.command(&[command, &["--listen", &address]].concat());
        done.assert_code(1);
        assert_eq!(done.stdout, "");
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        assert!(done.stderr.contains("choose another port"), "{}", done.stderr);
        assert!(!bench.data().exists(), "nothing was created");
    }
}

#[test]
fn a_killed_server_goes_on_and_so_does_its_page() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(2, 128 * MIB);
    bench.artifact("model", bytes.clone(), &[HoldAt(MIB), HoldAt(96 * MIB)]);
    let child = bench.spawn_install();
    bench.server.wait_for_sent("model", MIB);
    kill(child);

    let first = serve(&bench);
    let mut before = Vec::new();
    let mut saved = 0;
    for record in first.door.records() {
        saved = saved.max(record["checkpoint"]["offset"].as_u64().unwrap_or_default());
        before.push(record);
        if saved >= MIB as u64 {
            break;
        }
    }
    let operations = first.door.get("/api/v1/operations").json();
    let token = first.door.token.clone();
    first.kill();

    let again = serve(&bench);
    assert_eq!(again.door.token, token, "a browser need not be let in again");
    let mut records = Vec::new();
    for record in again.door.records() {
        let is_end = record["event"] == "run_succeeded";
        records.push(record);
        if is_end {
            break;
        }
    }
    assert_eq!(records[..before.len()], before, "the page sees the same past");
    let numbers: Vec<u64> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] == 1, "{numbers:?}");
    let operation = &again.door.get("/api/v1/operations").json()["operations"][0];
    assert_eq!(operation["id"], operations["operations"][0]["id"], "it is the same operation");
    assert_eq!(operation["status"], "success");
    again.stop("TERM").assert_code(0);

    bench.assert_whole("model", &bytes);
    let from: Vec<_> = bench.server.requests("model").iter().map(|asked| asked.from).collect();
    assert_eq!(from.len(), 3);
    assert!(from[2] as u64 >= saved, "what was saved is not fetched again: {from:?}, {saved}");
    assert_eq!(journal::count(&bench, "run_started"), 1);
    assert_eq!(journal::count(&bench, "attempt_interrupted"), 2);
    assert!(!bench.staging().exists(), "nothing unfinished is left");
}

#[test]
fn a_server_that_is_stopped_tells_what_it_leaves() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(3, 3 * MIB), &[HoldAt(MIB), HoldAt(2 * MIB)]);
    let child = bench.spawn_install();
    bench.server.wait_for_sent("model", MIB);
    kill(child);
    let served = serve(&bench);
    bench.server.wait_for_requests("model", 2);
    let done = served.stop("INT");
    done.assert_code(0);
    assert!(done.stderr.contains("1 unfinished"), "{}", done.stderr);
    bench.resume().assert_code(0);
}

#[test]
fn whoever_may_only_look_changes_nothing() {
    let bench = Bench::new("");
    let served = serve_with(&bench, &["--read-only"]);
    assert_eq!(served.door.get("/api/v1/breakers").status, 200);
    let answer = served.door.post("/api/v1/breakers/host:example.org:443/isolate");
    assert_eq!(answer.status, 403, "{}", answer.body);
    served.stop("INT").assert_code(0);
}

#[test]
fn an_installation_with_a_dashboard_ends_as_it_would_without() {
    for (script, code, results) in [
        (vec![HoldAt(MIB)], 0, ["installed", "unchanged"]),
        (vec![HoldAt(MIB), Status(403, "")], 1, ["failed", "failed"]),
    ] {
        let mut bench = Bench::new(QUICK);
        bench.artifact("model", noise(4, 2 * MIB), &script);
        kill({
            let child = bench.spawn_install();
            bench.server.wait_for_sent("model", MIB);
            child
        });
        let manifest = bench.write_manifest();
        let commands = [&["install", manifest.to_str().unwrap()][..], &["retry", "model"]];
        for (command, result) in commands.into_iter().zip(results) {
            let mut launcher = launcher();
            launcher.args(command).arg("--data-dir").arg(bench.data());
            launcher.args(["--dashboard", "--listen", "127.0.0.1:0"]);
            let done = finish(launcher.spawn().unwrap());
            done.assert_code(code);
            assert!(done.stdout.starts_with(&format!("model\t{result}\t")), "{}", done.stdout);
            let told = done.stderr.lines().find(|line| line.starts_with("open ")).unwrap();
            assert_eq!(Door::read(told).token.len(), 64);
        }
    }
}

#[test]
fn the_dashboard_is_there_while_an_installation_runs() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(5, 2 * MIB), &[HoldAt(MIB)]);
    let manifest = bench.write_manifest();
    let mut launcher = launcher();
    launcher.arg("install").arg(manifest).arg("--data-dir").arg(bench.data());
    let mut child = launcher.args(["--dashboard", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let (line, messages) = read_line(&mut child, "open http://");
    let door = Door::read(&line);
    let served = Served::with(child, door.clone());
    bench.server.wait_for_sent("model", MIB);
    assert_eq!(door.ask("GET", "/healthz", None).status, 200);
    assert!(door.records().any(|record| record["event"] == "attempt_started"));
    let done = served.stop("INT");
    drop(messages);
    done.assert_code(130);
}

#[test]
fn what_is_ordered_on_the_dashboard_is_installed_below_the_root() {
    let bench = Bench::new(QUICK);
    let (bytes, other) = (noise(6, MIB), noise(7, 2 * MIB));
    bench.server.file("model.bin", bytes.clone(), &[Status(503, "")]);
    bench.server.file("other.bin", other.clone(), &[HoldAt(MIB)]);
    let root = bench.data().join("elsewhere");
    let served = serve_with(&bench, &["--root", root.to_str().unwrap()]);
    let order = |order: Value| served.door.post_json("/api/downloads", &order);
    let digest = format!("sha256:{}", sha256(&bytes));
    let first = json!({"url": bench.server.url("model.bin"), "digest": digest});
    assert_eq!(order(first.clone()).status, 202);
    assert!(served.door.records().any(|record| record["event"] == "run_succeeded"));
    assert!(std::fs::read(root.join("model.bin")).unwrap() == bytes);
    let asked = bench.server.requests("model.bin").len();

    let operations = || served.door.get("/api/v1/operations").json();
    let id = operations()["operations"][0]["id"].clone();
    let again: Value = serde_json::from_str(&order(first).body).unwrap();
    assert_eq!(again["download_id"], id, "it stands there already");
    assert_eq!(bench.server.requests("model.bin").len(), asked);

    let to = |name: &str, path: &str| json!({"url": bench.server.url(name), "dest_path": path});
    assert_eq!(order(to("other.bin", "models/other.bin")).status, 202);
    for (refused, word) in [
        (to("model.bin", "models/other.bin"), "has not ended"),
        (to("model.bin", "models"), "has not ended"),
        (to("model.bin", "../outside"), "outside"),
        (json!({"url": "file:///etc/passwd"}), "http://"),
    ] {
        let answer = order(refused);
        assert!((400..500).contains(&answer.status), "{}", answer.body);
        assert!(answer.body.contains(word), "{word} in {}", answer.body);
    }
    assert_eq!(operations()["total"], 2, "nothing else was started");
    served.stop("INT").assert_code(0);
    bench.resume().assert_code(0);
    assert!(std::fs::read(root.join("models/other.bin")).unwrap() == other);
}

#[test]
fn a_name_that_fits_nobody_is_refused_before_anything_is_created() {
    let bench = Bench::new("");
    for (host, word) in [("*", "without *"), ("x:99999", "65535")] {
        let done = bench.command(&["resume", "--dashboard", "--allow-host", host]);
        done.assert_code(2);
        assert!(done.stderr.contains(word), "{}", done.stderr);
        assert!(!bench.data().exists(), "nothing was created");
    }
}

#[test]
fn what_people_name_and_say_is_told_without_tricks_and_secrets() {
    let bench = Bench::new(QUICK);
    bench.server.file("model.bin", noise(8, 2 * MIB), &[HoldAt(MIB), HoldAt(MIB)]);
    let served = serve(&bench);
    let dest_path = "exe\u{202e}gpj.\u{200b}bin";
    let order = json!({"url": bench.server.url("model.bin"), "dest_path": dest_path});
    assert_eq!(served.door.post_json("/api/downloads", &order).status, 202);
    let id = served.door.get("/api/v1/operations").json()["operations"][0]["id"].clone();
    let pause = format!("/api/v1/operations/{}/pause", id.as_str().unwrap());
    let reason = json!({"reason": "see http://joe:pw@h/a?sig=abc\u{202e} with Bearer xyz"});
    let answer = served.door.post_json(&pause, &reason);
    assert_eq!(answer.status, 202, "{}", answer.body);

    let told = bench.command(&["status"]);
    let json = bench.status();
    let done = served.stop("INT");
    let resumed = bench.command(&["retry", "no\u{202e}body"]);
    for text in [&told.stdout, &done.stderr, &resumed.stderr] {
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{text:?}");
    }
    for text in [&told.stdout, &done.stderr] {
        assert!(text.contains("exe gpj. bin") && text.contains("see http://h/a?…"), "{text}");
    }
    for text in [&told.stdout, &done.stderr, &json.stdout] {
        for secret in ["joe", "pw", "abc", "xyz"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let runs: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(runs[0]["name"], dest_path, "programs are told what it is called");
}
