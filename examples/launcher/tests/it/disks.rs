//! A full disk: a small drive in memory that belongs to the launcher and its shell alone.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use resurge::Class;
use resurge::journal::event::Verdict;
use serde_json::Value;

use crate::bench::{Bench, MIB, finish, noise, signal_group};
use crate::journal;

/// Makes a small drive that is filled but for a little, runs the launcher, and takes the model home.
///
/// Room is made when the file `room` appears.
const SCRIPT: &str = r#"
mkdir -p "$HOME_DIR/drive" || exit 99
mount -t tmpfs -o size=64m tmpfs "$HOME_DIR/drive" || exit 99
head -c "$FILL" /dev/zero > "$HOME_DIR/drive/filler"
(
    while [ ! -e "$HOME_DIR/room" ] && [ -d "$HOME_DIR" ]; do sleep 0.05; done
    rm -f "$HOME_DIR/drive/filler"
) >/dev/null 2>&1 &
"$LAUNCHER" "$@"
code=$?
cp "$HOME_DIR/drive/models/model" "$HOME_DIR/model" 2>/dev/null
exit $code
"#;

/// The way into a namespace in which a drive may be mounted; none where that is not allowed.
fn unshare() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["-m"], &["-rm"]];
    let works = |way: &&&[&str]| {
        let probe = "d=$(mktemp -d) && mount -t tmpfs tmpfs $d && umount $d && rmdir $d";
        let done = Command::new("unshare").args(**way).args(["sh", "-c", probe]).output();
        done.is_ok_and(|done| done.status.success())
    };
    let way = ways.iter().find(works).copied();
    if way.is_none() {
        eprintln!("skipped: neither root nor `unshare -rm` may mount a small drive here");
    }
    way
}

struct Drive {
    home: tempfile::TempDir,
    way: &'static [&'static str],
    fill: usize,
}

impl Drive {
    fn new(fill: usize) -> Option<Self> {
        let way = unshare()?;
        Some(Self { home: tempfile::tempdir().unwrap(), way, fill })
    }

    fn install(&self, bench: &Bench) -> Child {
        let mut shell = Command::new("unshare");
        shell.args(self.way).args(["sh", "-c", SCRIPT, "launcher", "install"]);
        shell.arg(bench.write_manifest()).arg("--data-dir").arg(bench.data());
        shell.arg("--root").arg(self.home.path().join("drive"));
        shell.env("LAUNCHER", env!("CARGO_BIN_EXE_launcher")).env("HOME_DIR", self.home.path());
        shell.env("FILL", self.fill.to_string()).env_remove("RUST_LOG");
        shell.env("NO_PROXY", "127.0.0.1").stdin(Stdio::null()).process_group(0);
        shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn make_room(&self) {
        std::fs::write(self.home.path().join("room"), "").unwrap();
    }
}

#[test]
fn a_full_disk_is_waited_for_and_the_download_goes_on_by_itself() {
    let Some(drive) = Drive::new(60 * MIB) else { return };
    let mut bench = Bench::new("max_retries = 1\ninitial_delay = \"10ms\"");
    let bytes = noise(1, 9 * MIB);
    bench.artifact("model", bytes.clone(), &[]);
    let mut child = drive.install(&bench);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let told: Vec<String> = lines.by_ref().take_while(|line| !line.contains("disk full")).collect();
    drive.make_room();
    let rest: Vec<String> = lines.collect();
    let done = finish(child);
    assert_eq!(done.code, Some(0), "{told:?} {rest:?}");
    let found = std::fs::read(drive.home.path().join("model")).unwrap();
    assert!(found == bytes, "the file is not what was published");

    let failures = journal::failures(&bench);
    assert!(!failures.is_empty());
    for failed in &failures {
        let kind = (failed.failure.class, failed.failure.kind.as_str());
        assert_eq!(kind, (Class::Resource, "disk_full"));
        assert!(matches!(failed.verdict, Verdict::Park { .. }), "{failed:?}");
        assert_eq!(failed.charged, 0, "waiting for room costs no retry");
    }
    // The bytes that had found room were not fetched again: 4 MiB, but for the last block.
    let requests = bench.server.requests("model");
    let from = requests.last().unwrap().from;
    assert!(requests.len() >= 2 && from > 3 * MIB, "{requests:?}");
}

#[test]
fn the_status_says_that_the_disk_is_full_after_ctrl_c() {
    let Some(drive) = Drive::new(60 * MIB) else { return };
    let mut bench = Bench::new("max_retries = 1\ninitial_delay = \"10ms\"");
    bench.artifact("model", noise(2, 9 * MIB), &[]);
    let mut child = drive.install(&bench);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.by_ref().find(|line| line.contains("disk full: free ")).unwrap();
    assert!(line.contains("goes on by itself"), "{line}");
    // The shell and the launcher, as Ctrl-C does on a terminal.
    signal_group(&child, "INT");
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.contains("interrupted; go on with")), "{rest:?}");
    finish(child);
    let runs: Value = serde_json::from_str(&bench.status().stdout).unwrap();
    let run = &runs[0];
    assert_eq!(run["waits_for"]["condition"], "disk_space");
    assert!(run["waits_for"]["bytes"].as_u64().unwrap() > 0);
    assert!(run["why"].as_str().unwrap().starts_with("disk full"), "{run}");
    assert_eq!((&run["status"], &run["charged"]), (&"recovering".into(), &0.into()));
}
