//! Steps per second of three-step runs, beside what the bare disk would allow.

use std::sync::Arc;
use std::time::Duration;

use benches::{STEPS_PER_RUN, payload, three_steps};
use resurge::Engine;
use resurge::journal::Seq;
use resurge::journal::store::{MemoryStore, Store};

use crate::Result;
use crate::disk::append_and_sync;
use crate::flight::{Flown, Until, fly};
use crate::journal::{block_on, folder};
use crate::meter::{load, quantile_ms};
use crate::table::{figure, head, row, say, spread};

const AT_ONCE: [usize; 3] = [1, 64, 1_024];
const FLIGHT: Duration = Duration::from_secs(3);
const RAW: Duration = Duration::from_secs(1);

/// Start, and the end of each step: what must be durable before a run goes on.
const POINTS_PER_RUN: f64 = STEPS_PER_RUN as f64 + 1.0;

/// What one round measured at one number of runs in flight.
struct Round {
    flown: Flown,
    /// Runs per second if there were nothing but the disk.
    raw: f64,
}

pub(crate) fn measure(rounds: usize) -> Result<()> {
    let point = bytes_per_point()?;
    say(format_args!("durable point: {point} bytes; load {}", load()));
    let mut columns: Vec<Vec<Round>> = AT_ONCE.iter().map(|_| Vec::new()).collect();
    for number in 1..=rounds {
        for (at_once, column) in AT_ONCE.into_iter().zip(&mut columns) {
            let round = round(at_once, point)?;
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
        "p50 ms",
        "p99 ms",
        "raw runs/s",
        "ratio",
        "CPU ms per 1,000 steps",
    ]);
    for (at_once, column) in AT_ONCE.into_iter().zip(&columns) {
        row(&cells(at_once, column));
    }
    Ok(())
}

/// The bare disk before and after the engine, so that its moods hit both.
fn round(at_once: usize, point: usize) -> Result<Round> {
    let folder = folder()?;
    let raw = || append_and_sync(folder.path(), at_once * point, RAW);
    let before = raw()?;
    let flown = block_on(fly(&folder.path().join("journal"), at_once, Until::Passed(FLIGHT)))?;
    let blocks = f64::midpoint(before, raw()?);
    Ok(Round { flown, raw: blocks * at_once as f64 / POINTS_PER_RUN })
}

fn cells(at_once: usize, rounds: &[Round]) -> Vec<String> {
    let of = |value: fn(&Round) -> f64| spread(&rounds.iter().map(value).collect::<Vec<_>>());
    vec![
        at_once.to_string(),
        of(|round| round.flown.runs_per_second()),
        of(|round| round.flown.runs_per_second() * STEPS_PER_RUN as f64),
        of(|round| quantile_ms(&round.flown.latencies, 0.50)),
        of(|round| quantile_ms(&round.flown.latencies, 0.99)),
        of(|round| round.raw),
        of(|round| round.flown.runs_per_second() / round.raw),
        of(|round| round.flown.cpu_ms_per_1000_steps()),
    ]
}

/// Bytes of the frames of a run, divided by its durable points.
fn bytes_per_point() -> Result<usize> {
    block_on(async {
        let flow = three_steps();
        let store = MemoryStore::new();
        let shared = Arc::new(store.clone());
        let engine = Engine::with_store(shared).register(&flow).start().await?;
        engine.start(&flow, payload()).await?.outcome().await?;
        engine.shutdown(Duration::ZERO).await?;
        let mut bytes = 0;
        for record in store.scan(Seq::ZERO) {
            let record = record?;
            bytes += if record.run.is_some() { record.size()? } else { 0 };
        }
        Ok((bytes as f64 / POINTS_PER_RUN).round() as usize)
    })
}
