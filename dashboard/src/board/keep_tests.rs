//! What the board keeps is what the engine says, whatever happens.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use resurge::{
    Breaker, Class, Control, Engine, Jitter, ResourceKey, RetryPolicy, RunId, Settings,
    StepContext, StepError, Workflow,
};

use super::{Board, Identity};
use crate::view::{Entry, Row};

const SECOND: Duration = Duration::from_secs(1);

fn host() -> ResourceKey {
    ResourceKey::new("host:https/models.test:443").unwrap()
}

/// Does something else with every number: succeeds, runs out of memory, breaks off or hangs.
fn fickle() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("fickle");
    let input = flow.input();
    let fetch = flow
        .step_fn("fetch", input, |cx: StepContext, n: u32| async move {
            match (n + cx.attempt().get()) % 5 {
                0 => Err(StepError::new(Class::Resource, "memory", "there is none left")),
                1 | 2 => Err(StepError::new(Class::Server, "http_503", "busy")),
                3 => {
                    cx.stopped().await;
                    Ok(n)
                }
                _ => Ok(n),
            }
        })
        .retry(RetryPolicy::fixed(SECOND * 30).jitter(Jitter::None).max_retries(2))
        .breaker(Breaker::keyed(host()))
        .add();
    let done = flow
        .step_fn("store", fetch, |_: StepContext, n: u32| async move {
            tokio::time::sleep(SECOND * 3).await;
            Ok(n)
        })
        .add();
    flow.build(done).unwrap()
}

/// The lines of all operations, as the board keeps them and as the engine tells them.
async fn lines(
    board: &Board,
    engine: &Engine,
) -> (BTreeMap<RunId, Arc<Row>>, BTreeMap<RunId, Arc<Row>>) {
    loop {
        board.reach(engine.head()).await;
        let told = engine.survey().await.unwrap();
        let kept = {
            let scene = board.scene();
            let lines = scene.entries.iter().map(|(id, entry)| (*id, Arc::clone(&entry.row)));
            lines.collect()
        };
        // What happens meanwhile is in one of them only.
        if board.scene().seq == told.seq && engine.head() == told.seq {
            let told = told.runs.iter().map(|seen| (seen.view.id, Entry::new(seen).row));
            return (kept, told.collect());
        }
    }
}

async fn disturb(engine: &Engine, flow: &Workflow<u32, u32>, runs: &mut Vec<RunId>, luck: u32) {
    let pick = luck / 16;
    let control = |control| {
        let run = runs.get(usize::try_from(pick).unwrap() % runs.len().max(1)).copied();
        async move {
            if let Some(run) = run {
                // Much of what luck asks for makes no sense.
                drop(engine.control(run, control, "ann", "by luck").await);
            }
        }
    };
    match luck % 16 {
        0 => control(Control::Pause { freezes_timers: pick.is_multiple_of(2) }).await,
        1 => control(Control::Resume).await,
        2 => control(Control::Cancel).await,
        3 | 4 => control(Control::RetryNow).await,
        5 => control(Control::ForceRetry).await,
        6 => control(Control::CancelRecovery).await,
        7 => engine.isolate(&host(), Some(SECOND * 5), "ann", "by luck").await.map(drop).unwrap(),
        8 => drop(engine.tune("max_retries", Some(pick % 4), "ann", "by luck").await.unwrap()),
        9 => drop(engine.tune("max_delay_ms", Some(pick), "ann", "by luck").await.unwrap()),
        10 | 11 => tokio::time::sleep(SECOND * (pick % 70)).await,
        _ => {
            let key = format!("model-{}", pick % 50);
            let started = engine.start(flow, pick).key(key).restart_ended().await;
            runs.extend(started.map(|run| run.id()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_the_board_keeps_what_the_engine_says() {
    let flow = fickle();
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = 3;
    let engine = Engine::in_memory().settings(settings).register(&flow).start().await.unwrap();
    let board = Board::open(engine.clone(), Identity::default(), Arc::default()).await.unwrap();
    let (mut luck, mut runs) = (1_u32, Vec::new());
    for turn in 0..700 {
        luck = luck.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        disturb(&engine, &flow, &mut runs, luck >> 8).await;
        // What turns by itself is seen a moment later.
        tokio::time::sleep(SECOND).await;
        let (kept, told) = lines(&board, &engine).await;
        assert_eq!(kept.len(), told.len());
        for (run, told) in &told {
            assert_eq!(kept.get(run), Some(told), "in turn {turn}");
        }
    }
    assert!(runs.len() > 40, "{}", runs.len());
}
