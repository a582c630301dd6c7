//! A process that is killed in the middle of a download, and another one that goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use resurge_journal::{AttemptNo, Json, RunId, StepKey, Timestamp};
use resurge_steps::{
    AttemptInfo, CheckpointError, CheckpointSink, Pace, Progress, Reports, Step, StepContext,
    StopHandle,
};
use tokio::sync::watch;

use crate::MIB;
use crate::bench::{Bench, digest_of};
use crate::server::{Served, Server, pattern};

const URL: &str = "RESURGE_TEST_KILL_URL";
const DIR: &str = "RESURGE_TEST_KILL_DIR";

/// Keeps the newest checkpoint in a file, as a journal would.
#[derive(Debug)]
struct OnDisk(PathBuf);

#[async_trait]
impl CheckpointSink for OnDisk {
    async fn save(&self, checkpoint: Json) -> Result<(), CheckpointError> {
        let new = self.0.with_extension("new");
        fs::write(&new, checkpoint.as_str()).unwrap();
        fs::rename(new, &self.0).unwrap();
        Ok(())
    }
}

/// What the child does; as a test of its own it has nothing to do.
#[tokio::test]
async fn child() {
    let (Ok(url), Ok(dir)) = (std::env::var(URL), std::env::var(DIR)) else { return };
    let path = Path::new(&dir).join("checkpoint");
    let checkpoint = fs::read_to_string(&path).ok();
    let checkpoint = checkpoint.map(|text| {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        Json::of(&value).unwrap()
    });
    let info = AttemptInfo {
        run: RunId::default(),
        step: StepKey::new("download").unwrap(),
        attempt: AttemptNo::NONE.next(),
        max_attempts: 1,
        boot: Some("this boot".to_owned()),
        scratch_dir: PathBuf::new(),
        checkpoint,
        held: Vec::new(),
        pace: Pace::default(),
    };
    let (progress, _) = watch::channel(Progress::default());
    let clock = || Timestamp::from_millis(0);
    let sink = Arc::new(OnDisk(path));
    let cx =
        StepContext::new(info, sink, StopHandle::default(), clock, progress, Reports::default());
    let mut bench = Bench::new(url);
    bench.artifact.staging = Path::new(&dir).join("staging");
    let done = bench.download.run(cx, bench.artifact.clone()).await.unwrap();
    fs::write(Path::new(&dir).join("digest"), done.digest.to_string()).unwrap();
}

fn spawn(url: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child"])
        .env(URL, url)
        .env(DIR, dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child once the partial file has this length.
fn kill_at(mut child: Child, dir: &Path, length: u64) {
    let until = Instant::now() + Duration::from_secs(60);
    let partial = dir.join(format!("staging/{}-download.part", RunId::default()));
    while fs::metadata(&partial).map_or(0, |file| file.len()) < length {
        assert!(Instant::now() < until, "the child does not get on");
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_process_costs_no_more_than_what_was_in_its_memory() {
    let bytes = pattern(12 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n < 3 { reply.cut(3 * MIB).hold() } else { reply })
    });
    let dir = tempfile::tempdir().unwrap();
    let mut least = 0;
    for _ in 0..3 {
        // What is still in memory is less than one block.
        least += 2 * MIB as u64;
        kill_at(spawn(&server.url("/file"), dir.path()), dir.path(), least);
    }
    assert!(spawn(&server.url("/file"), dir.path()).wait().unwrap().success());
    let digest = fs::read_to_string(dir.path().join("digest")).unwrap();
    assert_eq!(digest, digest_of(&bytes).to_string());
    let requests = server.requests();
    let asked: Vec<usize> = requests.iter().map(|r| r.from().unwrap_or(0)).collect();
    assert!(asked.iter().zip([0, 2, 4, 6]).all(|(from, least)| *from >= least * MIB), "{asked:?}");
}
