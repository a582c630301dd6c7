//! A clock that is set back and forward, in a process that libfaketime deceives.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use resurge::journal::event::Event;

use crate::bench::{Bench, finish, kill, launcher, noise, read_until};
use crate::journal;
use crate::server::Answer::Status;

const HOUR: i64 = 3_600;

/// The clock of the launchers of one test.
struct FakeClock {
    library: PathBuf,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl FakeClock {
    /// None where libfaketime is not installed.
    fn new() -> Option<Self> {
        let library =
            std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).find_map(|entry| {
                let library = entry.path().join("faketime/libfaketime.so.1");
                library.is_file().then_some(library)
            });
        if library.is_none() {
            eprintln!("skipped: install the package `faketime` to set clocks back and forward");
        }
        let folder = tempfile::tempdir().unwrap();
        let clock = Self { library: library?, file: folder.path().join("clock"), _folder: folder };
        clock.set(0);
        Some(clock)
    }

    /// Moves the clock so many seconds away from the true time.
    fn set(&self, seconds: i64) {
        // Renamed into place, since the launcher reads it at any moment.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    fn spawn(&self, bench: &Bench, args: &[&Path]) -> Child {
        let mut launcher = launcher();
        launcher.args(args).arg("--data-dir").arg(bench.data());
        launcher.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", &self.file);
        launcher.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        launcher.env("DONT_FAKE_MONOTONIC", "1").spawn().unwrap()
    }

    fn install(&self, bench: &Bench) -> Child {
        self.spawn(bench, &[Path::new("install"), &bench.write_manifest()])
    }
}

#[test]
fn a_wait_takes_as_long_as_it_should_although_the_clock_is_set_back() {
    let Some(clock) = FakeClock::new() else { return };
    let mut bench = Bench::new("initial_delay = \"2s\"");
    let bytes = noise(1, 1000);
    bench.artifact("model", bytes.clone(), &[Status(503, "")]);
    let mut child = clock.install(&bench);
    let messages = read_until(&mut child, "next try in");
    clock.set(-HOUR);
    drop(std::thread::spawn(move || messages.count()));
    finish(child).assert_code(0);
    bench.assert_whole("model", &bytes);
    let requests = bench.server.requests("model");
    let gap = requests[1].at - requests[0].at;
    assert!(gap >= Duration::from_millis(1_800), "{gap:?}");
    assert!(gap < Duration::from_secs(60), "{gap:?}");
}

#[test]
fn a_break_is_no_longer_than_planned_although_the_clock_was_set_back_over_a_restart() {
    let Some(clock) = FakeClock::new() else { return };
    let settings = "initial_delay = \"10ms\"\nmax_delay = \"10ms\"\ncircuit_breaker_threshold = 2\n\
                    circuit_breaker_timeout = \"3s\"";
    let (mut bench, port) = Bench::down(settings);
    let bytes = noise(2, 1000);
    bench.artifact("model", bytes.clone(), &[]);
    let mut child = clock.install(&bench);
    let messages = read_until(&mut child, "waiting for host");
    kill(child);
    drop(messages);
    clock.set(-HOUR);
    bench.server.open(port);
    let began = Instant::now();
    finish(clock.spawn(&bench, &[Path::new("resume")])).assert_code(0);
    let took = began.elapsed();
    bench.assert_whole("model", &bytes);
    assert!(took < Duration::from_secs(60), "{took:?}");
    let asked = bench.server.log()[0].at - began;
    assert!(asked > Duration::from_secs(1), "the break was kept: {asked:?}");
    assert_probed_first(&bench);
}

#[test]
fn a_break_that_the_clock_has_passed_is_over_but_a_probe_goes_first() {
    let Some(clock) = FakeClock::new() else { return };
    let settings = "initial_delay = \"10ms\"\nmax_delay = \"10ms\"\ncircuit_breaker_threshold = 2";
    let (mut bench, port) = Bench::down(settings);
    let bytes = noise(3, 1000);
    bench.artifact("model", bytes.clone(), &[]);
    let mut child = clock.install(&bench);
    let messages = read_until(&mut child, "waiting for host");
    bench.server.open(port);
    // As after a laptop has slept: the break of a quarter of a minute is long over.
    let began = Instant::now();
    clock.set(HOUR);
    drop(std::thread::spawn(move || messages.count()));
    finish(child).assert_code(0);
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    bench.assert_whole("model", &bytes);
    assert_probed_first(&bench);
}

/// The first attempt after a break was a probe.
fn assert_probed_first(bench: &Bench) {
    let records = journal::records(bench);
    let half_open = records.iter().position(|r| matches!(r.event, Event::BreakerHalfOpened(_)));
    let next = records[half_open.unwrap()..].iter().find_map(|record| match &record.event {
        Event::AttemptStarted(started) => Some(started),
        _ => None,
    });
    assert!(next.unwrap().admission.iter().any(|admitted| admitted.probe));
}
