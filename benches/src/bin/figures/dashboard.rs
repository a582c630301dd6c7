//! What it costs to watch an engine, and how soon a watcher sees what has happened.

use std::time::{Duration, Instant};

use benches::three_steps;
use resurge::{Engine, StepContext, Workflow};
use resurge_dashboard::view::Subscription;
use resurge_dashboard::{Dashboard, Live, ViewMessage};

use crate::Result;
use crate::journal::{block_on, folder};
use crate::meter::{Meter, load, memory_mib, quantile_ms};
use crate::table::{figure, head, row, say};

/// Operations with an attempt under way, each of which says ten times a second how far it is.
const ACTIVE: u64 = 100;
const LOOK: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(6);
const TRIES: u32 = 300;
const STORM: Duration = Duration::from_secs(5);
/// Events of a run of three steps.
const EVENTS_PER_RUN: u64 = 8;

pub(crate) fn measure(ended: u64) -> Result<()> {
    block_on(watch(ended))
}

async fn watch(ended: u64) -> Result<()> {
    let folder = folder()?;
    let (quick, slow) = (three_steps(), moves()?);
    let mut settings = resurge::Settings::default();
    settings.attempts_in_flight_max = 256;
    let journal = folder.path().join("journal");
    let engine = Engine::open(journal).settings(settings).register(&quick).register(&slow);
    let engine = engine.start().await?;
    let mut runs = Vec::new();
    for number in 0..ended {
        runs.push(engine.start(&quick, number.to_string()).await?);
    }
    for run in runs {
        run.outcome().await?;
    }
    for _ in 0..ACTIVE {
        engine.start(&slow, ()).await?;
    }
    tokio::time::sleep(SETTLE).await;
    let alone = (memory_mib()?, cost(&engine, None).await?);
    let dashboard = Dashboard::builder(engine.clone()).build()?;
    let began = Instant::now();
    let mut live = dashboard.watch(window()).await?;
    let Some(ViewMessage::Snapshot { data, .. }) = live.next().await? else {
        return Err("no snapshot".into());
    };
    let first = (began.elapsed(), data.to_string().len());
    let watched = cost(&engine, Some(&mut live)).await?;
    say(format_args!("{ended} operations that have ended, {ACTIVE} under way; load {}\n", load()));
    head(&["", "CPU ms a second", "memory MiB", "messages a second", "bytes a second"]);
    let tell = |name: &str, memory: f64, cost: &Cost| {
        let per_second = |value: f64| figure(value / LOOK.as_secs_f64());
        row(&[
            name.to_owned(),
            per_second(cost.cpu_ms),
            figure(memory),
            per_second(cost.messages as f64),
            per_second(cost.bytes as f64),
        ]);
    };
    tell("nobody watches", alone.0, &alone.1);
    tell("one watches 60 of them", memory_mib()?, &watched);
    say(format_args!(
        "\nthe first snapshot took {} ms and has {} kB",
        figure(first.0.as_secs_f64() * 1_000.0),
        figure(first.1 as f64 / 1_000.0)
    ));
    latency(&engine, &quick, &mut live).await?;
    storm(&engine, &quick, &mut live).await?;
    engine.shutdown(Duration::ZERO).await?;
    Ok(())
}

/// Says ten times a second how far it is, until it is stopped.
fn moves() -> Result<Workflow<(), ()>> {
    let mut flow = Workflow::builder::<()>("moves");
    let step = flow
        .step_fn("move", (), |cx: StepContext, ()| async move {
            for done in 0_u64.. {
                cx.progress(done * 1_000, Some(1_000_000_000));
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                    _ = cx.stopped() => break,
                }
            }
            Ok(())
        })
        .add();
    Ok(flow.build(step)?)
}

fn window() -> Subscription {
    Subscription { count: 60, ..Subscription::default() }
}

struct Cost {
    cpu_ms: f64,
    messages: u64,
    bytes: u64,
}

/// What a while costs in which nothing happens but progress.
async fn cost(engine: &Engine, live: Option<&mut Live>) -> Result<Cost> {
    let (meter, head) = (Meter::start(), engine.head());
    let (mut messages, mut bytes) = (0, 0);
    if let Some(live) = live {
        let end = tokio::time::Instant::now() + LOOK;
        while let Ok(message) = tokio::time::timeout_at(end, live.next()).await {
            let Some(message) = message? else { break };
            messages += 1;
            bytes += serde_json::to_string(&message)?.len() as u64;
        }
    } else {
        tokio::time::sleep(LOOK).await;
    }
    if engine.head() != head {
        return Err("something happened meanwhile".into());
    }
    Ok(Cost { cpu_ms: meter.read().cpu.as_secs_f64() * 1_000.0, messages, bytes })
}

/// From the start of an operation to the message that shows it.
async fn latency(engine: &Engine, flow: &Workflow<String, String>, live: &mut Live) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..TRIES {
        // At any moment between two samples of the progress.
        tokio::time::sleep(Duration::from_millis(90)).await;
        drain(live).await?;
        let run = engine.start(flow, "now".to_owned()).await?;
        let began = Instant::now();
        let id = run.id().to_string();
        loop {
            let Some(message) = live.next().await? else { return Err("it ended".into()) };
            if serde_json::to_string(&message)?.contains(&id) {
                break;
            }
        }
        times.push(began.elapsed());
    }
    times.sort();
    say(format_args!(
        "from durable to the watcher's message: p50 {} ms, p99 {} ms, of {TRIES} starts",
        figure(quantile_ms(&times, 0.5)),
        figure(quantile_ms(&times, 0.99))
    ));
    Ok(())
}

async fn drain(live: &mut Live) -> Result<()> {
    while let Ok(message) = tokio::time::timeout(Duration::from_millis(5), live.next()).await {
        if message?.is_none() {
            break;
        }
    }
    Ok(())
}

/// Events that the engine makes as fast as it can, and how far a watcher falls behind.
async fn storm(engine: &Engine, flow: &Workflow<String, String>, live: &mut Live) -> Result<()> {
    let (from, began) = (engine.head().get(), Instant::now());
    let driver = {
        let (engine, flow) = (engine.clone(), flow.clone());
        tokio::spawn(async move {
            while began.elapsed() < STORM {
                let runs = (0..64).map(|_| engine.start(&flow, "storm".to_owned()).into_future());
                for run in futures_util::future::join_all(runs).await {
                    drop(run?);
                }
            }
            Ok::<(), resurge::StartError>(())
        })
    };
    let (mut messages, mut behind) = (0_u64, Vec::new());
    while !driver.is_finished() {
        let Ok(message) = tokio::time::timeout(STORM, live.next()).await else { break };
        if let Some(ViewMessage::Patch { seq, .. } | ViewMessage::Snapshot { seq, .. }) = message? {
            messages += 1;
            behind.push(engine.head().get().saturating_sub(seq));
        }
    }
    driver.await??;
    let events = engine.head().get() - from;
    behind.sort_unstable();
    let middle = behind.get(behind.len() / 2).copied().unwrap_or_default();
    say(format_args!(
        "a storm of {} events a second ({} runs): {} messages a second, {middle} events behind in the middle",
        figure(events as f64 / began.elapsed().as_secs_f64()),
        events / EVENTS_PER_RUN,
        figure(messages as f64 / began.elapsed().as_secs_f64())
    ));
    Ok(())
}
