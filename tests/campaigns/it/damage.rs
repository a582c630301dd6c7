//! C9 and C10 on whole folders: any damage to any file of a closed journal.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use plan::{Luck, Plan};
use resurge_journal::store::{OpenError, Store};
use tempfile::TempDir;

use crate::child::Writer;
use crate::files;
use crate::look::{Found, examine, open, read_all, try_open, within};
use crate::report::Campaign;
use crate::shim::quick_home;

const BATCHES: u64 = 30;
const SECTOR: usize = 512;

/// A journal that was closed, and a place for damaged copies of it.
struct Closed {
    home: TempDir,
    plan: Plan,
    acked: u64,
}

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Flip,
    Zeroes,
    Noise,
    Cut,
    Gone,
    /// Two parts of the file stand in each other's place.
    Swap,
    /// A part of the file stands there twice.
    Twice,
    /// The file is as it was some records ago.
    Stale,
}

const HARMS: [Harm; 8] = [
    Harm::Flip,
    Harm::Zeroes,
    Harm::Noise,
    Harm::Cut,
    Harm::Gone,
    Harm::Swap,
    Harm::Twice,
    Harm::Stale,
];

impl Closed {
    fn make(plan: Plan) -> Self {
        let home = quick_home();
        let whole = home.path().join("whole");
        let write = |batches| {
            let (_, told) = Writer::start(Writer::command(&whole, plan, batches, &[])).end();
            assert!(told.is_closed, "{told:#?}");
            told.acked
        };
        write(BATCHES);
        files::copy(&whole, &home.path().join("stale"));
        let acked = write(BATCHES / 3);
        Self { home, plan, acked }
    }

    /// A fresh copy.
    fn copy(&self) -> PathBuf {
        let copy = self.home.path().join("copy");
        files::reset(&self.home.path().join("whole"), &copy);
        copy
    }

    /// Files by their names in the folder.
    fn names(&self) -> Vec<PathBuf> {
        let whole = self.home.path().join("whole");
        let all = files::all(&whole).into_iter();
        all.map(|path| path.strip_prefix(&whole).unwrap().to_owned()).collect()
    }

    fn harm(&self, copy: &Path, name: &Path, harm: Harm, luck: &mut Luck) {
        let path = copy.join(name);
        if matches!(harm, Harm::Gone) {
            fs::remove_file(path).unwrap();
            return;
        }
        if matches!(harm, Harm::Stale) {
            let older = fs::read(self.home.path().join("stale").join(name)).unwrap_or_default();
            fs::write(path, older).unwrap();
            return;
        }
        files::edit(&path, |bytes| spoil(bytes, harm, luck));
    }

    /// One file is damaged: nothing may be lost.
    fn expect_nothing_lost(&self, copy: &Path, name: &Path) -> Result<(), String> {
        if name == Path::new("FORMAT") {
            return self.expect_refused_or_whole(copy);
        }
        let found = examine(copy, self.plan)?;
        found.expect_all_of(self.plan, self.acked)
    }

    /// Without its marker a folder may be refused; but untouched, and never be made anew.
    fn expect_refused_or_whole(&self, copy: &Path) -> Result<(), String> {
        let dir = copy.to_owned();
        let refused = within(move || match try_open(&dir) {
            Ok(_) => Ok(false),
            Err(
                OpenError::Foreign { .. } | OpenError::NewerFormat { .. } | OpenError::Lost { .. },
            ) => Ok(true),
            Err(other) => Err(format!("{other:?}")),
        })?;
        if refused {
            fs::copy(self.home.path().join("whole/FORMAT"), copy.join("FORMAT")).unwrap();
        }
        let found = examine(copy, self.plan)?;
        found.expect_all_of(self.plan, self.acked)
    }
}

#[test]
fn c9_c10_any_damage_to_one_file_of_a_closed_journal() {
    let Some(campaign) = Campaign::begin("c10-files", 100) else { return };
    let mut luck = Luck::new(campaign.seed);
    let journals = [Plan::new(luck.next()), Plan::large(luck.next())].map(Closed::make);
    for round in 0..campaign.count {
        let closed = &journals[luck.index(journals.len())];
        let names = closed.names();
        let name = &names[luck.index(names.len())];
        let harm = HARMS[luck.index(HARMS.len())];
        let copy = closed.copy();
        closed.harm(&copy, name, harm, &mut luck);
        closed.expect_nothing_lost(&copy, name).unwrap_or_else(|problem| {
            keep(&copy);
            panic!("round {round}, {harm:?} of {}: {problem}\n{}", name.display(), campaign.again())
        });
    }
    campaign.pass(&format!("{} damaged files, nothing lost, nothing wrong", campaign.count));
}

/// Both copies are damaged: what is lost is told, and what is shown is right.
#[test]
fn c10_damage_to_both_copies() {
    let Some(campaign) = Campaign::begin("c10-both", 40) else { return };
    let mut luck = Luck::new(campaign.seed);
    let closed = Closed::make(Plan::new(luck.next()));
    let names = closed.names();
    let of = |folder: &str| names.iter().filter(|name| name.starts_with(folder)).collect();
    let (segments, index): (Vec<_>, Vec<_>) = (of("segments"), of("index"));
    let (mut told, mut refused) = (0, 0);
    for round in 0..campaign.count {
        let copy = closed.copy();
        let mut harms = Vec::new();
        for folder in [&segments, &index] {
            let name = folder[luck.index(folder.len())];
            let harm = HARMS[luck.index(HARMS.len() - 1)];
            closed.harm(&copy, name, harm, &mut luck);
            harms.push((harm, name));
        }
        let fail = |problem: String| -> ! {
            keep(&copy);
            panic!("round {round}, {harms:?}: {problem}\n{}", campaign.again())
        };
        match look_at_rest(&copy, closed.plan).unwrap_or_else(|problem| fail(problem)) {
            None => refused += 1,
            Some(found) => match found.lost() {
                Some(range) if !found.tells_all(range, closed.acked) => {
                    fail(format!("it does not tell all: {found:?}"))
                }
                Some(_) => told += 1,
                None => found
                    .expect_all_of(closed.plan, closed.acked)
                    .unwrap_or_else(|problem| fail(problem)),
            },
        }
    }
    assert!(told > 0, "not one loss was told; {}", campaign.again());
    campaign.pass(&format!(
        "{} journals damaged twice: {told} losses told, {refused} refused, 0 silent",
        campaign.count
    ));
}

