//! What an engine costs that has nothing to do but wait.

use std::time::Duration;

use resurge::journal::event::Event;
use resurge::{Class, Engine, RetryPolicy, StepContext, StepError, Workflow};

use crate::Result;
use crate::journal::{block_on, folder};
use crate::meter::{Meter, load, sleeps};
use crate::table::{figure, say};

const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn measure(seconds: u64) -> Result<()> {
    let folder = folder()?;
    block_on(wait(&folder.path().join("journal"), Duration::from_secs(seconds)))
}

async fn wait(journal: &std::path::Path, time: Duration) -> Result<()> {
    let mut flow = Workflow::builder::<()>("waits");
    let fail = |_: StepContext, ()| async move {
        Err::<(), _>(StepError::new(Class::Network, "scripted", "try again in an hour"))
    };
    let policy = RetryPolicy::fixed(HOUR).max_delay(HOUR);
    let step = flow.step_fn("fail", (), fail).retry(policy).add();
    let flow = flow.build(step)?;
    let engine = Engine::open(journal).register(&flow).start().await?;
    let mut events = engine.events(engine.head());
    engine.start(&flow, ()).await?;
    while let Some(record) = events.next().await? {
        if matches!(record.event, Event::AttemptFailed(_)) {
            break;
        }
    }
    // Threads that have just become idle look for work a little longer.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let (meter, slept) = (Meter::start(), sleeps()?);
    tokio::time::sleep(time).await;
    let (spent, slept) = (meter.read(), sleeps()? - slept);
    say(format_args!(
        "a run waits for an hour: {} ms of computing and {slept} wake-ups in {} s; load {}",
        figure(spent.cpu.as_secs_f64() * 1_000.0),
        figure(spent.wall.as_secs_f64()),
        load()
    ));
    Ok(engine.shutdown(Duration::ZERO).await?)
}
