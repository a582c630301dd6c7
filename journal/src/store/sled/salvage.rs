//! Frames out of a log that sled cannot open.
//!
//! Every frame carries its position and a checksum over it, and sled keeps each in one piece: what
//! looks like a frame and has the right checksum is one, wherever it stands.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::db;
use crate::codec::{self, FRAME_BYTES_MAX, PREFIX};
use crate::id::Seq;

/// How much of the log is searched at a time.
const WINDOW_BYTES: usize = 1024 * 1024;

/// The frames that were found, in the order of their positions.
#[derive(Debug)]
pub(super) struct Salvage {
    log: PathBuf,
    pieces: Vec<Piece>,
}

/// Where a frame stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    seq: Seq,
    crc: u32,
    chain: u32,
    offset: u64,
    bytes: usize,
}

impl Salvage {
    /// Searches the log of a database.
    pub(super) fn search(database: &Path) -> io::Result<Self> {
        let log = database.join(db::LOG);
        let mut pieces = Vec::new();
        let mut file = match File::open(&log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { log, pieces });
            }
            file => file?,
        };
        let (mut window, mut begin) = (Vec::new(), 0);
        loop {
            let added = file.by_ref().take(WINDOW_BYTES as u64).read_to_end(&mut window)?;
            let is_last = added == 0;
            // What begins in the last bytes may end in the next window.
            let keep = if is_last { 0 } else { window.len().min(FRAME_BYTES_MAX) };
            let searched = window.len() - keep;
            find(&window, searched, begin, &mut pieces);
            if is_last {
                return Ok(Self { log, pieces: choose(pieces) });
            }
            window.drain(..searched);
            begin += searched as u64;
        }
    }

    /// The last position that was found.
    pub(super) fn last(&self) -> Seq {
        self.pieces.last().map_or(Seq::ZERO, |piece| piece.seq)
    }

    /// The end of what was found from record 1 on without a gap.
    pub(super) fn whole(&self) -> Seq {
        let dense = (1..).zip(&self.pieces).take_while(|(seq, piece)| piece.seq.get() == *seq);
        dense.last().map_or(Seq::ZERO, |(_, piece)| piece.seq)
    }

    /// The frames that were found.
    pub(super) fn frames(&self) -> impl Iterator<Item = (Seq, io::Result<Vec<u8>>)> + Send + '_ {
        let mut file = None;
        self.pieces.iter().map(move |piece| (piece.seq, self.read(&mut file, *piece)))
    }

    fn read(&self, file: &mut Option<File>, piece: Piece) -> io::Result<Vec<u8>> {
        let file = match file {
            Some(file) => file,
            None => file.insert(File::open(&self.log)?),
        };
        let mut frame = vec![0; piece.bytes];
        file.seek(SeekFrom::Start(piece.offset))?;
        file.read_exact(&mut frame)?;
        Ok(frame)
    }
}

/// Collects the frames that begin in the searched part of a window.
fn find(window: &[u8], searched: usize, begin: u64, pieces: &mut Vec<Piece>) {
    for (at, _) in window.windows(PREFIX.len()).enumerate().filter(|(_, found)| *found == PREFIX) {
        if at >= searched {
            return;
        }
        let found = window.get(at..).and_then(codec::probe);
        if let Some((seq, link, crc, bytes)) = found {
            pieces.push(Piece { seq, crc, chain: link.chain, offset: begin + at as u64, bytes });
        }
    }
}

/// One frame for each position: sled keeps copies, and what was cut off once may still be there.
fn choose(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort_unstable();
    pieces.dedup_by_key(|piece| (piece.seq, piece.crc));
    let mut chain = Some(0);
    let mut chosen: Vec<Piece> = Vec::with_capacity(pieces.len());
    for same in pieces.chunk_by(|one, other| one.seq == other.seq) {
        let fits = same.iter().find(|piece| Some(piece.chain) == chain);
        // Where nothing fits, the one that was written last.
        if let Some(piece) = fits.or_else(|| same.iter().max_by_key(|piece| piece.offset)) {
            chain = Some(piece.crc);
            chosen.push(*piece);
        }
    }
    chosen
}
