//! C4: the power is cut while somebody writes.

use std::thread;
use std::time::Duration;

use plan::{Luck, Plan};

use crate::child::{Told, Writer};
use crate::files;
use crate::look::{Found, examine};
use crate::mounts::Mounted;
use crate::report::Campaign;
use crate::shim::{Fault, SYNCS, Tools, quick_home};
use crate::trims::expect_trimmed;

const DISK_BYTES: u64 = 64 * 1024 * 1024;
/// A file system lives for so many cuts.
const LIVES: u64 = 8;
const DELAY_MICROS_MAX: u64 = 60_000;
const TRIMMING_MICROS_MAX: u64 = 20_000;
const REPAIR_MICROS_MAX: u64 = 250_000;

/// One file system, and the journal on it.
struct Bench {
    disk: Mounted,
    tools: &'static Tools,
    plan: Plan,
    /// What the last opening left there.
    floor: u64,
}

impl Bench {
    /// None, and a loud word, where this cannot be had.
    fn set_up(campaign: &Campaign) -> Option<Self> {
        let Some(tools) = Tools::get() else {
            campaign.skip("there is no C compiler (cc)");
            return None;
        };
        match Mounted::ext4(DISK_BYTES) {
            Ok(disk) => Some(Self { disk, tools, plan: Plan::new(campaign.seed), floor: 0 }),
            Err(reason) => {
                campaign.skip(&reason);
                None
            }
        }
    }

    fn renew(&mut self, seed: u64) {
        self.disk.renew();
        self.plan = if seed.is_multiple_of(4) { Plan::large(seed) } else { Plan::new(seed) };
        self.floor = 0;
    }

    /// Lets a writer write for a while and cuts the power under it.
    fn cut(&self, delay: Duration, options: &[&str], fault: Option<Fault>) -> Told {
        // Creations and openings are cut short as well.
        let is_late = !delay.as_micros().is_multiple_of(4);
        self.cut_when(is_late, delay, options, fault)
    }

    /// Cuts the power some time after the writer was started, or after it has opened the journal.
    fn cut_when(
        &self,
        is_open: bool,
        delay: Duration,
        options: &[&str],
        fault: Option<Fault>,
    ) -> Told {
        self.cut_after(is_open.then_some("open"), delay, options, fault)
    }

    /// Cuts the power some time after the writer was started, or has said something.
    fn cut_after(
        &self,
        word: Option<&str>,
        delay: Duration,
        options: &[&str],
        fault: Option<Fault>,
    ) -> Told {
        let dir = self.disk.path().join("journal");
        let mut command = Writer::command(&dir, self.plan, 0, options);
        if let Some(fault) = fault {
            self.tools.preload(&mut command, &dir, fault, 1);
        }
        let mut writer = Writer::start(command);
        if let Some(word) = word {
            writer.wait_for(word);
        }
        thread::sleep(delay);
        writer.freeze();
        self.tools.cut_power(&self.disk.path());
        let told = writer.kill();
        self.disk.remount();
        told
    }

    /// What is left of the journal; none if nothing was acknowledged and none is there.
    fn look(&self, acked: u64) -> Result<Option<Found>, String> {
        let dir = self.disk.path().join("journal");
        if acked == 0 && !dir.join("FORMAT").exists() {
            return Ok(None);
        }
        let found = examine(&dir, self.plan)?;
        Ok(Some(found))
    }
}

#[test]
fn c4_the_power_is_cut() {
    let Some(campaign) = Campaign::begin("c4", 80) else { return };
    let Some(mut bench) = Bench::set_up(&campaign) else { return };
    let mut luck = Luck::new(campaign.seed);
    let (mut records, mut torn, mut forgotten) = (0, 0, 0);
    for cycle in 0..campaign.count {
        if cycle.is_multiple_of(LIVES) {
            bench.renew(luck.next() >> 1);
        }
        let told = bench.cut(Duration::from_micros(luck.below(DELAY_MICROS_MAX)), &[], None);
        let acked = told.acked.max(bench.floor);
        let fail = |problem: String| -> ! {
            panic!("cycle {cycle}: {problem}\n{told:#?}\n{}", campaign.again())
        };
        let Some(found) = bench.look(acked).unwrap_or_else(|problem| fail(problem)) else {
            continue;
        };
        found.expect_all_of(bench.plan, acked.max(1)).unwrap_or_else(|problem| fail(problem));
        let kept = found.checkpoint.as_ref().map_or(0, |(seq, _)| seq.get());
        if kept < told.kept {
            fail(format!("the checkpoint {} is gone: {found:?}", told.kept));
        }
        forgotten += told.cached.iter().filter(|seq| !found.cached.contains(seq)).count();
        torn += u64::from(found.mended.is_some());
        records += found.after - bench.floor;
        bench.floor = found.after;
    }
    campaign.pass(&format!(
        "{} cuts, {records} records, 0 acknowledged lost; {torn} torn tails cut, \
         {forgotten} entries of the cache forgotten",
        campaign.count
    ));
}

