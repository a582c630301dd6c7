//! C6: the n-th call to the system goes wrong. C7: every sync fails once.

use std::path::Path;
use std::time::{Duration, Instant};

use plan::{Luck, Plan};
use tempfile::TempDir;

use crate::child::Writer;
use crate::files;
use crate::look::{examine, examine_once};
use crate::report::Campaign;
use crate::shim::{ALL, Fault, SPACE, SYNCS, Tools, fired, quick_home};
use crate::trims::expect_first;

/// A close may take so long.
const PATIENCE: Duration = Duration::from_secs(5);
/// Batches of a new journal: with large records more than a segment holds.
const BATCHES: u64 = 24;
/// Batches that are added to one.
const BATCHES_MORE: u64 = 5;

/// In what state a writer finds the journal.
#[derive(Debug, Clone, Copy)]
enum Scene {
    /// There is none.
    New,
    /// It was closed.
    Closed,
    /// Its segments are damaged.
    Damaged,
    /// Its segments are damaged in front of the checkpoint.
    Aged,
    /// It was killed in the middle of a batch.
    Torn,
    /// The power was cut: its head is older than its records.
    Unpowered,
    /// It was closed, and is to be trimmed.
    Full,
    /// It was killed while it was trimmed: all records are still there.
    Trimmed,
}

const SCENES: [Scene; 6] =
    [Scene::New, Scene::Closed, Scene::Damaged, Scene::Aged, Scene::Torn, Scene::Unpowered];

/// Journals to begin with.
struct Stage {
    home: TempDir,
    plan: Plan,
    /// What was acknowledged in them.
    acked: u64,
    /// Where the trimmed one begins.
    cut: u64,
}

impl Stage {
    fn set(seed: u64) -> Self {
        let home = quick_home();
        let plan = Plan::large(seed);
        let closed = home.path().join("closed");
        let write = |batches| {
            let (status, told) = Writer::start(Writer::command(&closed, plan, batches, &[])).end();
            assert!(status.success() && told.is_closed, "{told:?}");
            told
        };
        write(1);
        let old_head = std::fs::read(closed.join("head")).unwrap();
        let told = write(BATCHES);
        let mut stage = Self { acked: told.acked, home, plan, cut: 1 };
        let segments = files::all(&closed.join("segments"));
        let [first, .., last] = segments.as_slice() else { panic!("{segments:?}") };
        let stage_file = |scene: &str, of: &Path| {
            let dir = stage.home.path().join(scene);
            files::copy(&closed, &dir);
            dir.join("segments").join(of.file_name().unwrap())
        };
        for (scene, of) in [("damaged", last), ("aged", first)] {
            files::edit(&stage_file(scene, of), |bytes| {
                let at = bytes.len() * 3 / 4;
                bytes[at] ^= 1;
            });
        }
        for scene in ["full", "trimmed", "cut"] {
            stage_file(scene, last);
        }
        let cut = Writer::command(&stage.home.path().join("cut"), plan, 1, &["trims"]);
        stage.cut = Writer::start(cut).end().1.trimmed;
        assert!(stage.cut > 1);
        let base = |scene: &str| stage.home.path().join(scene).join("BASE");
        std::fs::copy(base("cut"), base("trimmed")).unwrap();
        stage_file("unpowered", last);
        std::fs::write(stage.home.path().join("unpowered/head"), old_head).unwrap();
        files::edit(&stage_file("torn", last), |bytes| {
            bytes.extend_from_slice(b"RJ\x02\0half a frame");
        });
        stage
    }

    /// Puts a scene up; gives what was acknowledged in it.
    fn put_up(&self, scene: Scene, dir: &Path) -> u64 {
        let name = match scene {
            Scene::New => {
                if dir.exists() {
                    std::fs::remove_dir_all(dir).unwrap();
                }
                return 0;
            }
            Scene::Closed => "closed",
            Scene::Damaged => "damaged",
            Scene::Aged => "aged",
            Scene::Torn => "torn",
            Scene::Unpowered => "unpowered",
            Scene::Full => "full",
            Scene::Trimmed => "trimmed",
        };
        files::reset(&self.home.path().join(name), dir);
        self.acked
    }

    /// One writer whose n-th call goes wrong; false if it had no such call.
    fn play(&self, tools: &Tools, scene: Scene, fault: Fault, nth: u64) -> Result<bool, String> {
        let dir = self.home.path().join("journal");
        let acked_before = self.put_up(scene, &dir);
        let batches = if matches!(scene, Scene::New) { BATCHES } else { BATCHES_MORE };
        let is_trimmed = matches!(scene, Scene::Full | Scene::Trimmed);
        let options = if is_trimmed { &["trims"][..] } else { &[] };
        let mut command = Writer::command(&dir, self.plan, batches, options);
        tools.preload(&mut command, &dir, fault, nth);
        let (_, told) = Writer::start(command).end();
        let has_fired = fired(&told.errors);
        let acked = told.acked.max(acked_before);
        let keep = || {
            if let Some(to) = std::env::var_os("RESURGE_CAMPAIGN_KEEP").filter(|_| dir.exists()) {
                files::reset(&dir, Path::new(&to));
            }
        };
        keep();
        let context = |problem: String| format!("{problem}\nacked {acked}\n{told:#?}");
        if !told.panics().is_empty() || told.lines.iter().any(|line| line.starts_with("unpois")) {
            return Err(context("it panicked, or went on after a failure".to_owned()));
        }
        if acked == 0 && !dir.join("FORMAT").exists() {
            // What was begun can be begun again.
            let (_, again) = Writer::start(Writer::command(&dir, self.plan, 2, &[])).end();
            if !again.is_closed {
                return Err(context(format!("cannot be made any more: {again:?}")));
            }
            let found = examine_once(&dir, self.plan).map_err(context)?;
            return found.expect_all_of(self.plan, again.acked).map(|()| has_fired);
        }
        let found = examine(&dir, self.plan).map_err(context)?;
        found.expect_all_of(self.plan, acked.max(1)).map_err(context)?;
        if is_trimmed {
            let before = if matches!(scene, Scene::Trimmed) { self.cut } else { 1 };
            expect_first(&found, &told, before).map_err(context)?;
        }
        Ok(has_fired)
    }
}

