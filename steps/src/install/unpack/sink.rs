//! Where entries go once they passed the rules.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};

use super::error::UnpackError;
use crate::artifact::problem_with;
use crate::fs::{Beneath, Dir};
use crate::install::gate::Gate;
use crate::install::limits::Limits;

/// What was unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::install) struct Tally {
    pub(in crate::install) files: u64,
    pub(in crate::install) bytes: u64,
}

/// Writes entries below a fresh folder, and counts.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    root: &'a Dir,
    gate: &'a Gate,
    limits: Limits,
    /// Size of the archive, for the ratio.
    packed: u64,
    tally: Tally,
    entries: u64,
    /// Headers of any kind.
    headers: u64,
    /// By name without case: what stands there, as it was spelt.
    seen: HashMap<String, Seen>,
    /// The folder that was used last; archives are sorted.
    folder: Option<(String, Dir)>,
    /// Whether every file must be flushed by itself.
    flush_each: bool,
    block: Vec<u8>,
}

#[derive(Debug)]
struct Seen {
    spelling: String,
    folder: bool,
}

const BLOCK: usize = 256 * 1024;

impl<'a> Sink<'a> {
    pub(super) fn new(root: &'a Dir, gate: &'a Gate, limits: Limits, packed: u64) -> Self {
        Self {
            root,
            gate,
            limits,
            packed,
            tally: Tally::default(),
            entries: 0,
            headers: 0,
            seen: HashMap::new(),
            folder: None,
            flush_each: !cfg!(target_os = "linux"),
            block: vec![0; BLOCK],
        }
    }

    pub(super) const fn entries_max(&self) -> u64 {
        self.limits.entries
    }

    /// Says how much of the archive was read.
    pub(super) fn read_so_far(&self, packed: u64) {
        self.gate.cx().progress(packed.min(self.packed), Some(self.packed));
    }

    /// Refuses what the archive announces, before anything is written.
    pub(super) fn announce(&self, entries: u64, bytes: u64) -> Result<(), UnpackError> {
        self.check_counts(entries, bytes)?;
        match self.root.free_bytes() {
            Some(free) if free < bytes => Err(UnpackError::Space { needed: bytes, free }),
            _ => Ok(()),
        }
    }

    fn check_counts(&self, entries: u64, bytes: u64) -> Result<(), UnpackError> {
        if entries > self.limits.entries {
            return Err(UnpackError::Limit("it has too many entries"));
        }
        if bytes > self.limits.bytes {
            return Err(UnpackError::Limit("its files are too large together"));
        }
        let most = self.packed.saturating_mul(self.limits.ratio);
        if bytes > self.limits.ratio_free_bytes && bytes > most {
            return Err(UnpackError::Limit("it unpacks to far more than its own size"));
        }
        Ok(())
    }

    /// Counts a header, be it of an entry or of what belongs to one.
    pub(super) fn header(&mut self) -> Result<(), UnpackError> {
        self.gate.check().map_err(UnpackError::Stopped)?;
        self.headers += 1;
        // An entry has at most two extensions.
        if self.headers > self.limits.entries.saturating_mul(3) {
            return Err(UnpackError::Limit("it has too many headers"));
        }
        Ok(())
    }

    /// Creates a folder; one that is there already is fine.
    pub(super) fn folder(&mut self, path: &str) -> Result<(), UnpackError> {
        self.admit(path, true)?;
        self.enter(path).map(|_| ())
    }

