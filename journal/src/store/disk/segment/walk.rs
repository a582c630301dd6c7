//! Steps from frame to frame in one segment file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::codec::{self, FRAME_BYTES_MAX, PREFIX, Seal};
use crate::id::Seq;

/// How much of a file is read at a time, once more than a few frames are wanted.
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
    /// How much is read next: twice as much each time.
    read_bytes: usize,
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
        let (buffer, read_bytes) = (Vec::new(), FRAME_BYTES_MAX);
        Ok(Self { file, buffer, at: 0, begin: offset, read_bytes, is_at_end: false })
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
            let limit = self.read_bytes as u64;
            self.is_at_end = self.file.by_ref().take(limit).read_to_end(&mut self.buffer)? == 0;
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Link;
    use crate::store::conformance::record;

    /// Opening a journal looks at the first frame of every segment.
    #[test]
    fn one_frame_costs_a_small_read_and_many_cost_large_ones() {
        let mut bytes = vec![0; 64];
        for seq in 1..=9_000 {
            codec::encode(&record(seq, 100), Link::default(), true, &mut bytes, &mut Vec::new())
                .expect("fits");
        }
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("segment");
        std::fs::write(&path, &bytes).expect("written");
        let mut walk = Walk::new(File::open(&path).expect("there"), 64).expect("opened");
        let mut reads = Vec::new();
        for seq in 1..=9_000 {
            let Ok(Ahead::Frame { seq: found, bytes }) = walk.look() else { panic!("no frame") };
            assert_eq!(found, Seq::new(seq));
            walk.take(bytes);
            reads.push(walk.file.stream_position().expect("known") - 64);
        }
        assert!(matches!(walk.look(), Ok(Ahead::End)));
        assert_eq!(reads.first(), Some(&(FRAME_BYTES_MAX as u64)));
        reads.dedup();
        assert!(reads.len() < 12, "{reads:?}");
    }
}
