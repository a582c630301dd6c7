//! Writing an archive.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::error::ExportError;
use super::format::{End, Header};
use crate::codec::{Aside, DecodeError, claim_aside, run_of};
use crate::id::{RunId, Seq};
use crate::store::disk::error::OpenError;
use crate::store::disk::files;
use crate::store::disk::snapshot::{Condition, Snapshot, TRIMMED_MEANWHILE_MAX};
use crate::store::tail::Tail;

/// An archive that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Number of records in it.
    pub records: u64,
    /// How far the journal went.
    pub last: Seq,
    /// What state the journal is in: whole, or torn behind its last record.
    pub condition: Condition,
}

/// Writes the records of a journal, or of one run, into a new file.
///
/// The journal may be in use: what was acknowledged is written. The file appears under its name
/// once it is whole.
///
/// # Durability
/// The file is on the disk when this returns.
///
/// # Errors
/// [`ExportError`] if there is such a file already, if the journal is damaged or needs a newer
/// release, or if the file cannot be written.
pub fn export(journal: &Path, to: &Path, run: Option<RunId>) -> Result<Exported, ExportError> {
    for _ in 0..TRIMMED_MEANWHILE_MAX {
        if let Some(exported) = try_export(&Snapshot::take(journal)?, journal, to, run)? {
            return Ok(exported);
        }
    }
    let location = journal.display().to_string();
    let source = io::Error::other("it is trimmed again and again; export it later");
    Err(OpenError::Io { location, action: "read the records", source }.into())
}

/// None if the journal was trimmed meanwhile.
fn try_export(
    snapshot: &Snapshot,
    journal: &Path,
    to: &Path,
    run: Option<RunId>,
) -> Result<Option<Exported>, ExportError> {
    let (location, source) = (to.display().to_string(), journal.display().to_string());
    match snapshot.condition().clone() {
        Condition::Whole | Condition::Torn { .. } => {}
        Condition::Damaged { problem, .. } => {
            return Err(ExportError::Damaged { location: source, problem });
        }
        Condition::Newer { problem } => {
            return Err(OpenError::NewerFormat { location: source, problem }.into());
        }
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(ExportError::Exists { location });
    }
    let failed = |source| ExportError::Io { location: location.clone(), source };
    let draft = draft_of(to).map_err(failed)?;
    let file = create_new(&draft).map_err(failed)?;
    let written = write(snapshot, run, file);
    let is_damaged = matches!(written, Err(Failure::Changed(_) | Failure::Body(..)));
    if is_damaged && snapshot.was_trimmed() {
        return fs::remove_file(&draft).map(|()| None).map_err(failed);
    }
    let written = written.map_err(|failure| match failure {
        Failure::Io(error) => failed(error),
        Failure::Changed(seq) => ExportError::Damaged {
            location: source,
            problem: format!("record {seq} changed while it was read"),
        },
        Failure::Body(seq, error) => {
            ExportError::Damaged { location: source, problem: format!("record {seq}: {error}") }
        }
    });
    let published = written.and_then(|records| match publish(&draft, to) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(ExportError::Exists { location: location.clone() })
        }
        done => done.map(|()| records).map_err(failed),
    });
    if published.is_err() {
        let _ = fs::remove_file(&draft);
    }
    let (last, condition) = (snapshot.whole(), snapshot.condition().clone());
    published.map(|records| Some(Exported { records, last, condition }))
}

