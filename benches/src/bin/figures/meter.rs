//! What the system knows about this process.

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
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = kib.and_then(|rest| rest.trim().strip_suffix(" kB")).ok_or("no VmHWM")?;
    Ok(kib.trim().parse::<f64>()? / 1024.0)
}

/// How often the threads of this process were put to sleep of their own will.
pub(crate) fn sleeps() -> Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may end while they are counted.
        let Ok(status) = std::fs::read_to_string(task?.path().join("status")) else { continue };
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += line.unwrap_or("0").trim().parse::<u64>()?;
    }
    Ok(sum)
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
