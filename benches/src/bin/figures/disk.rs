//! The bare disk: a file that grows and is synced after every write.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;

/// Writes blocks, each followed by `fdatasync`, for some time; gives blocks per second.
pub(crate) fn append_and_sync(folder: &Path, block: usize, time: Duration) -> Result<f64> {
    let path = folder.join("raw");
    let mut file = File::create(&path)?;
    let bytes = vec![b'r'; block];
    let began = Instant::now();
    let mut blocks = 0.0;
    while began.elapsed() < time {
        file.write_all(&bytes)?;
        file.sync_data()?;
        blocks += 1.0;
    }
    let rate = blocks / began.elapsed().as_secs_f64();
    drop(file);
    std::fs::remove_file(path)?;
    Ok(rate)
}
