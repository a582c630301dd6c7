//! Keeps a number of runs in flight and measures each.

use std::future::IntoFuture;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use benches::{ATTEMPTS_PER_RUN, STEPS_PER_RUN, fails_thrice, payload, three_steps};
use resurge::journal::store::MemoryStore;
use resurge::{Engine, Settings, Workflow};

use crate::Result;
use crate::meter::{Meter, Spent};
use crate::plain::PlainStore;

/// What is flown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flow {
    /// Three steps in a row.
    W1,
    /// One step that fails three times, 1 ms apart, before it succeeds.
    W3,
}

impl Flow {
    /// Steps, and attempts of the same step, that a run makes durable one after the other.
    pub(crate) const fn steps_per_run(self) -> f64 {
        let steps = match self {
            Self::W1 => STEPS_PER_RUN,
            Self::W3 => ATTEMPTS_PER_RUN,
        };
        steps as f64
    }

    pub(crate) fn workflow(self) -> Workflow<String, String> {
        match self {
            Self::W1 => three_steps(),
            Self::W3 => fails_thrice(),
        }
    }
}

/// Where its journal is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept {
    /// As a program would have it.
    Disk,
    /// The cheapest that is durable.
    Plain,
    /// Nowhere: the engine alone.
    Memory,
}

/// What is flown over what; three steps over the disk if nothing else is said.
pub(crate) fn named(words: &[&str]) -> Result<(Flow, Kept)> {
    let (mut flow, mut kept) = (Flow::W1, Kept::Disk);
    for word in words {
        match *word {
            "w1" => flow = Flow::W1,
            "w3" => flow = Flow::W3,
            "disk" => kept = Kept::Disk,
            "plain" => kept = Kept::Plain,
            "memory" => kept = Kept::Memory,
            other => return Err(format!("`{other}` is no workflow and no store").into()),
        }
    }
    Ok((flow, kept))
}

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
    pub(crate) flow: Flow,
}

impl Flown {
    pub(crate) fn runs_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.spent.wall.as_secs_f64()
    }

    /// Computing time for 1,000 steps, in ms.
    pub(crate) fn cpu_ms_per_1000_steps(&self) -> f64 {
        let steps = self.latencies.len() as f64 * self.flow.steps_per_run();
        self.spent.cpu.as_secs_f64() * 1_000.0 / steps * 1_000.0
    }
}

/// Runs one workflow on a new journal, a new run for each that ends.
pub(crate) async fn fly(
    flow: Flow,
    (kept, journal): (Kept, &Path),
    at_once: usize,
    until: Until,
) -> Result<Flown> {
    let workflow = flow.workflow();
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = at_once.max(settings.attempts_in_flight_max);
    if matches!(until, Until::Started(_)) {
        keep_all(&mut settings);
    }
    let engine = match kept {
        Kept::Disk => Engine::open(journal),
        Kept::Plain => Engine::with_store(Arc::new(PlainStore::create(journal)?)),
        Kept::Memory => Engine::with_store(Arc::new(MemoryStore::new())),
    };
    let engine = engine.settings(settings).register(&workflow).start().await?;
    let started = Arc::new(AtomicU64::new(0));
    let (meter, began) = (Meter::start(), Instant::now());
    let goes_on = move || match until {
        Until::Passed(time) => began.elapsed() < time,
        Until::Started(runs) => started.fetch_add(1, Ordering::Relaxed) < runs,
    };
    let lanes: Vec<_> = (0..at_once)
        .map(|_| {
            let (engine, workflow, goes_on) = (engine.clone(), workflow.clone(), goes_on.clone());
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while goes_on() {
                    let began = Instant::now();
                    let run = engine.start(&workflow, payload()).into_future().await?;
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
    Ok(Flown { spent, latencies, flow })
}

/// Has nothing dropped: so many runs are to be there as were asked for.
pub(crate) const fn keep_all(settings: &mut Settings) {
    (settings.retention_age, settings.retention_runs, settings.retention_bytes) =
        (None, None, None);
}
