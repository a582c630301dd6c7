//! From an archive's kind to its reader.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::error::UnpackError;
use super::sink::{Sink, Tally};
use super::{tar, zip};
use crate::artifact::Unpack;
use crate::error::StepError;
use crate::fs::Dir;
use crate::install::gate::Gate;
use crate::install::limits::Limits;

/// Unpacks an archive into a fresh, empty folder, and makes it durable. Blocks.
pub(in crate::install) fn unpack(
    archive: &Path,
    kind: Unpack,
    into: &Dir,
    limits: Limits,
    gate: &Gate,
) -> Result<Tally, StepError> {
    let unpacked = unpack_any(archive, kind, into, limits, gate);
    let folder = into.path();
    unpacked.map_err(|error| error.into_step_error(folder.parent().unwrap_or(folder)))
}

fn unpack_any(
    archive: &Path,
    kind: Unpack,
    into: &Dir,
    limits: Limits,
    gate: &Gate,
) -> Result<Tally, UnpackError> {
    let file = File::open(archive).map_err(UnpackError::reading)?;
    let packed = file.metadata().map_err(UnpackError::reading)?.len();
    let mut sink = Sink::new(into, gate, limits, packed);
    let read = Arc::new(AtomicU64::new(0));
    let counted =
        Counted { file: file.try_clone().map_err(UnpackError::reading)?, read: Arc::clone(&read) };
    match kind {
        Unpack::Zip => zip::unpack(&file, packed, &mut sink)?,
        Unpack::TarGz => {
            sink.announce(0, packed)?;
            tar::unpack(&mut MultiGzDecoder::new(BufReader::new(counted)), &read, &mut sink)?;
        }
        Unpack::TarZst => {
            sink.announce(0, packed)?;
            let mut decoder = zstd::Decoder::new(counted).map_err(UnpackError::reading)?;
            // 128 MiB, the most that the reference tool takes without being asked.
            decoder.window_log_max(27).map_err(UnpackError::reading)?;
            tar::unpack(&mut decoder, &read, &mut sink)?;
        }
        Unpack::No => return Err(UnpackError::Damaged("it is not an archive")),
    }
    sink.finish()
}

/// Counts what is read of the archive.
#[derive(Debug)]
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, block: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(block)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
