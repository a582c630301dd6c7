//! An engine inside an application: `cargo run --example embed`.
//!
//! Shows what a launcher or desktop application needs beside the workflow itself: runs with keys,
//! every event as it happens, progress for a bar, and a shutdown in good order. The launcher in
//! `launcher/` is the same at full size.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use resurge::journal::event::Event;
use resurge::{Engine, RetryPolicy, RunHandle, Seq, StepContext, StepError, Workflow};

const BLOCKS: u64 = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut flow = Workflow::builder::<String>("fetch");
    let name = flow.input();
    let fetched = flow
        .step_fn("fetch", name, fetch)
        .retry(RetryPolicy::exponential(Duration::from_millis(100)).max_retries(3))
        .add();
    let flow = flow.build(fetched)?;

    // An application keeps the journal in its data folder; the folder here goes with the example.
    let folder = tempfile::tempdir()?;
    let engine = Engine::open(folder.path().join("journal")).register(&flow).start().await?;

    // Events: from the beginning here; an application remembers the last one that it has seen.
    let events = tokio::spawn(show_events(engine.clone()));

    // The key is what the user clicked on: a second click finds the run that is under way.
    let run = engine.start(&flow, "model".to_owned()).key("model").await?;
    let again = engine.start(&flow, "model".to_owned()).key("model").await?;
    assert_eq!(run.id(), again.id(), "the same key stands for the same run");

    // Progress flows beside the journal; ask for it as often as the screen is drawn.
    let outcome = tokio::select! {
        outcome = run.outcome() => outcome?,
        never = show_progress(&run) => match never {},
    };
    println!("fetched {outcome} blocks");

    // Attempts under way get a second to save where they stand; then the events end as well.
    engine.shutdown(Duration::from_secs(1)).await?;
    events.await?;
    Ok(())
}

/// Fetches in blocks; the first attempt breaks off in the middle, as lines do.
async fn fetch(cx: StepContext, _name: String) -> Result<u64, StepError> {
    let begin: u64 = cx.checkpoint()?.unwrap_or(0);
    cx.resume_from(begin, Some(BLOCKS));
    for done in begin + 1..=BLOCKS {
        tokio::time::sleep(Duration::from_millis(20)).await;
        cx.progress(done, Some(BLOCKS));
        cx.save_checkpoint(&done).await?;
        if done == BLOCKS / 2 && begin == 0 {
            // The class of an error decides whether another try is worth it: this one's is.
            return Err(StepError::classify(std::io::Error::from(
                std::io::ErrorKind::ConnectionReset,
            )));
        }
    }
    Ok(BLOCKS)
}

async fn show_events(engine: Engine) {
    let mut events = engine.events(Seq::new(1));
    while let Ok(Some(record)) = events.next().await {
        match &record.event {
            Event::AttemptFailed(failed) => {
                println!("event {}: attempt failed: {}", record.seq, failed.failure.message);
            }
            event => println!("event {}: {}", record.seq, event.name()),
        }
    }
}

async fn show_progress(run: &RunHandle<u64>) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Ok(view) = run.view().await else { continue };
        if let Some(progress) = view.steps.first().and_then(|step| step.progress) {
            println!("progress: {} of {BLOCKS}, {}", progress.done, view.status);
        }
    }
}
