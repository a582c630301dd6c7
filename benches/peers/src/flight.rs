//! Keeps a number of runs in flight and measures each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::payload;
use rustix::time::{ClockId, clock_gettime};

use crate::peer::{Peer, Result};

/// A flight that has ended.
pub(crate) struct Flown {
    wall: Duration,
    cpu: Duration,
    /// From the start to the outcome, shortest first.
    latencies: Vec<Duration>,
}

impl Flown {
    pub(crate) fn runs_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.wall.as_secs_f64()
    }

    /// The time in ms that a share of the runs does not exceed.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let at = self.latencies.len().saturating_sub(1) as f64 * share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is below a length"
        )]
        let latency = self.latencies.get(at.round() as usize);
        latency.map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }

    pub(crate) fn cpu_ms_per_1000_steps(&self, steps_per_run: f64) -> f64 {
        let steps = self.latencies.len() as f64 * steps_per_run;
        self.cpu.as_secs_f64() * 1_000.0 / steps * 1_000.0
    }
}

/// A new run for each that ends, until the time has passed.
pub(crate) async fn fly(peer: Arc<dyn Peer>, at_once: usize, time: Duration) -> Result<Flown> {
    let (before, began) = (cpu(), Instant::now());
    let lanes: Vec<_> = (0..at_once)
        .map(|_| {
            let peer = Arc::clone(&peer);
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while began.elapsed() < time {
                    let began = Instant::now();
                    peer.run(payload()).await?;
                    latencies.push(began.elapsed());
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for lane in lanes {
        latencies.extend(lane.await??);
    }
    let (wall, cpu) = (began.elapsed(), cpu() - before);
    latencies.sort();
    Ok(Flown { wall, cpu, latencies })
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}
