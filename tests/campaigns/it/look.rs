//! Looking at a journal from outside, with nothing but the plan and what was acknowledged.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use plan::{Plan, is_own};
use resurge_journal::event::Event;
use resurge_journal::store::{DiskStore, Durability, OpenError, OpenMode, ReadError, Store};
use resurge_journal::{Record, Seq};

/// Whatever takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an opening found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) head: u64,
    /// The first record that was not dropped.
    pub(crate) first: u64,
    /// The head after it was used once more.
    pub(crate) after: u64,
    /// Records that the journal wrote by itself, apart from the first.
    pub(crate) own: Vec<(u64, Event)>,
    /// What this opening had to mend.
    pub(crate) mended: Option<Event>,
    pub(crate) checkpoint: Option<(Seq, Vec<u8>)>,
    /// Identity of the cache; known after a second opening.
    pub(crate) cache: String,
    /// Positions under which the cache holds something; known after a second opening.
    pub(crate) cached: Vec<u64>,
}

impl Found {
    /// The records that the journal says it has lost, in this or an earlier opening.
    pub(crate) fn lost(&self) -> Option<(u64, u64)> {
        lost(&self.own)
    }

    /// Whether what the journal says it has lost is all that is not there of what was acknowledged.
    pub(crate) fn tells_all(&self, (from, to): (u64, u64), acked: u64) -> bool {
        // What is lost in front of the first record leaves everything behind it.
        from <= to && (to >= acked || to + 1 == self.first && self.head >= acked)
    }

    fn is_own_at(&self, seq: u64) -> bool {
        self.own.iter().any(|(at, _)| *at == seq)
    }

    /// Everything acknowledged is there, and of what was submitted behind it all or nothing.
    pub(crate) fn expect_all_of(&self, plan: Plan, acked: u64) -> Result<(), String> {
        if self.head < acked {
            return Err(format!("LOST: {acked} was acknowledged, {} is left: {self:?}", self.head));
        }
        if let Some((from, to)) = self.lost() {
            return Err(format!("LOST: {from} to {to} of {acked} acknowledged: {self:?}"));
        }
        let past_own = |mut at: u64| {
            while self.is_own_at(at + 1) {
                at += 1;
            }
            at
        };
        let end = past_own(acked);
        // The journal's own word on what it found may stand behind the batch as well.
        let batch = past_own(end + plan.batch_length(end));
        if self.head == end || self.head == batch {
            return Ok(());
        }
        Err(format!("a batch behind {acked} is there in part: {self:?}"))
    }
}

/// Opens a journal twice, compares every record with the plan, and appends a batch.
pub(crate) fn examine(dir: &Path, plan: Plan) -> Result<Found, String> {
    let mut first = examine_once(dir, plan)?;
    let second = examine_and(dir, move |store| {
        let mut found = read_all(store, plan)?;
        (found.cache, found.cached) = read_cache(store, plan)?;
        let used = store.append(store.head(), &plan.batch(found.head));
        found.after = used.map_err(|error| format!("cannot be used: {error:?}"))?.get();
        Ok(found)
    })?;
    let is_recovered = |found: &Found| matches!(found.mended, Some(Event::JournalRecovered(_)));
    if is_recovered(&second) && !is_recovered(&first) && first.checkpoint.is_none() {
        // Damage in front of a checkpoint: met by the first scan, mended by the opening after it.
        let third = examine_once(dir, plan)?;
        let same = third.head == second.after && third.own == second.own;
        return if same { Ok(second) } else { Err(format!("{second:?}, then {third:?}")) };
    }
    let same = second.head == first.head && second.own == first.own;
    if !same || second.mended.is_some() {
        return Err(format!("opened again it is another one: {first:?}, then {second:?}"));
    }
    first.after = second.after;
    (first.cache, first.cached) = (second.cache, second.cached);
    Ok(first)
}

pub(crate) fn examine_once(dir: &Path, plan: Plan) -> Result<Found, String> {
    examine_and(dir, move |store| read_all(store, plan))
}

fn examine_and<T: Send + 'static>(
    dir: &Path,
    look: impl FnOnce(&DiskStore) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let dir = dir.to_owned();
    within(move || {
        let store = open(&dir)?;
        let found = look(&store);
        store.close();
        found
    })
}

/// Opens a journal that must be there.
pub(crate) fn open(dir: &Path) -> Result<DiskStore, String> {
    try_open(dir).map_err(|error| format!("does not open: {error:?}"))
}

pub(crate) fn try_open(dir: &Path) -> Result<DiskStore, OpenError> {
    DiskStore::open(dir, OpenMode::Existing, Durability::Power)
}