/// The power is cut while old records are dropped.
#[test]
fn c20_the_power_is_cut_while_it_is_trimmed() {
    let Some(campaign) = Campaign::begin("c20-power", 24) else { return };
    let Some(mut bench) = Bench::set_up(&campaign) else { return };
    let mut luck = Luck::new(campaign.seed);
    let (mut first, mut trims) = (1, 0);
    for cycle in 0..campaign.count {
        if cycle.is_multiple_of(LIVES) {
            bench.renew(0);
            (bench.plan, first) = (Plan::large(luck.next()), 1);
        }
        let (word, micros) = if luck.below(4) > 0 {
            ("trimming", TRIMMING_MICROS_MAX)
        } else {
            ("open", DELAY_MICROS_MAX)
        };
        let delay = Duration::from_micros(luck.below(micros));
        let told = bench.cut_after(Some(word), delay, &["trims"], None);
        let acked = told.acked.max(bench.floor);
        let found = bench.look(acked).and_then(|found| {
            let found = found.ok_or("LOST: all of it")?;
            found.expect_all_of(bench.plan, acked.max(1))?;
            expect_trimmed(&found, &told, first).map(|()| found)
        });
        let found = found.unwrap_or_else(|problem| {
            panic!("cycle {cycle}: {problem}\n{told:#?}\n{}", campaign.again())
        });
        trims += u64::from(found.first > first);
        (bench.floor, first) = (found.after, found.first);
    }
    assert!(trims > 0, "not one journal was trimmed; {}", campaign.again());
    campaign.pass(&format!(
        "{} cuts, {trims} times it begins later; nothing lost that was not dropped",
        campaign.count
    ));
}

/// The power is cut while damaged segments are put together again.
#[test]
fn c4_the_power_is_cut_in_a_repair() {
    let Some(campaign) = Campaign::begin("c4-repair", 16) else { return };
    let Some(mut bench) = Bench::set_up(&campaign) else { return };
    let mut luck = Luck::new(campaign.seed);
    let home = quick_home();
    let damaged = home.path().join("journal");
    let plan = Plan::large(campaign.seed);
    let (_, made) = Writer::start(Writer::command(&damaged, plan, 24, &["plain"])).end();
    files::edit(&damaged.join("segments/00000002.seg"), |bytes| bytes[1_000] ^= 1);
    let mut mended = 0;
    for cycle in 0..campaign.count {
        bench.renew(0);
        bench.plan = plan;
        files::copy(&damaged, &bench.disk.path().join("journal"));
        bench.disk.sync();
        let delay = Duration::from_micros(luck.below(REPAIR_MICROS_MAX));
        let told = bench.cut_when(false, delay, &["plain"], None);
        let acked = told.acked.max(made.acked);
        let found = bench.look(acked).and_then(|found| {
            let found = found.ok_or("LOST: all of it")?;
            found.expect_all_of(plan, acked).map(|()| found)
        });
        let found = found.unwrap_or_else(|problem| {
            panic!("cycle {cycle}: {problem}\n{told:#?}\n{}", campaign.again())
        });
        mended += u64::from(found.mended.is_some());
    }
    campaign.pass(&format!(
        "{} cuts, 0 acknowledged lost; {mended} repairs begun anew",
        campaign.count
    ));
}

/// Without syncs of our own the same campaign must find losses: it would see them.
#[test]
fn c4_would_notice_a_journal_that_does_not_sync() {
    let Some(campaign) = Campaign::begin("c4-control", 2) else { return };
    let Some(mut bench) = Bench::set_up(&campaign) else { return };
    let mut luck = Luck::new(campaign.seed);
    let swallowed = |calls| Fault { calls, action: "swallow", always: true };
    for fault in [swallowed(SYNCS), swallowed("fdatasync")] {
        let mut noticed = 0;
        for _ in 0..campaign.count {
            bench.renew(luck.next() | 1);
            let told = bench.cut(Duration::from_millis(150), &[], Some(fault));
            assert!(told.acked > 1, "it wrote: {told:?}");
            let found = bench.look(told.acked);
            let lost = found.and_then(|found| match found {
                Some(found) => found.expect_all_of(bench.plan, told.acked),
                None => Err("LOST: all of it".to_owned()),
            });
            noticed += u64::from(lost.is_err());
        }
        assert_eq!(noticed, campaign.count, "without {} nothing was lost", fault.calls);
    }
    campaign.pass(&format!("{} cuts without syncs, every loss noticed", campaign.count * 2));
}

/// Commits that only have to survive a killed process: what is left is a beginning, and usable.
#[test]
fn c4_the_power_is_cut_under_commits_for_a_process() {
    let Some(campaign) = Campaign::begin("c4-process", 8) else { return };
    let Some(mut bench) = Bench::set_up(&campaign) else { return };
    let mut luck = Luck::new(campaign.seed);
    let mut lost = 0;
    for cycle in 0..campaign.count {
        bench.renew(luck.next() >> 1);
        let delay = Duration::from_micros(50_000 + luck.below(200_000));
        let told = bench.cut(delay, &["process"], None);
        let found = bench.look(u64::from(told.acked > 0)).unwrap_or_else(|problem| {
            panic!("cycle {cycle}: {problem}\n{told:#?}\n{}", campaign.again())
        });
        let head = found.map_or(0, |found| found.head);
        lost += told.acked.saturating_sub(head);
    }
    campaign.pass(&format!("{} cuts, a whole beginning is left; {lost} given up", campaign.count));
}
