//! What is resumed, and what is fetched twice.

use resurge_steps::Step;
use resurge_steps::StopReason;

use crate::MIB;
use crate::bench::{Bench, assert_whole};
use crate::server::{Served, Server, pattern};

#[tokio::test]
async fn a_file_is_fetched_in_one_request() {
    let bytes = pattern(3 * MIB + 17);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request)));
    let mut bench = Bench::new(server.url("/dir/file.bin?token=secret"));
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(server.requests().len(), 1);
    assert_eq!((done.resumed_bytes, done.fetched_bytes), (0, bytes.len() as u64));
    assert_eq!(done.origin, server.url("/dir/file.bin"));
    assert!(!done.unverified_length);
    let request = &server.requests()[0];
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("range"), None);
}

#[tokio::test]
async fn a_dropped_transfer_goes_on_at_the_very_byte() {
    let bytes = pattern(5 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n < 3 { reply.cut(MIB + 12_345) } else { reply })
    });
    let mut bench = Bench::new(server.url("/file"));
    for n in 1..=3_u64 {
        let error = bench.attempt().await.unwrap_err();
        assert_eq!(error.kind(), "dropped", "{error}");
        assert_eq!(std::fs::metadata(bench.partial()).unwrap().len(), n * (MIB as u64 + 12_345));
    }
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(server.sent(), bytes.len() as u64, "no byte is fetched twice");
    assert_eq!(done.resumed_bytes, 3 * (MIB as u64 + 12_345));
    let last = server.requests().pop().unwrap();
    assert_eq!(last.from(), Some(3 * (MIB + 12_345)));
    assert_eq!(last.header("if-range"), Some("\"v1\""));
}

#[tokio::test]
async fn after_a_kill_the_tail_that_no_checkpoint_speaks_of_is_used() {
    let bytes = pattern(4 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n == 0 { reply.cut(2 * MIB + 5) } else { reply })
    });
    let mut bench = Bench::new(server.url("/file"));
    bench.attempt().await.unwrap_err();
    bench.run.forget_checkpoints_after(1);
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(server.requests()[1].from(), Some(2 * MIB + 5));
    assert_eq!(server.sent(), bytes.len() as u64);
}

#[tokio::test]
async fn after_another_boot_only_what_was_durable_is_believed() {
    let bytes = pattern(6 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n == 0 { reply.cut(4 * MIB) } else { reply })
    });
    let often = |download: resurge_steps::download::Download| {
        download.checkpoint_every(MIB as u64, std::time::Duration::from_secs(3600))
    };
    let mut bench = Bench::new(server.url("/file")).with(often);
    bench.attempt().await.unwrap_err();
    let all = bench.run.checkpoints().len();
    assert!(all >= 3, "only {all} checkpoints");
    bench.run.forget_checkpoints_after(2);
    bench.run.reboot();
    // What a power cut leaves of bytes that were never synced: zeros.
    let durable = offset_of(&bench.run.checkpoints()[1]);
    assert!(durable > 0 && durable < 4 * MIB as u64, "the first bytes have a checkpoint");
    let mut torn = std::fs::read(bench.partial()).unwrap();
    torn[usize::try_from(durable).unwrap()..].fill(0);
    std::fs::write(bench.partial(), torn).unwrap();
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(server.requests()[1].from(), Some(usize::try_from(durable).unwrap()));
}

fn offset_of(checkpoint: &resurge_journal::Json) -> u64 {
    let value: serde_json::Value = checkpoint.read().unwrap();
    value["offset"].as_u64().unwrap()
}

#[tokio::test]
async fn the_identity_is_durable_before_the_first_byte() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n == 0 { reply.cut(0) } else { reply })
    });
    let mut bench = Bench::new(server.url("/file"));
    bench.attempt().await.unwrap_err();
    let first = bench.run.checkpoints()[0].clone();
    assert_eq!(offset_of(&first), 0);
    assert!(first.as_str().contains("v1"), "{first}");
}

#[tokio::test]
async fn a_partial_file_that_was_tampered_with_costs_bytes_and_nothing_else() {
    type Tamper = fn(&std::path::Path);
    let (truncate, remove, grow): (Tamper, Tamper, Tamper) = (
        |path| std::fs::File::options().write(true).open(path).unwrap().set_len(77).unwrap(),
        |path| std::fs::remove_file(path).unwrap(),
        |path| std::fs::write(path, pattern(5 * MIB)).unwrap(),
    );
    let symlink: Tamper = |path| {
        let victim = path.with_extension("victim");
        std::fs::rename(path, &victim).unwrap();
        std::os::unix::fs::symlink(victim, path).unwrap();
    };
    for (tamper, from) in [(truncate, 77), (remove, 0), (symlink, 0)] {
        let bytes = pattern(2 * MIB);
        let file = Served::new(&bytes);
        let server = Server::start(move |n, request| {
            let reply = file.honest(request);
            Some(if n == 0 { reply.cut(MIB) } else { reply })
        });
        let mut bench = Bench::new(server.url("/file")).expecting(&bytes);
        bench.attempt().await.unwrap_err();
        let path = bench.partial();
        tamper(&path);
        let done = bench.attempt().await.unwrap();
        assert_whole(&done, &bytes);
        assert_eq!(server.requests()[1].from().unwrap_or(0), from);
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
    }
    // Longer than the file can be: only what was synced is believed, so nothing foreign is.
    let bytes = pattern(2 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n == 0 { reply.cut(0) } else { reply })
    });
    let mut bench = Bench::new(server.url("/file"));
    bench.attempt().await.unwrap_err();
    grow(&bench.partial());
    assert_whole(&bench.attempt().await.unwrap(), &bytes);
}

