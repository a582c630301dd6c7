//! C3: SIGKILL at any moment.

use std::thread;
use std::time::Duration;

use plan::{Luck, Plan};

use crate::child::Writer;
use crate::look::examine;
use crate::report::Campaign;

/// A journal lives for so many kills.
const LIVES: u64 = 25;
const DELAY_MICROS_MAX: u64 = 50_000;

#[test]
fn c3_killed_at_any_moment() {
    let Some(campaign) = Campaign::begin("c3", 120) else { return };
    let mut luck = Luck::new(campaign.seed);
    let (mut home, mut floor, mut plan) = (tempfile::tempdir().unwrap(), 0, Plan::new(0));
    let (mut records, mut torn) = (0, 0);
    for cycle in 0..campaign.count {
        if cycle.is_multiple_of(LIVES) {
            (home, floor) = (tempfile::tempdir().unwrap(), 0);
            let seed = luck.next();
            plan = if seed.is_multiple_of(3) { Plan::large(seed) } else { Plan::new(seed) };
        }
        let dir = home.path().join("journal");
        let mut writer = Writer::start(Writer::command(&dir, plan, 0, &[]));
        if luck.below(4) > 0 {
            writer.wait_for("open");
        }
        thread::sleep(Duration::from_micros(luck.below(DELAY_MICROS_MAX)));
        let told = writer.kill();
        let acked = told.acked.max(floor);
        assert_eq!(told.panics(), [""; 0]);
        if acked == 0 && !dir.join("FORMAT").exists() {
            continue;
        }
        let found = examine(&dir, plan);
        let found = found.and_then(|found| found.expect_all_of(plan, acked.max(1)).map(|()| found));
        let found = found.unwrap_or_else(|problem| {
            panic!("cycle {cycle}: {problem}\n{told:#?}\n{}", campaign.again())
        });
        let kept = found.checkpoint.as_ref().map_or(0, |(seq, _)| seq.get());
        assert!(kept >= told.kept, "cycle {cycle}: checkpoint {} is gone: {found:?}", told.kept);
        let uncached = told.cached.iter().filter(|seq| !found.cached.contains(seq)).count();
        assert_eq!(uncached, 0, "cycle {cycle}: {told:#?}, {:?}", found.cached);
        torn += u64::from(found.mended.is_some());
        records += found.after - floor;
        floor = found.after;
    }
    campaign.pass(&format!(
        "{} kills, {records} records, 0 acknowledged lost; {torn} torn tails cut",
        campaign.count
    ));
}
