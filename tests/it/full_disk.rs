//! A journal without room: nothing begins, nothing fails, and work goes on by itself.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::journal::Seq;
use resurge::journal::event::Event;
use resurge::journal::store::{Fault, FaultyStore, MemoryStore, Store};
use resurge::recover::recover;
use resurge::{Engine, RecoveryError, Settings, StartError, StepContext, StepError, Workflow};
use support::{Calls, VirtualClock, WatchedStore, chain, count, names, records};
use tokio::sync::Notify;
use tokio::time::Instant;

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

/// Runs a chain whose n-th commit is refused until room was asked for three times.
///
/// Gives what was recorded, how long it took, and how many commits were tried.
async fn refused_at(number: usize) -> (Vec<&'static str>, Duration, usize) {
    let calls: [Calls; 3] = Default::default();
    let flow = chain(&calls);
    let memory = MemoryStore::new();
    let faults = [(number, Fault::Refuse { asked: 3 })];
    let store = Arc::new(FaultyStore::new(memory.clone(), faults));
    let shared: Arc<FaultyStore<MemoryStore>> = Arc::clone(&store);
    let engine = Engine::with_store(shared).clock(VirtualClock::start());
    let engine = engine.register(&flow).start().await.unwrap();
    let began = Instant::now();
    let run = engine.start(&flow, 10).await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 13, "commit {number}");
    let took = began.elapsed();
    assert!(memory.head() >= engine.head(), "what was told is on the disk");
    assert!(calls.iter().all(|calls| calls.so_far() == 1), "commit {number}");
    engine.shutdown(MINUTE).await.unwrap();
    let kept = memory.scan(Seq::ZERO).collect::<Result<Vec<_>, _>>().unwrap();
    (names(&kept), took, store.appends())
}

#[tokio::test(start_paused = true)]
async fn a_commit_without_room_waits_for_some_and_nothing_is_lost_or_done_twice() {
    let (undisturbed, at_once, commits) = refused_at(usize::MAX).await;
    let poll = Settings::default().condition_poll;
    assert!(commits > 4 && at_once < poll, "{commits} commits in {at_once:?}");
    // The first is that of the opening and the last that of the shutdown, which do not wait.
    for number in 2..commits {
        let (recorded, took, tried) = refused_at(number).await;
        assert_eq!(recorded, undisturbed, "commit {number}");
        assert!(took >= poll * 3 && took < poll * 4, "commit {number} after {took:?}");
        assert!(tried <= commits + 1, "commit {number}: {tried} were tried");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_what_waits_for_room_and_nothing_new_begins() {
    let (calls, memory) = (Calls::default(), MemoryStore::new());
    let flow = chain(std::slice::from_ref(&calls));
    let store = FaultyStore::new(memory.clone(), [(2, Fault::Refuse { asked: 2 })]);
    let engine = support::engine_on(store).register(&flow).start().await.unwrap();
    let opened = memory.head();
    let poll = Settings::default().condition_poll;
    let told = Mutex::new(Vec::new());
    let start = async |name: &'static str| {
        let started = engine.start(&flow, 1).key(name).await;
        told.lock().unwrap().push((name, memory.head() > opened));
        started
    };
    let (first, again, new, ()) = tokio::join!(
        start("first"),
        async {
            tokio::time::sleep(poll / 2).await;
            start("first").await
        },
        async {
            tokio::time::sleep(poll / 2).await;
            engine.start(&flow, 2).key("new").await
        },
        async {
            tokio::time::sleep(poll + poll / 2).await;
            assert_eq!((memory.head(), calls.so_far()), (opened, 0), "it still waits");
            assert!(told.lock().unwrap().is_empty());
        },
    );
    assert!(matches!(new, Err(StartError::NoRoom)), "{new:?}");
    assert_eq!(*told.lock().unwrap(), [("first", true), ("first", true)]);
    let run = first.unwrap();
    assert_eq!(again.unwrap().id(), run.id());
    assert_eq!(run.outcome().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_without_a_full_disk_is_left_alone_for_a_while() {
    let flow = chain(&[Calls::default()]);
    let faults = (2..=6).map(|number| (number, Fault::Refuse { asked: 0 }));
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), faults));
    let shared: Arc<FaultyStore<MemoryStore>> = Arc::clone(&store);
    let engine = support::engine_on(shared).register(&flow).start().await.unwrap();
    let began = Instant::now();
    let run = engine.start(&flow, 1).await.unwrap();
    assert!(began.elapsed() >= Settings::default().condition_poll * 5, "{:?}", began.elapsed());
    assert_eq!(run.outcome().await.unwrap(), 2);
}

/// What becomes of an engine that is shut down while a start waits for room.
async fn shut_down_while_refused(asked: u64) -> (MemoryStore, Result<(), String>, bool) {
    let (flow, memory) = (chain(&[Calls::default()]), MemoryStore::new());
    let store = FaultyStore::new(memory.clone(), [(2, Fault::Refuse { asked })]);
    let engine = support::engine_on(store).register(&flow).start().await.unwrap();
    let (started, down) = tokio::join!(engine.start(&flow, 1).key("it"), async {
        tokio::time::sleep(Settings::default().condition_poll / 2).await;
        engine.shutdown(MINUTE).await.map_err(|error| error.to_string())
    });
    (memory, down, started.is_ok())
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_tries_once_more_to_keep_what_waits_for_room() {
    let (memory, down, is_started) = shut_down_while_refused(0).await;
    assert_eq!((down, is_started), (Ok(()), true));
    let kept = memory.scan(Seq::ZERO).collect::<Result<Vec<_>, _>>().unwrap();
    let names = names(&kept);
    assert!(names.contains(&"run_started") && names.last() == Some(&"engine_closed"), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_without_room_says_what_was_not_kept() {
    let (memory, down, is_started) = shut_down_while_refused(u64::MAX).await;
    let said = down.expect_err("the run was not kept");
    assert!(said.contains("records 3 to ") && said.contains("nobody was told"), "{said}");
    assert!(said.contains("free some space"), "{said}");
    assert!(!is_started, "nobody was told");
    assert_eq!(memory.head(), Seq::new(2));
    let flow = chain(&[Calls::default()]);
    let engine = support::engine_on(memory.truncated(memory.head()));
    let engine = engine.register(&flow).start().await.expect("nothing is damaged");
    assert_eq!(engine.start(&flow, 1).key("it").await.unwrap().outcome().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_finds_no_room_to_begin_says_so() {
    let store = FaultyStore::new(MemoryStore::new(), [(1, Fault::Refuse { asked: 3 })]);
    let refused = support::engine_on(store).register(&chain(&[Calls::default()])).start().await;
    let error = refused.expect_err("it cannot even say that it began");
    let said = error.source().expect("a reason").to_string();
    assert!(said.contains("free some space"), "{said}");
}