enum Failure {
    Io(io::Error),
    Changed(Seq),
    Body(Seq, DecodeError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn write(snapshot: &Snapshot, run: Option<RunId>, file: File) -> Result<u64, Failure> {
    let mut out = Summed { file: BufWriter::new(file), crc: 0 };
    let mut tail = snapshot.origin().tail();
    let mut records = 0;
    // Of one run, what was kept of it stands among its records.
    let base = snapshot.base();
    let carried = base.filter(|_| run.is_none());
    let base_bytes = carried.map_or(0, |base| base.head().file_bytes());
    out.write_all(&Header { journal: snapshot.journal(), run, base_bytes }.encode())?;
    if let Some(base) = carried {
        io::copy(&mut base.bytes(), &mut out)?;
        for found in base.kept(Seq::ZERO) {
            let (seq, frame) = found?;
            write_body(snapshot, &mut out, seq, claim_aside(&frame))?;
        }
    } else if let Some(base) = base {
        for found in base.kept(Seq::ZERO) {
            let (seq, frame) = found?;
            if run_of(&frame) == run {
                out.write_all(&frame)?;
                write_body(snapshot, &mut out, seq, claim_aside(&frame))?;
                records += 1;
            }
        }
    }
    for piece in snapshot.frames() {
        let seal = piece
            .seal
            .ok()
            .filter(|seal| seal.seq == tail.head.next() && seal.link.chain == tail.chain);
        let seal = seal.ok_or_else(|| Failure::Changed(tail.head.next()))?;
        tail = Tail { head: seal.seq, chain: seal.crc };
        if run.is_none() || run_of(&piece.bytes) == run {
            out.write_all(&piece.bytes)?;
            write_body(snapshot, &mut out, seal.seq, seal.aside)?;
            records += 1;
        }
    }
    if tail.head != snapshot.whole() {
        return Err(Failure::Changed(tail.head.next()));
    }
    let end = End { records, last: tail.head }.encode(out.crc);
    out.write_all(&end)?;
    let file = out.file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(records)
}

/// Writes the body that a frame refers to, if it refers to one.
fn write_body(
    snapshot: &Snapshot,
    out: &mut impl Write,
    seq: Seq,
    aside: Option<Aside>,
) -> Result<(), Failure> {
    let Some(aside) = aside else { return Ok(()) };
    let body = aside.fetch(snapshot.payloads()).map_err(|error| Failure::Body(seq, error))?;
    Ok(out.write_all(&body)?)
}

/// Writes and counts the checksum of everything.
struct Summed {
    file: BufWriter<File>,
    crc: u32,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where an archive stands until it is whole.
fn draft_of(to: &Path) -> io::Result<PathBuf> {
    let name = to.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut draft = name.to_owned();
    draft.push(format!(".{}.part", std::process::id()));
    Ok(to.with_file_name(draft))
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Gives a file its name, unless somebody else has taken it meanwhile.
fn publish(draft: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(draft, to) {
        Ok(()) => fs::remove_file(draft)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // Not every file system has links.
        Err(_) if fs::symlink_metadata(to).is_ok() => return Err(ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(draft, to)?,
    }
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty());
    files::sync_dir(dir.unwrap_or_else(|| Path::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::record;
    use crate::store::{Archive, DiskStore, Durability, OpenMode, Store};

    fn files_in(dir: &Path) -> usize {
        fs::read_dir(dir).expect("readable").count()
    }

    #[test]
    fn a_journal_that_is_trimmed_while_it_is_exported_is_exported_anew() {
        let home = tempfile::tempdir().expect("a folder");
        let (dir, file) = (home.path().join("journal"), home.path().join("a.rjar"));
        let store = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Process);
        let store = store.expect("created");
        while store.cuts().len() < 2 {
            let head = store.head();
            let next = head.get() + 1;
            let bytes = if next == 9 { 20_000 } else { 5_000 };
            store.append(head, &[record(next, bytes)]).expect("appended");
        }
        let seen = Snapshot::take(&dir).expect("readable");
        let cut = store.cuts().last().expect("one").first;
        store.trim(cut, b"rest", &[Seq::new(9)]).expect("trimmed");
        let before = files_in(home.path());
        let exported = try_export(&seen, &dir, &file, None).expect("it is as it should be");
        assert_eq!((exported, files_in(home.path())), (None, before), "no half of a file is left");
        export(&dir, &file, None).expect("exported");
        let archive = Archive::open(&file).expect("whole");
        assert_eq!((archive.first(), archive.kept()), (cut, 1));
    }

    #[test]
    fn a_body_that_is_lost_is_told_and_not_tried_again_for_ever() {
        let home = tempfile::tempdir().expect("a folder");
        let (dir, file) = (home.path().join("journal"), home.path().join("a.rjar"));
        let store = DiskStore::open(&dir, OpenMode::CreateIfMissing, Durability::Process);
        let store = store.expect("created");
        store.append(Seq::new(1), &[record(2, 20_000)]).expect("appended");
        for body in fs::read_dir(dir.join("payloads")).expect("readable") {
            fs::remove_file(body.expect("readable").path()).expect("removed");
        }
        let before = files_in(home.path());
        let refused = export(&dir, &file, None).expect_err("a body is lost");
        assert!(refused.to_string().contains("record 2"), "{refused}");
        assert_eq!(files_in(home.path()), before);
    }
}
