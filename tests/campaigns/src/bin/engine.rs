//! Starts runs of three steps under numbered keys and tells what happens, until it is killed.
//!
//! `campaign-engine DIR FROM TO`: tells `did NUMBER STEP`, `started NUMBER` once a start was
//! acknowledged, and `ended NUMBER OUTPUT`.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use resurge::{BuildError, Engine, Settings, StepContext, StepError, Workflow};
use tokio::task::JoinSet;

/// Runs that are under way at a time.
const IN_FLIGHT: usize = 8;
/// What a run gets for each of its numbers, so that a step knows which run it belongs to.
const STRIDE: u64 = 10;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [dir, from, to] = words.as_slice() else {
        return Err("campaign-engine DIR FROM TO".into());
    };
    let flow = flow()?;
    // Killed as often as this, a step would be taken for one that kills.
    let mut settings = Settings::default();
    settings.crashes_max = u32::MAX;
    let engine = Engine::open(dir).settings(settings).register(&flow).start().await?;
    say("open")?;
    let mut runs = JoinSet::new();
    for number in from.parse()?..to.parse::<u64>()? {
        if runs.len() >= IN_FLIGHT {
            ended(runs.join_next().await)?;
        }
        let (engine, flow) = (engine.clone(), flow.clone());
        runs.spawn(async move {
            let run = engine.start(&flow, number * STRIDE).key(format!("run-{number}")).await;
            let run = run.map_err(|error| format!("start {number}: {error}"))?;
            say(&format!("started {number}")).map_err(|error| error.to_string())?;
            let output = run.outcome().await.map_err(|error| format!("run {number}: {error}"))?;
            say(&format!("ended {number} {output}")).map_err(|error| error.to_string())
        });
    }
    while let Some(end) = runs.join_next().await {
        ended(Some(end))?;
    }
    engine.shutdown(Duration::from_secs(1)).await?;
    Ok(say("closed")?)
}

type End = Result<Result<(), String>, tokio::task::JoinError>;

fn ended(end: Option<End>) -> Result<(), Box<dyn Error>> {
    end.transpose()?.unwrap_or(Ok(())).map_err(Into::into)
}

fn flow() -> Result<Workflow<u64, u64>, BuildError> {
    let mut flow = Workflow::builder::<u64>("three");
    let mut last = flow.input();
    for name in ["first", "second", "third"] {
        last = flow.step_fn(name, last, step).add();
    }
    flow.build(last)
}

/// Tells that it ran, and passes on the next number.
async fn step(_cx: StepContext, input: u64) -> Result<u64, StepError> {
    say(&format!("did {} {}", input / STRIDE, input % STRIDE))
        .map_err(|error| StepError::permanent(error.to_string()))?;
    Ok(input + 1)
}

/// One line, in one piece.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}
