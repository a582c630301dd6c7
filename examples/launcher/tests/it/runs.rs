//! A name stands for a run: what the same name means when it comes again.

use resurge::RunStatus;
use resurge::journal::state::RunPhase;

use crate::bench::{Bench, MIB, QUICK, kill, noise};
use crate::journal;
use crate::server::Answer::{DropAt, HoldAt, Status};

#[test]
fn what_is_installed_is_not_asked_for_again() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(1, MIB);
    bench.artifact("model", bytes.clone(), &[]);
    bench.install().assert_code(0);
    let done = bench.install();
    done.assert_code(0);
    assert!(done.stdout.starts_with("model\tunchanged\t"), "{}", done.stdout);
    assert_eq!(bench.server.requests("model").len(), 1);
    assert_eq!(journal::count(&bench, "run_started"), 1);
}

#[test]
fn what_is_gone_is_installed_again() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(2, MIB);
    bench.artifact("model", bytes.clone(), &[]);
    bench.install().assert_code(0);
    std::fs::remove_file(bench.target("model")).unwrap();
    bench.install().assert_code(0);
    bench.assert_whole("model", &bytes);
    assert_eq!(journal::count(&bench, "run_succeeded"), 2);
}

#[test]
fn what_was_published_anew_is_installed_anew() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(3, MIB), &[]);
    bench.install().assert_code(0);
    bench.clear();
    let newer = noise(4, MIB);
    bench.artifact("model", newer.clone(), &[]);
    bench.install().assert_code(0);
    bench.assert_whole("model", &newer);
}

#[test]
fn a_changed_manifest_calls_the_run_under_way_off() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(5, 3 * MIB), &[HoldAt(MIB)]);
    let child = bench.spawn_install();
    bench.server.wait_for_sent("model", MIB);
    kill(child);

    bench.clear();
    let newer = noise(6, MIB);
    bench.artifact("model", newer.clone(), &[]);
    bench.install().assert_code(0);
    bench.assert_whole("model", &newer);
    assert!(!bench.staging().exists(), "what the old run had fetched is gone");
    let state = journal::state(&bench);
    let mut runs: Vec<_> = state.runs().collect();
    runs.sort_by_key(|run| run.started_at);
    assert_eq!(runs.len(), 2);
    let RunPhase::Cancelled { reason, .. } = &runs[0].phase else { panic!("{:?}", runs[0].phase) };
    assert_eq!(reason, "the manifest changed");
    assert_eq!(runs[1].status(), RunStatus::Success);
}

#[test]
fn what_another_try_would_not_mend_is_tried_again_with_force_only() {
    for command in ["install", "retry"] {
        let mut bench = Bench::new(QUICK);
        let bytes = noise(7, MIB);
        bench.artifact("model", bytes.clone(), &[Status(403, "")]);
        let done = bench.install();
        done.assert_code(1);
        assert!(done.stderr.contains("launcher retry model --force"), "{}", done.stderr);

        let done = bench.again(command, &[]);
        done.assert_code(1);
        assert_eq!(done.stdout, "model\tfailed\tpermission\n");
        assert!(done.stderr.contains("--force"), "{}", done.stderr);
        assert_eq!(bench.server.requests("model").len(), 1, "nobody was asked again");

        bench.again(command, &["--force"]).assert_code(0);
        bench.assert_whole("model", &bytes);
        assert_eq!(journal::count(&bench, "run_started"), 1, "it is the same run");
        assert_eq!(journal::count(&bench, "force_retry"), 1);
        assert!(!bench.staging().exists(), "nothing unfinished is left");
    }
}

#[test]
fn what_ran_out_of_retries_goes_on_where_it_failed() {
    for command in ["install", "retry"] {
        let mut bench = Bench::new(&format!("max_retries = 1\n{QUICK}"));
        let bytes = noise(8, 8 * MIB);
        // The one that got so far gives the retries back and uses none up.
        let script = [DropAt(5 * MIB), Status(500, ""), Status(500, "")];
        bench.artifact("model", bytes.clone(), &script);
        let done = bench.install();
        done.assert_code(1);
        assert_eq!(done.stdout, "model\texhausted\tserver\n");
        let asked = bench.server.requests("model").len();
        let before = bench.server.sent("model");

        let done = bench.again(command, &[]);
        done.assert_code(0);
        bench.assert_whole("model", &bytes);
        let from = bench.server.requests("model")[asked..].to_vec();
        assert!(from.iter().all(|request| request.from >= 4 * MIB), "{from:?}");
        // What the sockets held when the line broke may not have been received.
        let again = bench.server.sent("model") - before;
        assert_eq!(again, bytes.len() - from.last().unwrap().from);
        assert_eq!(journal::count(&bench, "run_started"), 1, "it is the same run");
        assert_eq!(journal::count(&bench, "retry_now"), 1);
        assert!(!bench.staging().exists(), "nothing unfinished is left");
    }
}

#[test]
fn an_unknown_name_cannot_be_tried_again() {
    let mut bench = Bench::new(QUICK);
    bench.artifact("model", noise(9, 1000), &[]);
    bench.install().assert_code(0);
    let done = bench.command(&["retry", "modle"]);
    done.assert_code(2);
    assert!(done.stderr.contains("no artifact `modle`"), "{}", done.stderr);
    let done = bench.command(&["retry"]);
    done.assert_code(0);
    assert!(done.stderr.contains("nothing to retry"), "{}", done.stderr);
}

#[test]
fn what_failed_is_started_anew_when_the_manifest_changed() {
    let mut bench = Bench::new(&format!("max_retries = 0\n{QUICK}"));
    bench.artifact("model", noise(10, MIB), &[Status(500, "")]);
    bench.install().assert_code(1);
    bench.clear();
    let newer = noise(11, MIB);
    bench.artifact("model", newer.clone(), &[]);
    bench.install().assert_code(0);
    bench.assert_whole("model", &newer);
    assert_eq!(journal::count(&bench, "run_started"), 2);
}

#[test]
fn an_archive_is_unpacked_into_a_folder() {
    let mut bench = Bench::new(QUICK);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("a/b.txt", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, b"hello").unwrap();
    bench.server.file("nodes", zip.finish().unwrap().into_inner(), &[]);
    bench.section("nodes", "unpack = \"zip\"");
    bench.install().assert_code(0);
    assert_eq!(std::fs::read(bench.target("nodes").join("a/b.txt")).unwrap(), b"hello");
}
