//! What the system knows about this process.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::Result;

/// Wall time and computing time since a moment.
#[derive(Debug)]
pub(crate) struct Meter {
    began: Instant,
    cpu: Duration,
}

/// What a [`Meter`] counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now(), cpu: cpu() }
    }

    pub(crate) fn read(&self) -> Spent {
        Spent { wall: self.began.elapsed(), cpu: cpu().saturating_sub(self.cpu) }
    }
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

/// The most memory that this process had at one time, in MiB.
pub(crate) fn memory_peak_mib() -> Result<f64> {
    status_mib("VmHWM:")
}

/// The memory that this process has, in MiB.
pub(crate) fn memory_mib() -> Result<f64> {
    status_mib("VmRSS:")
}

fn status_mib(word: &str) -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(word));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).ok_or("no such line")?;
    Ok(kib.trim().parse::<f64>()? / 1024.0)
}

/// How often each thread of this process was put to sleep of its own will.
#[derive(Debug)]
pub(crate) struct Sleeps(HashMap<OsString, u64>);

impl Sleeps {
    pub(crate) fn count() -> Result<Self> {
        let mut counts = HashMap::new();
        for task in std::fs::read_dir("/proc/self/task")? {
            let task = task?;
            // A thread may end while they are counted.
            let Ok(status) = std::fs::read_to_string(task.path().join("status")) else { continue };
            let count = field(&status, "voluntary_ctxt_switches:").ok_or("no such line")?;
            counts.insert(task.file_name(), count);
        }
        Ok(Self(counts))
    }

    /// Those since an earlier count, of the threads that are still there.
    pub(crate) fn since(&self, before: &Self) -> u64 {
        let more = |(task, count): (&OsString, &u64)| count - before.0.get(task).unwrap_or(&0);
        self.0.iter().map(more).sum()
    }
}

/// Bytes that this process had written to the disk so far.
pub(crate) fn written_bytes() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    Ok(field(&io, "write_bytes:").ok_or("no such line")?)
}

/// The number behind a word at the beginning of a line.
fn field(text: &str, word: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(word))?.trim().parse().ok()
}

/// The load of the machine over the last minute: what else disturbs the measurement.
pub(crate) fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_owned()
}

/// The duration that a share of the durations does not exceed, in ms.
pub(crate) fn quantile_ms(sorted: &[Duration], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    sorted.get(at).map_or(0.0, |duration| duration.as_secs_f64() * 1_000.0)
}
