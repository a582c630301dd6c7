//! A journal without room: nothing begins, nothing fails, and work goes on by itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use resurge::journal::event::Event;
use resurge::journal::store::MemoryStore;
use resurge::recover::recover;
use resurge::{Engine, RecoveryError, StartError, StepContext, StepError, Workflow};
use support::{Calls, VirtualClock, WatchedStore, count, records};
use tokio::sync::Notify;

const MINUTE: Duration = Duration::from_secs(60);

/// Two steps: the first saves a checkpoint once it is let go, the second counts its calls.
fn flow(begun: &Arc<Notify>, go_on: &Arc<Notify>, second: &Calls) -> Workflow<(), u32> {
    let (begun, go_on, second) = (Arc::clone(begun), Arc::clone(go_on), second.clone());
    let mut flow = Workflow::builder::<()>("full-disk");
    let first = flow
        .step_fn("first", (), move |cx: StepContext, ()| {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            async move {
                begun.notify_one();
                go_on.notified().await;
                cx.save_checkpoint(&1).await?;
                go_on.notified().await;
                Ok::<u32, StepError>(1)
            }
        })
        .add();
    let last = flow
        .step_fn("second", first, move |_: StepContext, _: u32| {
            let call = second.count();
            async move { Ok::<u32, StepError>(call) }
        })
        .add();
    flow.build(last).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_suspends_what_is_new_and_fails_nothing() {
    let (begun, go_on, second) = (Arc::default(), Arc::default(), Calls::default());
    let flow = flow(&begun, &go_on, &second);
    let store = Arc::new(WatchedStore::default());
    let shared: Arc<WatchedStore> = Arc::clone(&store);
    let engine = Engine::with_store(shared).clock(VirtualClock::start());
    let engine = engine.register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).key("model").await.unwrap();
    begun.notified().await;

    store.set_full(true);
    go_on.notify_one();
    tokio::time::sleep(MINUTE).await;
    let recorded = records(&engine).await;
    let saved = |event: &Event| matches!(event, Event::CheckpointSaved(_));
    assert_eq!(count(&recorded, saved), 0, "the reserve is not spent on checkpoints");
    let refused = engine.start(&flow, ()).await;
    assert!(matches!(refused, Err(StartError::NoRoom)), "{refused:?}");
    let found = engine.start(&flow, ()).key("model").await.expect("it is there already");
    assert_eq!(found.id(), run.id(), "to find it takes no room");

    store.set_full(false);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(count(&records(&engine).await, saved), 1, "it waited and was not lost");

    store.set_full(true);
    go_on.notify_one();
    tokio::time::sleep(MINUTE).await;
    let recorded = records(&engine).await;
    let done = |event: &Event| matches!(event, Event::AttemptSucceeded(_));
    assert_eq!(count(&recorded, done), 1, "what has begun may end");
    assert_eq!(second.so_far(), 0, "and nothing follows from it yet");

    store.set_full(false);
    assert_eq!(run.outcome().await.unwrap(), 1);
    engine.start(&flow, ()).await.expect("new runs start again");
}

#[tokio::test(start_paused = true)]
async fn an_engine_on_a_full_disk_shuts_down_in_order() {
    let (begun, go_on, second) = (Arc::default(), Arc::default(), Calls::default());
    let flow = flow(&begun, &go_on, &second);
    let memory = MemoryStore::new();
    let store = Arc::new(WatchedStore::over(memory.clone()));
    let shared: Arc<WatchedStore> = Arc::clone(&store);
    let engine = Engine::with_store(shared).clock(VirtualClock::start());
    let engine = engine.register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap().id();
    begun.notified().await;
    store.set_full(true);
    go_on.notify_one();
    tokio::time::sleep(MINUTE).await;
    engine.shutdown(Duration::from_secs(1)).await.unwrap();

    let engine = support::engine_on(memory).register(&flow).start().await.unwrap();
    begun.notified().await;
    go_on.notify_one();
    tokio::time::sleep(MINUTE).await;
    go_on.notify_one();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(engine.run(run).view().await.unwrap().output.unwrap().as_str(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_call_on_a_full_disk_is_told_so_and_made_once_there_is_room() {
    let store = Arc::new(WatchedStore::default());
    let shared: Arc<WatchedStore> = Arc::clone(&store);
    let engine = Engine::with_store(shared).clock(VirtualClock::start()).start().await.unwrap();
    let attempts = Calls::default();
    let call = || {
        let attempts = attempts.clone();
        let call = recover("fetch").engine(&engine).key("model");
        call.run(move |_| {
            attempts.count();
            async { io::Result::Ok(()) }
        })
    };

    store.set_full(true);
    let refused = call().await.unwrap_err();
    assert!(matches!(refused, RecoveryError::NoRoom), "{refused}");
    assert_eq!(attempts.so_far(), 0, "no attempt is made that cannot be recorded");

    store.set_full(false);
    tokio::time::sleep(MINUTE).await;
    call().await.expect("it is made");
    assert_eq!(attempts.so_far(), 1);
}
