//! C8: the disk is full, at every level.

use plan::Plan;
use resurge_journal::store::Store;

use crate::child::{Told, Writer};
use crate::look::{Found, examine, read_all, try_open, within};
use crate::mounts::Mounted;
use crate::report::Campaign;

const SMALLEST: u64 = 64 * 1024;
const STEP: u64 = 64 * 1024;
/// What a disk has after somebody has cleaned it up.
const ROOM: u64 = 128 * 1024 * 1024;

/// Writes until the disk is full; what was acknowledged must be there once it is not.
fn fill(level: u64, plan: Plan) -> Result<Option<(Told, Found)>, String> {
    let disk = Mounted::tmpfs(SMALLEST + level * STEP)?;
    let dir = disk.path().join("journal");
    let (_, told) = Writer::start(Writer::command(&dir, plan, 0, &[])).end();
    let context = |problem: String| format!("{problem}\n{told:#?}");
    if !told.panics().is_empty() || told.lines.iter().any(|line| line.starts_with("unpois")) {
        return Err(context("it panicked, or went on after a failure".to_owned()));
    }
    if told.acked == 0 && !dir.join("FORMAT").exists() {
        disk.resize(ROOM);
        let (_, again) = Writer::start(Writer::command(&dir, plan, 3, &[])).end();
        return if again.is_closed { Ok(None) } else { Err(context(format!("{again:#?}"))) };
    }
    open_while_full(&disk, plan, told.acked.max(1)).map_err(context)?;
    disk.resize(ROOM);
    let found = examine(&dir, plan).map_err(context)?;
    found.expect_all_of(plan, told.acked.max(1)).map_err(context)?;
    Ok(Some((told, found)))
}

/// On a full disk a journal opens, with everything in it, or says why not.
fn open_while_full(disk: &Mounted, plan: Plan, acked: u64) -> Result<(), String> {
    let dir = disk.path().join("journal");
    within(move || {
        let Ok(store) = try_open(&dir) else { return Ok(()) };
        let found = read_all(&store, plan);
        store.close();
        found?.expect_all_of(plan, acked)
    })
}

#[test]
fn c8_the_disk_is_full() {
    let Some(campaign) = Campaign::begin("c8", 40) else { return };
    if let Err(reason) = Mounted::tmpfs(SMALLEST) {
        return campaign.skip(&reason);
    }
    let (mut records, mut unmade) = (0, 0);
    for level in 0..campaign.count {
        let plan = Plan::large(campaign.seed + level);
        match fill(level, plan) {
            Ok(Some((told, _))) => records += told.acked,
            Ok(None) => unmade += 1,
            Err(problem) => panic!("level {level}: {problem}\n{}", campaign.again()),
        }
    }
    campaign.pass(&format!(
        "{} levels, {records} records, 0 acknowledged lost; {unmade} too small for a journal",
        campaign.count
    ));
}

/// A body for which there is no room is refused, and fits into the same journal once there is some.
#[test]
fn c8_a_body_without_room_waits_for_some() {
    let Some(campaign) = Campaign::begin("c8-bodies", 4) else { return };
    for level in 0..campaign.count {
        let disk = match Mounted::tmpfs((2 + level) * 512 * 1024) {
            Ok(disk) => disk,
            Err(reason) => return campaign.skip(&reason),
        };
        let dir = disk.path().join("journal");
        let plan = Plan::huge(campaign.seed + level);
        let options: &[&str] =
            if level % 2 == 0 { &["stubborn"] } else { &["stubborn", "process"] };
        let mut writer = Writer::start(Writer::command(&dir, plan, 20 * (level + 3), options));
        writer.wait_for("unfit");
        disk.resize(ROOM);
        let (_, told) = writer.end();
        assert!(told.is_closed, "level {level}: {told:#?}\n{}", campaign.again());
        let found = examine(&dir, plan).unwrap();
        found.expect_all_of(plan, told.acked).unwrap();
    }
    campaign.pass(&format!("{} disks filled and freed, no body lost", campaign.count));
}

/// Whoever begins nothing new while there is no room never sees a commit fail.
#[test]
fn c8_work_goes_on_once_there_is_room() {
    let Some(campaign) = Campaign::begin("c8-room", 3) else { return };
    for level in 0..campaign.count {
        let disk = match Mounted::tmpfs((2 + level) * 1024 * 1024) {
            Ok(disk) => disk,
            Err(reason) => return campaign.skip(&reason),
        };
        let dir = disk.path().join("journal");
        let plan = Plan::large(campaign.seed + level);
        let mut writer =
            Writer::start(Writer::command(&dir, plan, 150 * (level + 2), &["patient"]));
        writer.wait_for("full");
        disk.resize(ROOM);
        let (_, told) = writer.end();
        assert!(told.is_closed, "level {level}: {told:#?}\n{}", campaign.again());
        let failed = told.lines.iter().any(|line| line.starts_with("failed"));
        assert!(!failed, "level {level}: {told:#?}\n{}", campaign.again());
        let found = examine(&dir, plan).unwrap();
        found.expect_all_of(plan, told.acked).unwrap();
    }
    campaign.pass(&format!("{} disks filled and freed, no commit failed", campaign.count));
}