/// The last records were not taken over by the index when the writer was killed.
#[test]
fn c10_damage_to_a_journal_whose_writer_was_killed() {
    let Some(campaign) = Campaign::begin("c10-killed", 12) else { return };
    let mut luck = Luck::new(campaign.seed);
    let (mut told_lost, mut mended, mut refused) = (0, 0, 0);
    for round in 0..campaign.count {
        let home = quick_home();
        let dir = home.path().join("journal");
        let plan = Plan::new(luck.next());
        let mut writer = Writer::start(Writer::command(&dir, plan, 0, &[]));
        writer.wait_for("acked");
        thread::sleep(Duration::from_millis(luck.below(100)));
        let told = writer.kill();
        let last = files::all(&dir.join("segments")).pop().unwrap();
        let harm = [Harm::Flip, Harm::Zeroes, Harm::Cut, Harm::Twice][luck.index(4)];
        spoil_used(&last, harm, &mut luck);
        let fail = |problem: String| -> ! {
            keep(&dir);
            panic!("round {round}, {harm:?}: {problem}\n{told:#?}\n{}", campaign.again())
        };
        match look_at_rest(&dir, plan).unwrap_or_else(|problem| fail(problem)) {
            None => refused += 1,
            Some(found) => match found.lost() {
                Some(range) if !found.tells_all(range, told.acked) => {
                    fail(format!("it does not tell all: {found:?}"))
                }
                Some(_) => told_lost += 1,
                None => {
                    mended += u64::from(!found.own.is_empty());
                    found.expect_all_of(plan, told.acked).unwrap_or_else(|problem| fail(problem));
                }
            },
        }
    }
    assert!(mended + told_lost > 0, "all journals were refused; {}", campaign.again());
    campaign.pass(&format!(
        "{} journals: {mended} mended, {told_lost} losses told, {refused} refused, 0 silent",
        campaign.count
    ));
}

/// Damages bytes somewhere.
fn spoil(bytes: &mut Vec<u8>, harm: Harm, luck: &mut Luck) {
    if bytes.is_empty() {
        return;
    }
    let at = luck.index(bytes.len());
    let sector = at / SECTOR * SECTOR;
    let end = (sector + SECTOR).min(bytes.len());
    let other = luck.index(bytes.len()) / SECTOR * SECTOR;
    match harm {
        Harm::Flip => bytes[at] ^= 1 << luck.below(8),
        Harm::Zeroes => bytes[sector..end].fill(0),
        Harm::Noise => bytes[sector..end].fill_with(|| luck.next().to_be_bytes()[0]),
        Harm::Cut => bytes.truncate(at),
        Harm::Swap | Harm::Twice => {
            let length = (end - sector).min(bytes.len() - other);
            let here = bytes[sector..sector + length].to_vec();
            let there = bytes[other..other + length].to_vec();
            bytes[other..other + length].copy_from_slice(&here);
            if matches!(harm, Harm::Swap) {
                bytes[sector..sector + length].copy_from_slice(&there);
            }
        }
        Harm::Gone | Harm::Stale => {}
    }
}

/// Damages the part of a segment that holds frames.
fn spoil_used(path: &Path, harm: Harm, luck: &mut Luck) {
    files::edit(path, |bytes| {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let mut frames = bytes[..used].to_vec();
        spoil(&mut frames, harm, luck);
        frames.resize(bytes.len(), 0);
        *bytes = frames;
    });
}

/// What a journal shows once everything that could be found was found; none if it is refused.
fn look_at_rest(copy: &Path, plan: Plan) -> Result<Option<Found>, String> {
    let dir = copy.to_owned();
    let first = within(move || match try_open(&dir) {
        Err(OpenError::Lost { .. }) => Ok(false),
        Err(error) => Err(format!("{error:?}")),
        Ok(store) => {
            // Damage in front of a checkpoint is met here.
            let _ = store.scan(resurge_journal::Seq::ZERO).count();
            store.close();
            Ok(true)
        }
    })?;
    if !first {
        return Ok(None);
    }
    let dir = copy.to_owned();
    within(move || {
        let store = match try_open(&dir) {
            Err(OpenError::Lost { .. }) => return Ok(None),
            Err(error) => return Err(format!("{error:?}")),
            Ok(store) => store,
        };
        let found = read_all(&store, plan);
        store.close();
        found.map(Some)
    })
}

/// Keeps what a failure is to be looked for in.
fn keep(copy: &Path) {
    if let Some(to) = std::env::var_os("RESURGE_CAMPAIGN_KEEP") {
        files::reset(copy, Path::new(&to));
    }
}

#[test]
fn a_whole_journal_is_whole() {
    let closed = Closed::make(Plan::new(1));
    let store = open(&closed.copy()).unwrap();
    assert_eq!(store.head().get(), closed.acked);
    assert_eq!(store.mended(), None);
}
