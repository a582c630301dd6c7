//! Steps from frame to frame in one segment file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::codec::{self, FRAME_BYTES_MAX, PREFIX, Seal};
use crate::id::Seq;

/// How much of a file is read at a time.
const READ_BYTES: usize = 256 * 1024;

/// A reader at some offset of a segment file.
#[derive(Debug)]
pub(super) struct Walk {
    file: File,
    buffer: Vec<u8>,
    /// Where in the buffer the walk stands.
    at: usize,
    /// Where in the file the buffer begins.
    begin: u64,
    is_at_end: bool,
}

/// What a walk stands before.
#[derive(Debug)]
pub(super) enum Ahead {
    /// Bytes that claim to be a frame with this position and length.
    Frame { seq: Seq, bytes: usize },
    /// Nothing: the file ends, or only zeroes follow.
    End,
    /// Something that is not a frame, or not all of one.
    Other,
}

impl Walk {
    pub(super) fn new(mut file: File, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, buffer: Vec::new(), at: 0, begin: offset, is_at_end: false })
    }

    /// Where in the file the walk stands.
    pub(super) fn offset(&self) -> u64 {
        self.begin + self.at as u64
    }

    /// Looks at what comes next, without moving.
    pub(super) fn look(&mut self) -> io::Result<Ahead> {
        self.fill(FRAME_BYTES_MAX)?;
        match codec::claim(self.rest()) {
            Some((seq, bytes)) if bytes <= self.rest().len() => Ok(Ahead::Frame { seq, bytes }),
            _ if self.rest_is_zero()? => Ok(Ahead::End),
            _ => Ok(Ahead::Other),
        }
    }

    /// The next bytes; fewer at the end of the file.
    pub(super) fn take(&mut self, bytes: usize) -> &[u8] {
        let from = self.at;
        self.at = (from + bytes).min(self.buffer.len());
        self.buffer.get(from..self.at).unwrap_or_default()
    }

    /// The next bytes, without moving.
    pub(super) fn peek(&self, bytes: usize) -> &[u8] {
        self.rest().get(..bytes).unwrap_or_else(|| self.rest())
    }

    /// Moves to the next intact frame behind the place where it stands.
    ///
    /// The file that a frame is searched in is not trusted: only its checksum makes one.
    pub(super) fn resync(&mut self) -> io::Result<Option<Seal>> {
        self.take(1);
        loop {
            self.fill(FRAME_BYTES_MAX)?;
            let rest = self.rest();
            let starts = rest.windows(PREFIX.len()).enumerate();
            let mut starts = starts.filter(|(_, found)| *found == PREFIX).map(|(at, _)| at);
            // What begins in the last bytes of the buffer may go on behind them.
            let searched =
                if self.is_at_end { rest.len() } else { rest.len() - FRAME_BYTES_MAX + 1 };
            let found = starts.find_map(|at| {
                let (seal, _) = codec::probe(rest.get(at..).filter(|_| at < searched)?)?;
                Some((at, seal))
            });
            if let Some((at, seal)) = found {
                self.take(at);
                return Ok(Some(seal));
            }
            self.take(searched);
            if self.is_at_end {
                return Ok(None);
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// Whether the file holds nothing but zeroes from here on.
    fn rest_is_zero(&mut self) -> io::Result<bool> {
        if self.rest().iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        let mut chunk = vec![0; READ_BYTES];
        self.file.seek(SeekFrom::Start(self.begin + self.buffer.len() as u64))?;
        loop {
            let read = self.file.read(&mut chunk)?;
            if chunk.get(..read).unwrap_or_default().iter().any(|byte| *byte != 0) {
                self.file.seek(SeekFrom::Start(self.begin + self.buffer.len() as u64))?;
                return Ok(false);
            }
            if read == 0 {
                return Ok(true);
            }
        }
    }

    /// Reads on until so many bytes are ahead, or the file ends.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        if self.rest().len() >= bytes || self.is_at_end {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.begin += self.at as u64;
        self.at = 0;
        while self.buffer.len() < bytes && !self.is_at_end {
            let limit = READ_BYTES as u64;
            self.is_at_end = self.file.by_ref().take(limit).read_to_end(&mut self.buffer)? == 0;
        }
        Ok(())
    }
}
