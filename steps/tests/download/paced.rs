//! Downloads under a limit on bandwidth.

use std::time::{Duration, Instant};

use resurge_steps::artifact::Downloaded;
use resurge_steps::testing::TestAttempt;
use resurge_steps::{Progress, Step, StepError, StopHandle, StopReason};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::MIB;
use crate::bench::{Bench, assert_whole};
use crate::server::{Served, Server, pattern};

fn serve(bytes: &[u8]) -> Server {
    let file = Served::new(bytes);
    Server::start(move |_, request| Some(file.honest(request)))
}

/// An attempt under way.
struct Running {
    work: JoinHandle<Result<Downloaded, StepError>>,
    stop: StopHandle,
    progress: watch::Receiver<Progress>,
}

fn begin(bench: &mut Bench) -> Running {
    let TestAttempt { cx, stop, progress, .. } = bench.run.attempt();
    let (download, artifact) = (bench.download.clone(), bench.artifact.clone());
    let work = tokio::spawn(async move { download.run(cx, artifact).await });
    Running { work, stop, progress }
}

#[tokio::test]
async fn a_download_is_no_faster_than_the_limit() {
    let bytes = pattern(MIB);
    let server = serve(&bytes);
    let mut bench = Bench::new(server.url("/file")).expecting(&bytes);
    bench.run.pace().set(4 * MIB as u64);
    let begun = Instant::now();
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    // A quarter of a second; a slow machine may take longer, none may be faster.
    assert!(begun.elapsed() >= Duration::from_millis(240), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_limit_that_is_lifted_lets_the_download_go_on_at_once() {
    let bytes = pattern(3 * MIB);
    let server = serve(&bytes);
    let mut bench = Bench::new(server.url("/file")).expecting(&bytes);
    // Nobody waits for its end: at a byte a second this takes weeks.
    bench.run.pace().set(1);
    let Running { work, mut progress, .. } = begin(&mut bench);
    let first = *progress.wait_for(|progress| progress.gained() > 0).await.unwrap();
    assert!(
        first.done < 1_000,
        "what came ahead of the limit is told when it is through: {first:?}"
    );
    bench.run.pace().set(0);
    assert_whole(&work.await.unwrap().unwrap(), &bytes);
}

#[tokio::test]
async fn a_download_that_is_held_back_for_longer_than_it_may_be_idle_goes_on() {
    let bytes = pattern(64 * 1024);
    let server = serve(&bytes);
    let mut bench = Bench::new(server.url("/file"))
        .expecting(&bytes)
        .with(|download| download.idle_timeout(Duration::from_millis(50)));
    // Every turn takes four times as long as the server may keep silent.
    bench.run.pace().set(5);
    let Running { work, mut progress, .. } = begin(&mut bench);
    progress.wait_for(|progress| progress.gained() > 3).await.unwrap();
    bench.run.pace().set(0);
    assert_whole(&work.await.unwrap().unwrap(), &bytes);
}

#[tokio::test]
async fn a_download_that_is_held_back_stops_at_once_and_keeps_what_came() {
    let bytes = pattern(2 * MIB);
    let server = serve(&bytes);
    let mut bench = Bench::new(server.url("/file")).expecting(&bytes);
    bench.run.pace().set(1);
    let Running { work, stop, mut progress } = begin(&mut bench);
    progress.wait_for(|progress| progress.gained() > 0).await.unwrap();
    stop.stop(StopReason::Shutdown);
    let error = work.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), "shutdown", "{error}");
    bench.run.pace().set(0);
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert!(done.resumed_bytes > 0, "{done:?}");
}

#[tokio::test]
async fn a_server_falls_silent_only_once_the_limit_lets_it_speak() {
    let bytes = pattern(4_000);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request).cut(1_000).hold()));
    let mut bench = Bench::new(server.url("/file"))
        .expecting(&bytes)
        .with(|download| download.idle_timeout(Duration::from_millis(300)));
    bench.run.pace().set(2_000);
    let begun = Instant::now();
    let error = bench.attempt().await.unwrap_err();
    assert_eq!(error.kind(), "stalled", "{error}");
    // Half a second for what came, and only then the time in which nothing may come.
    assert!(begun.elapsed() >= Duration::from_millis(780), "{:?}", begun.elapsed());
}
