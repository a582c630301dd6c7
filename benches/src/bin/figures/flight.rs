//! Keeps a number of runs in flight and measures each.

use std::future::IntoFuture;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use benches::{STEPS_PER_RUN, payload, three_steps};
use resurge::{Engine, Settings};

use crate::Result;
use crate::meter::{Meter, Spent};

/// When a flight takes no new run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    Passed(Duration),
    Started(u64),
}

/// A flight that has ended.
#[derive(Debug)]
pub(crate) struct Flown {
    pub(crate) spent: Spent,
    /// From the call of `start` to the outcome, shortest first.
    pub(crate) latencies: Vec<Duration>,
}

impl Flown {
    pub(crate) fn runs_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.spent.wall.as_secs_f64()
    }

    /// Computing time for 1,000 steps, in ms.
    pub(crate) fn cpu_ms_per_1000_steps(&self) -> f64 {
        let steps = self.latencies.len() as f64 * STEPS_PER_RUN as f64;
        self.spent.cpu.as_secs_f64() * 1_000.0 / steps * 1_000.0
    }
}

/// Runs three-step runs on a new journal, a new one for each that ends.
pub(crate) async fn fly(journal: &Path, at_once: usize, until: Until) -> Result<Flown> {
    let flow = three_steps();
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = at_once.max(settings.attempts_in_flight_max);
    let engine = Engine::open(journal).settings(settings).register(&flow).start().await?;
    let started = Arc::new(AtomicU64::new(0));
    let (meter, began) = (Meter::start(), Instant::now());
    let goes_on = move || match until {
        Until::Passed(time) => began.elapsed() < time,
        Until::Started(runs) => started.fetch_add(1, Ordering::Relaxed) < runs,
    };
    let lanes: Vec<_> = (0..at_once)
        .map(|_| {
            let (engine, flow, goes_on) = (engine.clone(), flow.clone(), goes_on.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while goes_on() {
                    let began = Instant::now();
                    let run = engine.start(&flow, payload()).into_future().await?;
                    run.outcome().await?;
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
    let spent = meter.read();
    latencies.sort();
    engine.shutdown(Duration::ZERO).await?;
    Ok(Flown { spent, latencies })
}
