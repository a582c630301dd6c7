//! A name stands for a run: what the same name means when it comes again.

use resurge::RunStatus;
use resurge::journal::state::RunPhase;

use crate::bench::{Bench, MIB, QUICK, kill, noise};
use crate::journal;
use crate::server::Answer::{HoldAt, Status};

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
fn a_failed_run_is_followed_by_a_new_one() {
    let mut bench = Bench::new(QUICK);
    let bytes = noise(7, MIB);
    bench.artifact("model", bytes.clone(), &[Status(403, "")]);
    bench.install().assert_code(1);
    bench.install().assert_code(0);
    bench.assert_whole("model", &bytes);
    assert!(!bench.staging().exists(), "nothing of the failed run is left");
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
