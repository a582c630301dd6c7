//! What the store holds of its database.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::db::{self, Db};
use super::follow::{ABANDON, CLOSE, Follower, PACE, RETRY};
use super::renew::{self, Measure};
use crate::id::Seq;
use crate::store::cache::{Cache, CacheError, Change, Pair};
use crate::store::disk::base;
use crate::store::disk::files;
use crate::store::disk::payloads::Payloads;
use crate::store::disk::segment::Map;

/// The folder of the database.
pub(in crate::store::disk) const DIR: &str = "index";

/// The database of a journal that is open; it opens, and follows, on a thread of its own.
#[derive(Debug)]
pub(in crate::store::disk) struct Index {
    shared: Arc<Shared>,
    thread: Mutex<Option<Thread>>,
}

#[derive(Debug)]
struct Thread {
    handle: JoinHandle<()>,
    /// Closed once the thread ends, however it ends.
    end: Receiver<()>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) journal: Uuid,
    pub(super) map: Arc<Map>,
    /// The last record that is durable.
    head: Arc<AtomicU64>,
    payloads: Payloads,
    state: Mutex<State>,
    changed: Condvar,
    /// Held by whoever uses the database; nobody does while another one takes its place.
    pub(super) gate: RwLock<()>,
    /// Keys of the cache that were changed since a copy of it was begun; none without a copy.
    dirty: Mutex<Option<BTreeSet<Vec<u8>>>>,
    /// Whether the journal may belong to somebody else by now.
    is_over: Mutex<bool>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) db: Access,
    /// The last record that the database has.
    pub(super) taken: Seq,
    /// Whether the thread waits for a record.
    is_asleep: bool,
    pub(super) is_closing: bool,
    /// Why the database is to be opened anew, if it failed whoever used its cache.
    trouble: Option<io::Error>,
    /// Where the journal began when bodies that nothing refers to were looked for.
    collected: Seq,
}

#[derive(Debug)]
pub(super) enum Access {
    Opening,
    Ready(Db, Uuid),
    /// It cannot be used for now.
    Failed(ErrorKind, String),
}

impl Index {
    /// Opens the database beside the segments in the background, or makes one.
    pub(in crate::store::disk) fn start(
        dir: &Path,
        journal: Uuid,
        map: Arc<Map>,
        head: Arc<AtomicU64>,
        payloads: Payloads,
    ) -> io::Result<Self> {
        let state = State {
            db: Access::Opening,
            taken: Seq::ZERO,
            is_asleep: false,
            is_closing: false,
            trouble: None,
            collected: Seq::ZERO,
        };
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            journal,
            map,
            head,
            payloads,
            state: Mutex::new(state),
            changed: Condvar::new(),
            gate: RwLock::new(()),
            dirty: Mutex::new(None),
            is_over: Mutex::new(false),
        });
        let follower = Arc::clone(&shared);
        let (alive, end) = mpsc::channel();
        let handle = thread::Builder::new().name("journal-index".to_owned()).spawn(move || {
            let _alive = alive;
            follower.run();
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(Thread { handle, end })) })
    }

    /// Says that records were added.
    pub(in crate::store::disk) fn nudge(&self) {
        let mut state = self.shared.state();
        if state.is_asleep {
            state.is_asleep = false;
            self.shared.changed.notify_all();
        }
    }

    /// The frame of a record, if the database has it and can be asked right now.
    pub(in crate::store::disk) fn frame(&self, seq: Seq) -> Option<Vec<u8>> {
        let _inside = self.shared.gate.try_read().ok()?;
        let db = {
            let state = self.shared.state();
            match &state.db {
                Access::Ready(db, _) if seq <= state.taken => db.clone(),
                _ => return None,
            }
        };
        db.frame(seq).ok()?
    }

    /// The frame of a record, if the database has it; waits until the database is open.
    pub(in crate::store::disk) fn frame_at_last(&self, seq: Seq) -> Option<Vec<u8>> {
        let _inside = self.shared.enter();
        let (db, _) = self.shared.ready().ok()?;
        db.frame(seq).ok()?
    }

    /// Says that the journal is being closed: nobody waits for the database from now on.
    pub(in crate::store::disk) fn begin_to_close(&self) {
        self.shared.state().is_closing = true;
        self.shared.changed.notify_all();
    }

    /// Waits for the thread to end; it brings the database up to the segments if that is quick.
    ///
    /// One that hangs in the database is left behind: it removes and renames nothing any more, so
    /// that it cannot touch what the next owner of the journal has.
    pub(in crate::store::disk) fn close(&self) {
        self.begin_to_close();
        self.shared.payloads.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Thread { handle, end }) = thread
            && end.recv_timeout(ABANDON) == Err(RecvTimeoutError::Disconnected)
        {
            let _ = handle.join();
        }
        *self.shared.is_over() = true;
    }

    /// Never opens the database.
    #[cfg(test)]
    pub(in crate::store::disk) fn hang(&self) {
        self.close();
        let mut state = self.shared.state();
        (state.db, state.is_closing) = (Access::Opening, false);
    }
}