    /// Creates a file with exactly `size` bytes from `content`.
    pub(super) fn file(
        &mut self,
        path: &str,
        executable: bool,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), UnpackError> {
        self.admit(path, false)?;
        if size > self.limits.file_bytes {
            return Err(UnpackError::Limit("one of its files is too large"));
        }
        self.check_counts(self.entries, self.tally.bytes.saturating_add(size))?;
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut file = self.enter(parent)?.create_file(name, executable).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                UnpackError::hostile(path, "this file system takes it for an earlier entry")
            } else {
                UnpackError::writing(path)(error)
            }
        })?;
        self.copy(path, size, content, &mut file)?;
        if self.flush_each {
            file.sync_all().map_err(UnpackError::writing(path))?;
        }
        self.tally.files += 1;
        Ok(())
    }

    fn copy(
        &mut self,
        path: &str,
        size: u64,
        content: &mut dyn Read,
        file: &mut File,
    ) -> Result<(), UnpackError> {
        let mut left = size;
        while left > 0 {
            self.gate.check().map_err(UnpackError::Stopped)?;
            let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let block = self.block.get_mut(..most).unwrap_or_default();
            let read = match content.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(UnpackError::reading)?,
            };
            if read == 0 {
                return Err(UnpackError::Damaged("a file is shorter than announced"));
            }
            let block = block.get(..read).unwrap_or_default();
            file.write_all(block).map_err(UnpackError::writing(path))?;
            left -= read as u64;
            self.tally.bytes += read as u64;
        }
        Ok(())
    }

    /// Applies every rule about names.
    fn admit(&mut self, path: &str, folder: bool) -> Result<(), UnpackError> {
        self.gate.check().map_err(UnpackError::Stopped)?;
        if let Some(rule) = problem_with(path) {
            return Err(UnpackError::hostile(path, rule));
        }
        if path.split('/').count() > self.limits.depth {
            return Err(UnpackError::Limit("its folders are nested too deeply"));
        }
        self.entries += 1;
        self.check_counts(self.entries, self.tally.bytes)?;
        let parents = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        for parent in parents {
            self.note(parent, true)?;
        }
        if self.note(path, folder)? && !folder {
            return Err(UnpackError::hostile(path, "two entries have this name"));
        }
        Ok(())
    }

    /// Remembers a name; true if it was known, an error if it means something else now.
    fn note(&mut self, path: &str, folder: bool) -> Result<bool, UnpackError> {
        let key = path.to_lowercase();
        let Some(seen) = self.seen.get(&key) else {
            // Folders that no entry names count too, or paths could make millions of them.
            if self.seen.len() as u64 > self.limits.entries {
                return Err(UnpackError::Limit("it has too many entries"));
            }
            self.seen.insert(key, Seen { spelling: path.to_owned(), folder });
            return Ok(false);
        };
        if seen.spelling != path {
            return Err(UnpackError::hostile(path, "another entry differs only in case"));
        }
        if seen.folder != folder {
            return Err(UnpackError::hostile(path, "it is both a file and a folder"));
        }
        Ok(true)
    }

    fn enter(&mut self, path: &str) -> Result<&Dir, UnpackError> {
        if self.folder.as_ref().is_none_or(|(current, _)| current != path) {
            let dir = self.root.create_beneath(path, false).map_err(|error| match error {
                Beneath::Io { source, .. } => UnpackError::writing(path)(source),
                Beneath::Link { .. } | Beneath::NotFolder { .. } => {
                    UnpackError::hostile(path, "something else stands where its folder belongs")
                }
            })?;
            self.folder = Some((path.to_owned(), dir));
        }
        self.folder.as_ref().map(|(_, dir)| dir).ok_or(UnpackError::Damaged("it has no folder"))
    }

    /// Makes everything durable and says what was unpacked.
    pub(super) fn finish(self) -> Result<Tally, UnpackError> {
        self.gate.check().map_err(UnpackError::Stopped)?;
        let all = "the unpacked files";
        if !self.root.sync_volume().map_err(UnpackError::writing(all))? {
            for seen in self.seen.values().filter(|seen| seen.folder) {
                if let Ok(dir) = self.root.create_beneath(&seen.spelling, false) {
                    dir.sync().map_err(UnpackError::writing(&seen.spelling))?;
                }
            }
            self.root.sync().map_err(UnpackError::writing(all))?;
        }
        self.read_so_far(self.packed);
        Ok(self.tally)
    }
}