#[tokio::test]
async fn a_finished_file_is_recognised_and_its_loss_as_well() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request)));
    let mut bench = Bench::new(server.url("/file"));
    let done = bench.attempt().await.unwrap();
    assert_eq!(bench.attempt().await.unwrap(), done);
    assert_eq!(server.requests().len(), 1, "the second attempt asks nobody");
    assert_eq!(bench.download.lost(&done).await, None);

    std::fs::write(&done.path, b"something else").unwrap();
    assert!(bench.download.lost(&done).await.unwrap().contains("changed"));
    assert_whole(&bench.attempt().await.unwrap(), &bytes);

    std::fs::remove_file(&done.path).unwrap();
    assert!(bench.download.lost(&done).await.unwrap().contains("gone"));
    assert_whole(&bench.attempt().await.unwrap(), &bytes);
}

#[tokio::test]
async fn all_bytes_and_no_result_needs_no_further_request() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request)));
    let mut bench = Bench::new(server.url("/file"));
    bench.attempt().await.unwrap();
    bench.run.forget_checkpoints_after(1);
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!((server.requests().len(), done.fetched_bytes), (1, 0));
}

#[cfg(unix)]
#[tokio::test]
async fn who_may_read_the_file_is_what_the_process_says_of_all_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start(|_, request| Some(Served::new(b"x").honest(request)));
    let mut bench = Bench::new(server.url("/file"));
    let done = bench.attempt().await.unwrap();
    let plain = bench.dir.path().join("plain");
    std::fs::write(&plain, "x").unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&done.path), mode(&plain));
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let server = Server::start(|_, request| Some(Served::new(b"").honest(request)));
    let mut bench = Bench::new(server.url("/file"));
    assert_whole(&bench.attempt().await.unwrap(), b"");
}

#[tokio::test]
async fn a_stop_keeps_the_bytes_and_a_cancellation_removes_them() {
    for (reason, kind) in [
        (StopReason::Shutdown, "shutdown"),
        (StopReason::TimedOut, "attempt"),
        (StopReason::Cancelled, "cancelled"),
    ] {
        let bytes = pattern(2 * MIB);
        let file = Served::new(&bytes);
        let server = Server::start(move |n, request| {
            let reply = file.honest(request);
            Some(if n == 0 { reply.cut(MIB + 7).hold() } else { reply })
        });
        let mut bench = Bench::new(server.url("/file"));
        let mut attempt = bench.run.attempt();
        let running = bench.download.run(attempt.cx, bench.artifact.clone());
        let stopping = async {
            attempt.progress.wait_for(|p| p.done == MIB as u64 + 7).await.unwrap();
            attempt.stop.stop(reason);
        };
        let (ended, ()) = tokio::join!(running, stopping);
        assert_eq!(ended.unwrap_err().kind(), kind);
        let kept = if reason == StopReason::Cancelled { 0 } else { MIB + 7 };
        assert_eq!(bench.staged().is_empty(), kept == 0);
        bench.run.reboot();
        assert_whole(&bench.attempt().await.unwrap(), &bytes);
        assert_eq!(server.requests()[1].from().unwrap_or(0), kept);
    }
}

#[tokio::test]
async fn bytes_lost_on_this_machine_count_once_more_as_progress() {
    let file = Served::new(&pattern(3 * MIB));
    let server = Server::start(move |_, request| Some(file.honest(request).cut(MIB)));
    let mut bench = Bench::new(server.url("/file"));
    bench.attempt().await.unwrap_err();
    std::fs::remove_file(bench.partial()).unwrap();
    let attempt = bench.run.attempt();
    bench.download.run(attempt.cx, bench.artifact.clone()).await.unwrap_err();
    assert_eq!(attempt.progress.borrow().gained(), MIB as u64);
}

#[tokio::test]
async fn an_attempt_that_is_given_up_does_not_disturb_the_next_one() {
    let bytes = pattern(6 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n == 0 { reply.cut(5 * MIB).hold() } else { reply })
    });
    let mut bench = Bench::new(server.url("/file"));
    let mut attempt = bench.run.attempt();
    let running = bench.download.run(attempt.cx, bench.artifact.clone());
    tokio::select! {
        _ = running => panic!("it cannot end"),
        seen = attempt.progress.wait_for(|p| p.done == 5 * MIB as u64) => { seen.unwrap(); }
    }
    assert_whole(&bench.attempt().await.unwrap(), &bytes);
    assert!(server.sent() <= bytes.len() as u64 + 2 * MIB as u64, "{}", server.sent());
}

#[tokio::test]
async fn two_steps_share_a_staging_folder() {
    let bytes = [pattern(MIB), pattern(2 * MIB)];
    let files = bytes.clone();
    let server = Server::start(move |_, request| {
        let which = usize::from(request.path == "/b");
        Some(Served::new(&files[which]).honest(request))
    });
    let mut a = Bench::new(server.url("/a"));
    let mut b = Bench::new(server.url("/b")).named("other");
    b.artifact.staging.clone_from(&a.artifact.staging);
    let (done_a, done_b) = tokio::join!(a.attempt(), b.attempt());
    assert_whole(&done_a.unwrap(), &bytes[0]);
    assert_whole(&done_b.unwrap(), &bytes[1]);
}