impl Cache for Index {
    fn generation(&self) -> Result<Uuid, CacheError> {
        let _inside = self.shared.enter();
        self.shared.ready().map(|(_, own)| own)
    }

    fn is_ready(&self) -> bool {
        let gate = self.shared.gate.try_read();
        gate.is_ok() && !matches!(self.shared.state().db, Access::Opening)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CacheError> {
        let _inside = self.shared.enter();
        let (db, _) = self.shared.ready()?;
        self.shared.note(db.get(key))
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Pair>, CacheError> {
        let _inside = self.shared.enter();
        let (db, _) = self.shared.ready()?;
        self.shared.note(db.range(from, to, limit))
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), CacheError> {
        Change::check(&changes)?;
        let _inside = self.shared.enter();
        let (db, _) = self.shared.ready()?;
        let is_copied = self.shared.dirty().is_some();
        let keys: Vec<_> = changes.iter().filter(|_| is_copied).map(Change::key).collect();
        let applied = db.apply(changes);
        if let Some(dirty) = self.shared.dirty().as_mut() {
            dirty.extend(keys);
        }
        self.shared.note(applied)
    }

    fn sync(&self) -> Result<(), CacheError> {
        let _inside = self.shared.enter();
        let (db, _) = self.shared.ready()?;
        self.shared.note(db.flush().and_then(|()| sync_log(&self.shared.dir)))
    }
}

impl Shared {
    /// The state; a panic elsewhere cannot have left it half-changed.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> MutexGuard<'_, bool> {
        self.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes or renames folders, unless the journal may belong to somebody else by now.
    pub(super) fn change<T>(&self, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        // Held over the change, so that none comes once `close` has returned.
        let is_over = self.is_over();
        if *is_over {
            return Err(io::Error::new(ErrorKind::Interrupted, "the journal is closed"));
        }
        change()
    }

    /// Keeps the database that is there from being replaced.
    fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be copied again; a panic elsewhere cannot have left it half-changed.
    pub(super) fn dirty(&self) -> MutexGuard<'_, Option<BTreeSet<Vec<u8>>>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_dirty(&self) {
        self.dirty().take();
    }

    pub(super) fn head(&self) -> Seq {
        Seq::new(self.head.load(Ordering::Acquire))
    }

    /// The database, once it is open.
    fn ready(&self) -> Result<(Db, Uuid), CacheError> {
        let mut state = self.state();
        loop {
            match &state.db {
                Access::Ready(db, own) => return Ok((db.clone(), *own)),
                Access::Failed(kind, problem) => {
                    return Err(CacheError::Io(io::Error::new(*kind, problem.clone())));
                }
                Access::Opening if state.is_closing => return Err(CacheError::Closed),
                Access::Opening => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Has the database opened anew if it failed: sled refuses everything behind a failed write.
    fn note<T>(&self, result: io::Result<T>) -> Result<T, CacheError> {
        result.map_err(|error| {
            // One that is damaged makes room when a fresh opening finds it so.
            if error.kind() != ErrorKind::InvalidData {
                let trouble = io::Error::new(error.kind(), error.to_string());
                self.state().trouble = Some(trouble);
                self.changed.notify_all();
            }
            CacheError::Io(error)
        })
    }

    fn run(&self) {
        yield_to_others();
        loop {
            // sled may panic wherever a handle of a database that failed is let go.
            let work = || self.open().and_then(|follower| self.follow(follower));
            let failure = panic::catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|_| Err(io::Error::other("the database gave up")));
            let Err(error) = failure else { break };
            self.fail(&error);
            if self.is_closing_within(RETRY) {
                break;
            }
        }
        let db = std::mem::replace(
            &mut self.state().db,
            Access::Failed(ErrorKind::Other, "the journal is closed".to_owned()),
        );
        self.changed.notify_all();
        if let Access::Ready(db, _) = db {
            db.close();
        }
    }

    /// Opens the database; one that is damaged or foreign makes room for a new one.
    pub(super) fn open(&self) -> io::Result<Follower> {
        let dir = self.dir.join(DIR);
        self.change(|| renew::settle(&self.dir))?;
        for _ in 0..2 {
            match self.try_open(&dir) {
                Ok((db, own, follower)) => {
                    let mut state = self.state();
                    state.taken = follower.taken();
                    state.db = Access::Ready(db, own);
                    drop(state);
                    self.changed.notify_all();
                    return Ok(follower);
                }
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    self.change(|| files::quarantine(&self.dir, DIR))?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(ErrorKind::InvalidData, "a new database is damaged"))
    }

    fn try_open(&self, dir: &Path) -> io::Result<(Db, Uuid, Follower)> {
        files::make_private_dir(dir)?;
        self.change(|| db::remove_drafts(dir))?;
        let db = Db::open(dir)?;
        let own = match db.identity()? {
            Some((journal, own)) if journal == self.journal => own,
            Some(_) => {
                db.close();
                let problem = "the database belongs to another journal";
                return Err(io::Error::new(ErrorKind::InvalidData, problem));
            }
            None => {
                let own = Uuid::new_v4();
                db.baptize(self.journal, own)?;
                db.flush()?;
                files::sync_all(dir)?;
                files::make_private(dir)?;
                own
            }
        };
        match Follower::resume(db.clone(), &self.map, self.head()) {
            Ok(follower) => Ok((db, own, follower)),
            Err(error) => {
                db.close();
                Err(error)
            }
        }
    }

    /// Follows until the journal is closed.
    fn follow(&self, mut follower: Follower) -> io::Result<()> {
        let mut measure = Measure::begin(&self.dir);
        self.collect();
        loop {
            if self.waits_for_records(&follower) {
                let end = Instant::now() + CLOSE;
                follower.follow(&self.map, self.head(), &|| Instant::now() >= end, None)?;
                return sync_log(&self.dir);
            }
            if let Some(trouble) = self.state().trouble.take() {
                return Err(trouble);
            }
            follower.follow(&self.map, self.head(), &|| self.is_closing(), None)?;
            self.state().taken = follower.taken();
            self.collect();
            if measure.is_wasteful(&self.dir, &mut follower, &|| self.is_closing())?
                && let Some(own) = self.own()
            {
                follower = self.renew(follower, own, &mut measure)?;
            }
        }
    }

    /// Removes bodies that a crash has left of commits that never were, or that only dropped
    /// records referred to.
    fn collect(&self) {
        let first = self.map.first();
        let before = std::mem::replace(&mut self.state().collected, first);
        if before == first || self.payloads.is_empty() {
            return;
        }
        let is_closing = || self.is_closing();
        // What cannot be collected now is collected after the next opening.
        let _ = self.payloads.collect(|| {
            let mut found = base::referenced(&self.dir, self.journal)?;
            let frames = |from| self.map.frames_near(from);
            found.extend(self.payloads.referenced(frames, (first, self.head()), is_closing)?);
            Ok(found)
        });
    }

    fn own(&self) -> Option<Uuid> {
        match &self.state().db {
            Access::Ready(_, own) => Some(*own),
            _ => None,
        }
    }

    /// Waits until there are records to take over, or to drop; true if the journal is being closed.
    fn waits_for_records(&self, follower: &Follower) -> bool {
        let is_idle = || self.head() <= follower.taken() && !follower.is_behind(&self.map);
        let mut state = self.state();
        while !state.is_closing && state.trouble.is_none() && is_idle() {
            state.is_asleep = true;
            // Asked again under the lock, so that no nudge is missed.
            if !is_idle() {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_asleep = false;
        drop(state);
        // What comes in quick succession is taken over together.
        self.is_closing_within(PACE)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.state().is_closing
    }

    fn is_closing_within(&self, time: Duration) -> bool {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, time, |state| !state.is_closing);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closing
    }

    fn fail(&self, error: &io::Error) {
        let failed = Access::Failed(error.kind(), error.to_string());
        let mut state = self.state();
        let db = std::mem::replace(&mut state.db, failed);
        // Whatever else it was blamed for ends with it.
        state.trouble = None;
        drop(state);
        self.changed.notify_all();
        if let Access::Ready(db, _) = db {
            db.close();
        }
    }
}

/// Syncs what sled only hands to the system.
fn sync_log(dir: &Path) -> io::Result<()> {
    File::open(dir.join(DIR).join(db::LOG))?.sync_data()
}

/// Lets every other thread go first: nobody waits for this one.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    // A thread that may not be nice is as good, only greedier.
    let _ = rustix::process::setpriority_process(None, 19);
}

#[cfg(test)]
mod tests;
