//! Many runs that wait for an hour: how fast they are parked, and what it costs to open the
//! journal again after the process was killed.

use std::future::IntoFuture;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use benches::{payload, three_steps, waits};
use resurge::journal::event::Event;
use resurge::{Engine, EventStream, Settings};

use crate::Result;
use crate::flight::{Flow, Kept, Until, fly, keep_all};
use crate::journal::{block_on, folder};
use crate::meter::{load, memory_mib};
use crate::table::{figure, head, row, say, spread};

const ROUNDS: usize = 5;
const LANES: usize = 64;
/// Time for the state to be kept after the last run was parked.
const SETTLE: Duration = Duration::from_secs(10);

/// Parks runs beside others that have ended, kills the process, and opens the journal again.
pub(crate) fn measure(runs: usize, ended: u64) -> Result<()> {
    let folder = folder()?;
    let journal = folder.path().join("journal");
    let mut child = part("fill", &journal, &[runs.to_string(), ended.to_string()])?;
    let output = child.stdout.take().ok_or("no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line == "settled" {
            break;
        }
        say(format_args!("{line}"));
    }
    child.kill()?;
    child.wait()?;
    let mut columns: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let output = part("open", &journal, &[])?.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let figures: Vec<f64> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        if figures.len() != columns.len() {
            return Err(format!("the opening said: {text}").into());
        }
        for (column, figure) in columns.iter_mut().zip(figures) {
            column.push(figure);
        }
    }
    head(&["parked", "ready ms", "memory then, MiB", "a new run done ms", "memory then, MiB"]);
    let figures = columns.iter().map(|column| spread(column));
    row(&[runs.to_string()].into_iter().chain(figures).collect::<Vec<_>>());
    Ok(())
}

fn part(part: &str, journal: &Path, rest: &[String]) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["parked", "part", part]).arg(journal).args(rest);
    Ok(command.stdout(Stdio::piped()).spawn()?)
}

/// Parks the runs, says how fast, and waits to be killed.
pub(crate) fn fill(journal: &Path, runs: usize, ended: u64) -> Result<()> {
    block_on(async {
        if ended > 0 {
            fly(Flow::W1, (Kept::Disk, journal), LANES, Until::Started(ended)).await?;
        }
        let workflow = waits();
        let mut settings = Settings::default();
        settings.attempts_in_flight_max = LANES.max(settings.attempts_in_flight_max);
        keep_all(&mut settings);
        let engine = Engine::open(journal).settings(settings).register(&workflow).start().await?;
        let events = engine.events(engine.head());
        let left = Arc::new(AtomicUsize::new(runs));
        for _ in 0..LANES {
            let (engine, workflow) = (engine.clone(), workflow.clone());
            let left = Arc::clone(&left);
            let more = move || {
                left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok()
            };
            tokio::spawn(async move {
                while more() {
                    engine.start(&workflow, payload()).into_future().await?;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            });
        }
        tell_rates(events, runs).await?;
        tokio::time::sleep(SETTLE).await;
        say(format_args!("settled"));
        std::future::pending().await
    })
}

/// Says how many runs a second were parked in each tenth.
async fn tell_rates(mut events: EventStream, runs: usize) -> Result<()> {
    let (mut parked, mut began, mut rates) = (0, None, Vec::new());
    while parked < runs {
        let Some(record) = events.next().await? else { break };
        if !matches!(record.event, Event::AttemptFailed(_)) {
            continue;
        }
        parked += 1;
        // The stream may lag behind: what counts is when a run was parked.
        let tenth_began = *began.get_or_insert(record.at);
        if parked % (runs / 10).max(1) == 0 {
            let millis = record.at.as_millis() - tenth_began.as_millis();
            rates.push(figure((runs / 10) as f64 * 1_000.0 / millis.max(1) as f64));
            began = Some(record.at);
        }
    }
    say(format_args!(
        "{runs} runs parked; a second, by tenths: {}; load {}",
        rates.join(", "),
        load()
    ));
    Ok(())
}

/// Opens the journal, has one more run done, and prints times and memory, for [`measure`].
pub(crate) fn open(journal: &Path) -> Result<()> {
    block_on(async {
        let (waits, flow) = (waits(), three_steps());
        let mut settings = Settings::default();
        keep_all(&mut settings);
        let began = Instant::now();
        let engine = Engine::open(journal)
            .settings(settings)
            .register(&waits)
            .register(&flow)
            .start()
            .await?;
        let (ready, memory_ready) = (began.elapsed(), memory_mib()?);
        engine.start(&flow, payload()).into_future().await?.outcome().await?;
        let done = began.elapsed();
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        say(format_args!("{} {memory_ready} {} {}", ms(ready), ms(done), memory_mib()?));
        Ok(engine.shutdown(Duration::ZERO).await?)
    })
}
