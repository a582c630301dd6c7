//! C20: SIGKILL while old records are dropped.

use std::path::Path;
use std::thread;
use std::time::Duration;

use plan::{Luck, Plan};

use crate::child::{Told, Writer};
use crate::look::{Found, examine};
use crate::report::Campaign;

/// A journal lives for so many kills.
const LIVES: u64 = 20;
/// Microseconds from what is waited for to the kill: about what one trimming takes, or a few commits.
const TRIMMING_MICROS_MAX: u64 = 6_000;
const ANY_MICROS_MAX: u64 = 30_000;

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

/// It begins where it was trimmed last, or is about to be; what is derived is as it was.
pub(crate) fn expect_trimmed(found: &Found, told: &Told, before: u64) -> Result<(), String> {
    let trimmed = told.trimmed.max(before);
    if found.first != trimmed && found.first != told.trimming {
        return Err(format!("it begins with {} after {trimmed}: {found:?}", found.first));
    }
    let kept = found.checkpoint.as_ref().map_or(0, |(seq, _)| seq.get());
    if kept < told.kept {
        return Err(format!("the checkpoint {} is gone: {found:?}", told.kept));
    }
    if let Some(uncached) = told.cached.iter().find(|seq| !found.cached.contains(seq)) {
        return Err(format!("{uncached} is not in the cache: {found:?}"));
    }
    Ok(())
}
