//! The process dies at any commit while breakers open, probe, close and release.

use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::{BreakerMode, Event};
use resurge::journal::store::{MemoryStore, Store};
use resurge::{Engine, StepContext, StepError, Workflow};
use support::{Host, WatchedStore, attempts, failures, patient, records, visit};

const SECOND: Duration = Duration::from_secs(1);
const RUNS: u32 = 8;

/// A life that ends at a commit, if it comes that far; gives whether it did.
async fn life(engine: &Engine, flow: &Workflow<u32, u32>, host: &Host) -> bool {
    for n in 0..RUNS {
        let start = engine.start(flow, n).key(format!("run-{n}"));
        if start.await.is_err() {
            return true;
        }
    }
    // Long enough for a failed probe.
    tokio::time::sleep(SECOND * 20).await;
    host.up();
    for n in 0..RUNS {
        let Ok(run) = engine.start(flow, n).key(format!("run-{n}")).await else { return true };
        if run.outcome().await.is_err() {
            return true;
        }
    }
    false
}

/// What must hold in every journal: no more than one probe an epoch, and nothing charged twice.
fn check(records: &[Record], host: &Host) {
    let mut epochs = std::collections::BTreeMap::new();
    for (_, attempt) in attempts(records) {
        for admitted in attempt.admission.iter().filter(|a| a.probe && a.key == *host.key()) {
            *epochs.entry(admitted.epoch).or_insert(0) += 1;
        }
    }
    // One that is cut off gives its place to one other.
    assert!(epochs.values().all(|probes| *probes <= 2), "{epochs:?}");
    let mut last = None;
    for record in records {
        let epoch = match &record.event {
            Event::BreakerOpened(event) => event.epoch,
            Event::BreakerHalfOpened(event) => event.epoch,
            Event::BreakerClosed(event) => event.epoch,
            _ => continue,
        };
        assert!(last.is_none_or(|last| epoch > last), "every transition begins an epoch");
        last = Some(epoch);
    }
    for (_, failed) in failures(records) {
        assert!(failed.charged <= failed.max_attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn whenever_the_process_dies_every_run_ends_well_and_the_host_is_spared() {
    let mut fail_at = 1;
    loop {
        let (disk, host) = (MemoryStore::new(), Host::refusing("a"));
        let flow = visit(&host, patient());
        let store = WatchedStore::over(disk.clone()).failing_at(fail_at, fail_at.is_multiple_of(2));
        let died = match support::engine_on(store).register(&flow).start().await {
            Ok(engine) => {
                let died = life(&engine, &flow, &host).await;
                let _ = engine.shutdown(Duration::ZERO).await;
                died
            }
            Err(_) => true,
        };
        let disk = disk.truncated(disk.head());
        host.up();
        let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
        for n in 0..RUNS {
            let run = engine.start(&flow, n).key(format!("run-{n}")).await.unwrap();
            let outcome = tokio::time::timeout(SECOND * 120, run.outcome()).await;
            assert_eq!(outcome.expect("it goes on").unwrap(), n, "commit {fail_at}");
        }
        check(&records(&engine).await, &host);
        engine.shutdown(Duration::ZERO).await.unwrap();
        if !died {
            assert!(fail_at > 20, "all of it takes more commits than {fail_at}");
            break;
        }
        fail_at += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_needs_several_waits_for_all_and_blames_the_one_that_failed() {
    let (host, account) = (Host::new("a"), Host::new("account"));
    let mut flow = Workflow::builder::<u32>("both");
    let input = flow.input();
    let key = account.key().clone();
    let step = flow
        .step_fn("both", input, move |_: StepContext, n: u32| {
            let error = StepError::new(resurge::Class::Server, "quota", "no").resource(key.clone());
            async move { if n < 5 { Err(error) } else { Ok(n) } }
        })
        .retry(patient().max_retries(0))
        .breaker(resurge::Breaker::keyed(host.key().clone()).and(account.key().clone()))
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    for n in 0..5 {
        engine.start(&flow, n).await.unwrap().outcome().await.unwrap_err();
    }
    let held = engine.start(&flow, 9).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let views = engine.breakers().await.unwrap();
    let open: Vec<_> =
        views.iter().filter(|view| view.state == resurge::BreakerState::Open).collect();
    let [only] = open.as_slice() else { panic!("{views:?}") };
    assert_eq!(&only.key, account.key());
    engine.isolate(host.key(), None, "ann", "maintenance").await.unwrap();
    tokio::time::sleep(SECOND * 60).await;
    let view = held.view().await.unwrap();
    assert_eq!(view.steps.first().unwrap().attempts.get(), 0, "the other one is isolated");
    let mode = BreakerMode::Enforced;
    let control = resurge::BreakerControl::Mode { mode, lasts: None };
    engine.control_breaker(host.key(), control, "ann", "done").await.unwrap();
    held.outcome().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_paused_behind_a_breaker_comes_back_behind_it() {
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine().register(&flow).start().await.unwrap();
    let mut runs = Vec::new();
    for n in 0..6 {
        runs.push(engine.start(&flow, n).await.unwrap());
    }
    tokio::time::sleep(SECOND * 3).await;
    let (first, last) = (runs.first().unwrap(), runs.last().unwrap());
    first.pause("ann", "later").await.unwrap();
    last.pause_timers("ann", "later").await.unwrap();
    // Resumed while it is open: nobody asks.
    let visits = host.visits();
    first.resume("ann", "now").await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(host.visits(), visits);
    // Resumed long after it has closed: nothing stands in the way.
    host.up();
    tokio::time::sleep(SECOND * 300).await;
    for run in runs.iter().take(5) {
        run.outcome().await.unwrap();
    }
    last.resume("ann", "now").await.unwrap();
    tokio::time::timeout(SECOND * 5, last.outcome()).await.unwrap().unwrap();
}