/// Checks every record of a journal that is open.
pub(crate) fn read_all(store: &DiskStore, plan: Plan) -> Result<Found, String> {
    let head = store.head().get();
    let mut own = Vec::new();
    let first = store.first().get();
    let is_bereft = read_dropped(store, plan, &mut own)?;
    let mut next = first;
    for found in store.scan(Seq::ZERO) {
        let record = found.map_err(|error| format!("record {next} of {head}: {error:?}"))?;
        if record.seq.get() != next {
            return Err(format!("record {} stands in the place of {next}", record.seq));
        }
        check(plan, &record, &mut own)?;
        next += 1;
    }
    if next != head + 1 {
        return Err(format!("the scan ends in front of {next}, the head is {head}"));
    }
    if is_bereft && lost(&own).is_none_or(|(from, to)| from > 1 || to + 1 < first) {
        return Err(format!("LOST: nothing in front of {first}, and {own:?} does not tell it"));
    }
    let mut luck = plan.luck(head, 9);
    for _ in 0..3 {
        let seq = Seq::new(1 + luck.below(head));
        if seq.get() < first && (is_bereft || !plan.keeps(seq.get())) {
            if !matches!(store.read(seq), Err(ReadError::Trimmed { .. })) {
                return Err(format!("read {seq}: it was dropped, {:?}", store.read(seq)));
            }
            continue;
        }
        let record = store.read(seq).map_err(|error| format!("read {seq}: {error:?}"))?;
        let record = record.ok_or_else(|| format!("read {seq}: it is not there"))?;
        check(plan, &record, &mut Vec::new())?;
    }
    let checkpoint = store.load_checkpoint();
    if let Some((seq, image)) = &checkpoint
        && *image != plan.image(seq.get())
    {
        return Err(format!("WRONG: the checkpoint at {seq} is not what was saved"));
    }
    Ok(Found {
        head,
        first,
        after: head,
        own,
        mended: store.mended().cloned(),
        checkpoint,
        cache: String::new(),
        cached: Vec::new(),
    })
}

/// The records that one of the journal's own says are lost.
fn lost(own: &[(u64, Event)]) -> Option<(u64, u64)> {
    own.iter().find_map(|(_, event)| match event {
        Event::JournalRecovered(mended) => Some((mended.lost_from?.get(), mended.lost_to?.get())),
        _ => None,
    })
}

/// Checks what stands in the place of the records that were dropped; true if that is lost.
fn read_dropped(
    store: &DiskStore,
    plan: Plan,
    own: &mut Vec<(u64, Event)>,
) -> Result<bool, String> {
    let first = store.first().get();
    let residue = match store.residue() {
        Err(ReadError::Gap { from, to }) if from.get() == 1 && to.get() + 1 == first => {
            return Ok(true);
        }
        found => found.map_err(|error| format!("the residue: {error:?}"))?,
    };
    if residue != (first > 1).then(|| plan.image(first)) {
        return Err(format!("WRONG: the residue in front of {first} is {residue:?}"));
    }
    let mut kept = Vec::new();
    for found in store.scan_kept() {
        let record = found.map_err(|error| format!("behind kept {kept:?}: {error:?}"))?;
        check(plan, &record, own)?;
        kept.push(record.seq.get());
    }
    if kept != (1..first).filter(|seq| plan.keeps(*seq)).collect::<Vec<_>>() {
        return Err(format!("LOST: in front of {first} are kept only {kept:?}"));
    }
    Ok(false)
}

/// Checks everything in the cache; gives the positions that it speaks of.
fn read_cache(store: &DiskStore, plan: Plan) -> Result<(String, Vec<u64>), String> {
    let cache = store.cache().ok_or("there is no cache")?;
    let pairs = cache.range(&[0; 8], &[0xFF; 8], usize::MAX);
    let pairs = pairs.map_err(|error| format!("the cache: {error:?}"))?;
    let own = cache.generation().map_err(|error| format!("the cache: {error:?}"))?;
    let mut found = Vec::new();
    for (key, value) in pairs {
        let seq = key.try_into().map(u64::from_be_bytes).map_err(|key| format!("key {key:?}"))?;
        if value != plan.value(seq) {
            return Err(format!("WRONG: the cache holds {value:?} under {seq}"));
        }
        found.push(seq);
    }
    Ok((own.to_string(), found))
}

/// A record is what the plan says, or the journal's own.
pub(crate) fn check(
    plan: Plan,
    record: &Record,
    own: &mut Vec<(u64, Event)>,
) -> Result<(), String> {
    let seq = record.seq.get();
    if matches!(record.event, Event::JournalCreated(_)) == (seq == 1) {
        if seq == 1 {
            return Ok(());
        }
        if is_own(&record.event) && record.run.is_none() {
            own.push((seq, record.event.clone()));
            return Ok(());
        }
        if *record == plan.record(seq) {
            return Ok(());
        }
    }
    Err(format!("WRONG: record {seq} is {record:?}"))
}

/// Does something that may neither hang nor panic.
pub(crate) fn within<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    watch_panics();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _ = sender.send(work());
    });
    let done = match receiver.recv_timeout(PATIENCE) {
        Ok(done) => done,
        Err(RecvTimeoutError::Timeout) => Err("HANG: more than five seconds".to_owned()),
        Err(RecvTimeoutError::Disconnected) => {
            let _ = thread.join();
            Err("PANIC".to_owned())
        }
    };
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    if panics.is_empty() { done } else { Err(format!("PANIC: {panics:?}, {:?}", done.err())) }
}

/// Panics outside of sled and of the campaigns themselves.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// sled panics on damage, which the journal takes for an error: that alone is not worth a word.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map_or("", |location| location.file());
            if file.contains("/sled-0.34") {
                return;
            }
            if !file.contains("campaigns/it") {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
            }
            usual(panic);
        }));
    });
}
