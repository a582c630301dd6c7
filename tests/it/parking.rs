//! A run goes on only under a definition that fits the graph it was started with.

use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{Class, Engine, RetryPolicy, RunStatus, StepContext, StepError, Workflow};

/// One step that fails until it is let; `key` is its key.
fn flow(key: &str, succeeds: bool) -> Workflow<(), ()> {
    let mut flow = Workflow::builder::<()>("install");
    let step = flow
        .step_fn(key, (), move |_: StepContext, ()| async move {
            if succeeds { Ok(()) } else { Err(StepError::new(Class::Network, "dropped", "no")) }
        })
        .retry(RetryPolicy::fixed(Duration::from_secs(60)))
        .add();
    flow.build(step).unwrap()
}

async fn engine(disk: &MemoryStore, flow: Option<&Workflow<(), ()>>) -> Engine {
    let builder = support::engine_on(disk.clone());
    let builder = match flow {
        Some(flow) => builder.register(flow),
        None => builder,
    };
    builder.start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_without_a_fitting_definition_is_parked_until_there_is_one() {
    let disk = MemoryStore::new();
    let first = flow("download", false);
    let live = engine(&disk, Some(&first)).await;
    let id = live.start(&first, ()).await.unwrap().id();
    live.shutdown(Duration::ZERO).await.unwrap();

    for (definition, why) in [
        (None, "workflow `install` version 1 is not registered"),
        (Some(flow("fetch", true)), "the run has step `download` where the definition has `fetch`"),
    ] {
        let live = engine(&disk, definition.as_ref()).await;
        let view = live.run(id).view().await.unwrap();
        assert_eq!(view.status, RunStatus::Paused);
        let reason = view.paused.unwrap();
        assert!(reason.contains(why), "{reason}");
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(live.run(id).view().await.unwrap().status, RunStatus::Paused);
        live.shutdown(Duration::ZERO).await.unwrap();
    }

    let live = engine(&disk, Some(&flow("download", true))).await;
    live.run(id).outcome().await.unwrap();
    assert_eq!(live.run(id).view().await.unwrap().status, RunStatus::Success);
}
