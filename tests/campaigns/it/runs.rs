//! C3 with the engine: what was started is there, and what was done is not done again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use plan::Luck;
use resurge_journal::RunId;
use resurge_journal::event::Event;
use resurge_journal::store::Snapshot;

use crate::report::Campaign;
use crate::shim::quick_home;

const DELAY_MILLIS: u64 = 150;
const STEPS: [&str; 3] = ["first", "second", "third"];

/// What an engine told before it was killed.
#[derive(Debug, Default)]
struct Life {
    did: Vec<(u64, usize)>,
    started: Vec<u64>,
    ended: Vec<(u64, u64)>,
    is_closed: bool,
    errors: String,
}

/// What its journal says.
#[derive(Debug, Default)]
struct Record {
    runs: BTreeMap<RunId, u64>,
    done: BTreeSet<(u64, usize)>,
    succeeded: BTreeSet<u64>,
}

fn live(dir: &Path, from: u64, to: u64, delay: Option<Duration>) -> Life {
    let mut child = Command::new(env!("CARGO_BIN_EXE_campaign-engine"))
        .arg(dir)
        .args([from.to_string(), to.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(delay) = delay {
        thread::sleep(delay);
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut life = Life { errors, ..Life::default() };
    for line in whole.lines() {
        let mut words = line.split(' ');
        let word = words.next().unwrap();
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        match (word, numbers.as_slice()) {
            ("did", [number, step]) => life.did.push((*number, usize::try_from(*step).unwrap())),
            ("started", [number]) => life.started.push(*number),
            ("ended", [number, output]) => life.ended.push((*number, *output)),
            ("closed", []) => life.is_closed = true,
            _ => {}
        }
    }
    life
}

fn read(dir: &Path) -> Record {
    let mut record = Record::default();
    let Ok(snapshot) = Snapshot::take(dir) else { return record };
    for found in snapshot.scan() {
        let Ok(found) = found else { break };
        if found.seq > snapshot.whole() {
            break;
        }
        let number = found.run.and_then(|run| record.runs.get(&run).copied());
        match (found.event, found.run, number) {
            (Event::RunStarted(started), Some(run), _) => {
                let key = started.key.unwrap().to_string();
                record.runs.insert(run, key.strip_prefix("run-").unwrap().parse().unwrap());
            }
            (Event::AttemptSucceeded(event), _, Some(number)) => {
                let step = STEPS.iter().position(|step| *step == event.step.as_str()).unwrap();
                assert!(record.done.insert((number, step)), "{number} {step} is done twice");
            }
            (Event::RunSucceeded(_), _, Some(number)) => {
                record.succeeded.insert(number);
            }
            _ => {}
        }
    }
    record
}

#[test]
fn c3_runs_of_an_engine_that_is_killed() {
    let Some(campaign) = Campaign::begin("c3-runs", 50) else { return };
    let mut luck = Luck::new(campaign.seed);
    let home = quick_home();
    let dir = home.path().join("journal");
    let (mut from, mut highest, mut repeated) = (0, 0, 0);
    let mut before = Record::default();
    for cycle in 0..=campaign.count {
        let is_last = cycle == campaign.count;
        let delay = Duration::from_millis(20 + luck.below(DELAY_MILLIS));
        let to = if is_last { highest + 5 } else { u64::MAX };
        let life = live(&dir, from, to, Some(delay).filter(|_| !is_last));
        let fail = |problem: String| -> ! {
            panic!("cycle {cycle}: {problem}\n{life:#?}\n{}", campaign.again())
        };
        if life.errors.contains("panicked") {
            fail("it panicked".to_owned());
        }
        if is_last && !life.is_closed {
            fail("it did not end by itself".to_owned());
        }
        let after = read(&dir);
        let runs: BTreeSet<u64> = after.runs.values().copied().collect();
        if let Some(step) = life.did.iter().find(|step| before.done.contains(step)) {
            fail(format!("step {step:?} was finished and ran again"));
        }
        if let Some(run) = life.started.iter().find(|run| !runs.contains(run)) {
            fail(format!("LOST: run {run}"));
        }
        if let Some((run, _)) = life.ended.iter().find(|(run, _)| !after.succeeded.contains(run)) {
            fail(format!("LOST: the end of run {run}"));
        }
        if let Some(end) = life.ended.iter().find(|(run, output)| *output != run * 10 + 3) {
            fail(format!("WRONG: {end:?}"));
        }
        if !before.done.is_subset(&after.done) || before.runs.len() > after.runs.len() {
            fail(format!("LOST: something of {before:?}"));
        }
        let all: BTreeSet<_> = life.did.iter().collect();
        repeated += life.did.len() - all.len();
        highest = runs.last().map_or(0, |last| last + 1);
        from = (0..=highest).find(|number| !after.succeeded.contains(number)).unwrap();
        before = after;
    }
    assert!(campaign.count < 20 || before.succeeded.len() > 100, "{}", before.succeeded.len());
    assert_eq!(repeated, 0, "no step runs twice in one life");
    campaign.pass(&format!(
        "{} kills, {} runs, 0 acknowledged lost, 0 finished steps repeated",
        campaign.count,
        before.succeeded.len()
    ));
}