/// Lets calls go wrong one after the other until none is left, in strides behind the first `dense`.
fn sweep(campaign: &Campaign, faults: &[Fault], scenes: &[Scene], dense: u64) -> Option<u64> {
    let Some(tools) = Tools::get() else {
        campaign.skip("there is no C compiler (cc)");
        return None;
    };
    let stage = Stage::set(campaign.seed);
    let mut luck = Luck::new(campaign.seed);
    let mut played = vec![0; faults.len()];
    for scene in scenes {
        for (fault, played) in faults.iter().zip(&mut played) {
            // What its segments have lost only its index has, and sled shortens a database that it
            // cannot read while it opens it: two faults at once, and the loss is told.
            if matches!(scene, Scene::Aged) && fault.always && fault.calls.contains("read") {
                continue;
            }
            let mut nth = 1;
            while stage.play(tools, *scene, *fault, nth).unwrap_or_else(|problem| {
                panic!("{scene:?}, {fault:?}, call {nth}: {problem}\n{}", campaign.again())
            }) {
                *played += 1;
                nth += if nth < dense { 1 } else { 1 + luck.below(nth) };
            }
        }
    }
    assert!(!played.contains(&0), "of {faults:?} went wrong {played:?}; {}", campaign.again());
    Some(played.iter().sum())
}

#[test]
fn c6_the_nth_call_goes_wrong() {
    let Some(campaign) = Campaign::begin("c6", 3) else { return };
    let fault = |calls, action, always| Fault { calls, action, always };
    let faults = [
        fault(ALL, "eio", false),
        fault(ALL, "eio", true),
        fault(SPACE, "enospc", false),
        fault(SPACE, "enospc", true),
        fault("write,pwrite64", "short", false),
        fault("read,pread64", "eio", false),
        fault("read,pread64", "eio", true),
        fault(ALL, "torn", false),
    ];
    if let Some(played) = sweep(&campaign, &faults, &SCENES, campaign.count) {
        campaign.pass(&format!("{played} calls went wrong, 0 acknowledged lost, 0 panics"));
    }
}

#[test]
fn c20_the_nth_call_goes_wrong_while_it_is_trimmed() {
    let Some(campaign) = Campaign::begin("c20-calls", 2) else { return };
    let fault = |calls, action, always| Fault { calls, action, always };
    let faults = [
        fault(ALL, "eio", false),
        fault(SYNCS, "eio", false),
        fault(SPACE, "enospc", true),
        fault("read,pread64", "eio", false),
        fault(ALL, "torn", false),
    ];
    let scenes = [Scene::Full, Scene::Trimmed];
    if let Some(played) = sweep(&campaign, &faults, &scenes, campaign.count) {
        campaign.pass(&format!("{played} calls went wrong, nothing lost that was not dropped"));
    }
}

#[test]
fn c7_every_sync_fails_once() {
    let Some(campaign) = Campaign::begin("c7", 10) else { return };
    let fails = Fault { calls: SYNCS, action: "eio", always: false };
    if let Some(played) = sweep(&campaign, &[fails], &SCENES, campaign.count) {
        campaign.pass(&format!("{played} syncs failed, 0 acknowledged lost, none tried again"));
    }
}

/// The records do not depend on the index, not even for the time that a close takes.
#[test]
fn c6_the_index_hangs() {
    let Some(campaign) = Campaign::begin("c6-hang", 2) else { return };
    let Some(tools) = Tools::get() else { return campaign.skip("there is no C compiler (cc)") };
    let hangs = Fault { calls: "write,pwrite64,fsync,fdatasync", action: "hang", always: true };
    let mut luck = Luck::new(campaign.seed);
    let mut hung = 0;
    for round in 0..campaign.count {
        let home = quick_home();
        let dir = home.path().join("journal");
        let plan = Plan::new(luck.next());
        let mut command = Writer::command(&dir, plan, BATCHES, &["plain"]);
        tools.preload(&mut command, &dir.join("index"), hangs, 1 + round);
        let began = Instant::now();
        let (_, told) = Writer::start(command).end();
        assert!(told.is_closed, "round {round}: {told:#?}\n{}", campaign.again());
        assert!(began.elapsed() < PATIENCE, "round {round} took {:?}", began.elapsed());
        hung += u64::from(fired(&told.errors));
        let found = examine(&dir, plan);
        let found = found.and_then(|found| found.expect_all_of(plan, told.acked));
        found.unwrap_or_else(|problem| panic!("round {round}: {problem}\n{}", campaign.again()));
    }
    assert!(hung > 0, "nothing hung");
    campaign.pass(&format!("{hung} indexes hung, every journal was closed all the same"));
}
