//! What an engine costs that has nothing to do but wait.

use std::time::Duration;

use resurge::journal::event::Event;
use resurge::{Class, Engine, RetryPolicy, StepContext, StepError, Workflow};

use crate::Result;
use crate::journal::{block_on, folder};
use crate::meter::{Meter, Sleeps, load, written_bytes};
use crate::table::{figure, say};

const HOUR: Duration = Duration::from_secs(3_600);
/// Time until the state was kept, and threads that have just become idle look for work no longer.
const SETTLE: Duration = Duration::from_secs(8);

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
    tokio::time::sleep(SETTLE).await;

    let (meter, sleeps, written) = (Meter::start(), Sleeps::count()?, written_bytes()?);
    tokio::time::sleep(time).await;
    let spent = meter.read();
    let (slept, written) = (Sleeps::count()?.since(&sleeps), written_bytes()? - written);
    say(format_args!(
        "a run waits for an hour: {} ms of computing, {slept} wake-ups and {written} bytes written in {} s; load {}",
        figure(spent.cpu.as_secs_f64() * 1_000.0),
        figure(spent.wall.as_secs_f64()),
        load()
    ));
    Ok(engine.shutdown(Duration::ZERO).await?)
}
