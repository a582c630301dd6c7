//! Many operations and many events.

use std::time::Duration;

use resurge::{Engine, RunError, StartError};

use crate::flows::Flows;
use crate::script::{Line, Scripts};

/// Starts so many operations that end at once, and so many that are under way and stay there.
pub(crate) async fn crowd(
    engine: &Engine,
    flows: &Flows,
    scripts: &Scripts,
    ended: u32,
    active: u32,
) -> Result<(), StartError> {
    let mut last = None;
    for number in 0..ended {
        let name = format!("ended-{number:05}");
        last = Some(engine.start(&flows.quick, name.clone()).key(name).await?);
    }
    if let Some(last) = last {
        // They end in the order in which they began, or nearly so.
        let _: Result<String, RunError> = last.outcome().await;
    }
    for number in 0..active {
        let name = format!("active-{number:03}");
        scripts.tell(&name, [Line::Progress(u64::from(number) * 1_000, 1_000_000)]);
        engine.start(&flows.chain, name.clone()).key(name).await?;
    }
    Ok(())
}

/// Moves everything that is under way, again and again.
pub(crate) async fn stir(scripts: &Scripts, active: u32, rounds: u32, every: Duration) {
    for round in 1..=rounds {
        for number in 0..active {
            let done = u64::from(number + round) * 1_000;
            scripts.tell(&format!("active-{number:03}"), [Line::Progress(done, 1_000_000)]);
        }
        tokio::time::sleep(every).await;
    }
}

/// Makes so many events a second for so long; gives how many there were.
///
/// A quick operation makes four of them.
pub(crate) async fn storm(
    engine: &Engine,
    flows: &Flows,
    per_second: u32,
    seconds: u32,
) -> Result<u64, StartError> {
    let before = engine.head().get();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let per_tick = per_second.div_ceil(4 * 50);
    for tick in 0..seconds * 50 {
        ticks.tick().await;
        for number in 0..per_tick {
            let name = format!("storm-{before}-{tick}-{number}");
            engine.start(&flows.quick, name.clone()).key(name).await?;
        }
    }
    Ok(engine.head().get() - before)
}
