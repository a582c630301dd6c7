//! Runs per second of workflows whose steps do nothing, beside what the bare disk would allow.

use std::sync::Arc;
use std::time::Duration;

use benches::payload;
use resurge::Engine;
use resurge::journal::Seq;
use resurge::journal::store::{MemoryStore, Store};

use crate::Result;
use crate::disk::append_and_sync;
use crate::flight::{self, Flow, Flown, Kept, Until, fly};
use crate::journal::{block_on, folder};
use crate::meter::{load, quantile_ms};
use crate::table::{figure, head, row, say, spread};

const AT_ONCE: [usize; 3] = [1, 64, 1_024];
const FLIGHT: Duration = Duration::from_secs(3);
const RAW: Duration = Duration::from_secs(1);

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Case {
    flow: Flow,
    kept: Kept,
    /// Bytes of the frames of a run, divided by its durable points.
    point: usize,
}

/// What one round measured at one number of runs in flight.
struct Round {
    flown: Flown,
    /// Runs per second if there were nothing but the disk.
    raw: f64,
}

/// Words may name the workflow and the store, and the last one the number of rounds.
pub(crate) fn measure(words: &[&str]) -> Result<()> {
    let number = words.last().and_then(|word| word.parse().ok());
    let names = if number.is_some() { words.len() - 1 } else { words.len() };
    let (flow, kept) = flight::named(words.get(..names).unwrap_or_default())?;
    let rounds = number.unwrap_or(3);
    let case = Case { flow, kept, point: bytes_per_point(flow)? };
    say(format_args!(
        "{flow:?} over {kept:?}; durable point: {} bytes; load {}",
        case.point,
        load()
    ));
    let mut columns: Vec<Vec<Round>> = AT_ONCE.iter().map(|_| Vec::new()).collect();
    for number in 1..=rounds {
        for (at_once, column) in AT_ONCE.into_iter().zip(&mut columns) {
            let round = case.round(at_once)?;
            let (rate, raw) = (round.flown.runs_per_second(), round.raw);
            say(format_args!(
                "round {number}, {at_once} in flight: {} runs/s, raw {}, load {}",
                figure(rate),
                figure(raw),
                load()
            ));
            column.push(round);
        }
    }
    head(&[
        "in flight",
        "runs/s",
        "steps/s",
        "p50 µs",
        "p99 µs",
        "raw runs/s",
        "ratio",
        "CPU ms per 1,000 steps",
    ]);
    for (at_once, column) in AT_ONCE.into_iter().zip(&columns) {
        row(&cells(at_once, column));
    }
    Ok(())
}

impl Case {
    /// The bare disk before and after the engine, so that its moods hit both.
    fn round(self, at_once: usize) -> Result<Round> {
        let folder = folder()?;
        let raw = || append_and_sync(folder.path(), at_once * self.point, RAW);
        let before = raw()?;
        let journal = folder.path().join("journal");
        let flight = fly(self.flow, (self.kept, &journal), at_once, Until::Passed(FLIGHT));
        let flown = block_on(flight)?;
        let blocks = f64::midpoint(before, raw()?);
        Ok(Round { flown, raw: blocks * at_once as f64 / points_per_run(self.flow) })
    }
}

/// Start, and the end of each step or attempt: what must be durable before a run goes on.
fn points_per_run(flow: Flow) -> f64 {
    flow.steps_per_run() + 1.0
}

fn cells(at_once: usize, rounds: &[Round]) -> Vec<String> {
    let of = |value: fn(&Round) -> f64| spread(&rounds.iter().map(value).collect::<Vec<_>>());
    vec![
        at_once.to_string(),
        of(|round| round.flown.runs_per_second()),
        of(|round| round.flown.runs_per_second() * round.flown.flow.steps_per_run()),
        of(|round| quantile_ms(&round.flown.latencies, 0.50) * 1_000.0),
        of(|round| quantile_ms(&round.flown.latencies, 0.99) * 1_000.0),
        of(|round| round.raw),
        of(|round| round.flown.runs_per_second() / round.raw),
        of(|round| round.flown.cpu_ms_per_1000_steps()),
    ]
}

fn bytes_per_point(flow: Flow) -> Result<usize> {
    block_on(async {
        let workflow = flow.workflow();
        let store = MemoryStore::new();
        let shared = Arc::new(store.clone());
        let engine = Engine::with_store(shared).register(&workflow).start().await?;
        engine.start(&workflow, payload()).await?.outcome().await?;
        engine.shutdown(Duration::ZERO).await?;
        let mut bytes = 0;
        for record in store.scan(Seq::ZERO) {
            let record = record?;
            bytes += if record.run.is_some() { record.size()? } else { 0 };
        }
        Ok((bytes as f64 / points_per_run(flow)).round() as usize)
    })
}
