//! C20: SIGKILL while old records are dropped.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use plan::{Luck, Plan};

use crate::child::{Told, Writer};
use crate::look::{Found, examine};
use crate::report::Campaign;

/// A journal lives for so many kills.
const LIVES: u64 = 20;
/// Microseconds from what is waited for to the kill: about what one trimming takes, or a few commits.
const TRIMMING_MICROS_MAX: u64 = 6_000;
const ANY_MICROS_MAX: u64 = 30_000;
/// How long a renewal is waited for, and how long it takes about.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(5);
const RENEWAL_MICROS_MAX: u64 = 300_000;

#[test]
fn c20_killed_while_it_is_trimmed() {
    let Some(campaign) = Campaign::begin("c20", 60) else { return };
    let mut luck = Luck::new(campaign.seed);
    let (mut home, mut plan) = (tempfile::tempdir().unwrap(), Plan::new(0));
    let (mut floor, mut first, mut trims, mut halves) = (0, 1, 0, 0);
    for cycle in 0..campaign.count {
        if cycle.is_multiple_of(LIVES) {
            home = tempfile::tempdir().unwrap();
            (plan, floor, first) = (Plan::large(luck.next()), 0, 1);
        }
        let dir = home.path().join("journal");
        let told = write_and_kill(&dir, plan, &mut luck);
        let problem = |problem: String| -> ! {
            panic!("cycle {cycle}: {problem}\n{told:#?}\n{}", campaign.again())
        };
        assert_eq!(told.panics(), [""; 0]);
        let found = examine(&dir, plan).unwrap_or_else(|said| problem(said));
        if let Err(said) = found.expect_all_of(plan, told.acked.max(floor).max(1)) {
            problem(said);
        }
        if let Err(said) = expect_trimmed(&found, &told, first) {
            problem(said);
        }
        trims += u64::from(found.first > first);
        halves += u64::from(told.trimming > told.trimmed);
        (floor, first) = (found.after, found.first);
    }
    assert!(trims > 0, "not one journal was trimmed; {}", campaign.again());
    campaign.pass(&format!(
        "{} kills, {halves} of them while it was trimmed, {trims} times it begins later; \
         nothing lost that was not dropped",
        campaign.count
    ));
}

fn write_and_kill(dir: &Path, plan: Plan, luck: &mut Luck) -> Told {
    let mut writer = Writer::start(Writer::command(dir, plan, 0, &["trims"]));
    writer.wait_for("open");
    let micros = if luck.below(3) > 0 {
        writer.wait_for("trimming");
        TRIMMING_MICROS_MAX
    } else {
        ANY_MICROS_MAX
    };
    thread::sleep(Duration::from_micros(luck.below(micros)));
    writer.kill()
}

/// It begins where it was trimmed last, or is about to be.
pub(crate) fn expect_first(found: &Found, told: &Told, before: u64) -> Result<(), String> {
    let trimmed = told.trimmed.max(before);
    if found.first != trimmed && found.first != told.trimming {
        return Err(format!("it begins with {} after {trimmed}: {found:?}", found.first));
    }
    Ok(())
}

/// The same, and what is derived is as it was.
pub(crate) fn expect_trimmed(found: &Found, told: &Told, before: u64) -> Result<(), String> {
    expect_first(found, told, before)?;
    let kept = found.checkpoint.as_ref().map_or(0, |(seq, _)| seq.get());
    if kept < told.kept {
        return Err(format!("the checkpoint {} is gone: {found:?}", told.kept));
    }
    if let Some(uncached) = told.cached.iter().find(|seq| !found.cached.contains(seq)) {
        return Err(format!("{uncached} is not in the cache: {found:?}"));
    }
    Ok(())
}

/// The index is made anew, and its cache goes with it, whenever that ends.
#[test]
fn c20_killed_while_its_index_is_made_anew() {
    let Some(campaign) = Campaign::begin("c20-index", 8) else { return };
    let mut luck = Luck::new(campaign.seed);
    let home = tempfile::tempdir().unwrap();
    let (dir, plan) = (home.path().join("journal"), Plan::large(luck.next()));
    let (mut floor, mut first, mut renewals, mut halves) = (0, 1, 0, 0);
    for cycle in 0..campaign.count {
        let mut writer = Writer::start(Writer::command(&dir, plan, 0, &["trims", "churns"]));
        writer.wait_for("churned");
        let began = Instant::now();
        while !dir.join("index.new").exists() && began.elapsed() < RENEWAL_PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        renewals += u64::from(dir.join("index.new").exists());
        thread::sleep(Duration::from_micros(luck.below(RENEWAL_MICROS_MAX)));
        let told = writer.kill();
        halves += u64::from(dir.join("index.new").exists() || dir.join("index.old").exists());
        let found = examine(&dir, plan).and_then(|found| {
            found.expect_all_of(plan, told.acked.max(floor))?;
            expect_trimmed(&found, &told, first)?;
            let is_same = found.cache == told.own;
            is_same.then_some(found).ok_or_else(|| "the cache is another one".to_owned())
        });
        let found = found.unwrap_or_else(|problem| {
            panic!("cycle {cycle}: {problem}\n{told:#?}\n{}", campaign.again())
        });
        (floor, first) = (found.after, found.first);
    }
    assert!(renewals > 0, "not one index was made anew; {}", campaign.again());
    campaign.pass(&format!(
        "{} kills, {halves} of them in the middle; the same cache with all its entries",
        campaign.count
    ));
}
