//! Statistics: a fold over the journal, the same in every life.

use std::time::Duration;

use resurge::journal::event::Event;
use resurge::journal::store::MemoryStore;
use resurge::{
    Class, Jitter, ResourceKey, RetryPolicy, RunStatus, StepContext, StepError, Workflow,
};
use support::{Host, count, patient, records, visit};

use crate::breakers::{all_done, start_many};

const SECOND: Duration = Duration::from_secs(1);

/// A step that fails so many times in this class, for the input.
fn scripted() -> Workflow<(u32, String), u32> {
    let mut flow = Workflow::builder::<(u32, String)>("scripted");
    let input = flow.input();
    let calls = std::sync::Arc::new(std::sync::Mutex::new(std::collections::HashMap::new()));
    let step = flow
        .step_fn("work", input, move |cx: StepContext, (failures, class): (u32, String)| {
            let mut calls = calls.lock().unwrap();
            let call: &mut u32 = calls.entry(cx.run()).or_default();
            *call += 1;
            let call = *call;
            async move {
                let class = Class::from_name(&class).unwrap();
                if call <= failures {
                    return Err(StepError::new(class, "scripted", "no"));
                }
                Ok(call)
            }
        })
        .retry(RetryPolicy::fixed(SECOND * 10).jitter(Jitter::None))
        .add();
    flow.build(step).unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_run_is_counted_once_for_what_became_of_it() {
    let disk = MemoryStore::new();
    let flow = scripted();
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    assert_eq!(engine.stats().await.unwrap().success_rate(), None);
    for (failures, class) in [
        (0, Class::Network),
        (0, Class::Network),
        (1, Class::Network),
        (3, Class::Server),
        (1, Class::Permission),
        (9, Class::Network),
    ] {
        let input = (failures, class.name().to_owned());
        let _ = engine.start(&flow, input).await.unwrap().outcome().await;
    }
    let cancelled = engine.start(&flow, (9, "timeout".to_owned())).await.unwrap();
    tokio::time::sleep(SECOND).await;
    cancelled.cancel("ann", "enough").await.unwrap();
    let open = engine.start(&flow, (9, "timeout".to_owned())).await.unwrap();
    tokio::time::sleep(SECOND).await;

    let stats = engine.stats().await.unwrap();
    assert_eq!(
        (stats.total, stats.succeeded, stats.recovered, stats.failed, stats.cancelled),
        (8, 4, 2, 2, 1)
    );
    // 1 and 3 of those that recovered, 3 of the one that was exhausted.
    assert_eq!(stats.retry_attempts, 7);
    let rate = stats.success_rate().unwrap();
    assert!((rate - 4.0 / 6.0).abs() < 1e-9, "{rate}");
    // 10 s and 30 s from the first failure to the success.
    let average = stats.average_recovery_ms().unwrap();
    assert!((20_000..20_100).contains(&average), "{average}");
    let of = |class| stats.by_class.get(&class).copied().unwrap_or_default();
    let [network, server, permission, timeout] =
        [Class::Network, Class::Server, Class::Permission, Class::Timeout].map(of);
    assert_eq!((network.failures, network.retried), (5, 4));
    assert_eq!((server.failures, server.retried), (3, 3));
    assert_eq!((permission.failures, permission.retried), (1, 0));
    assert_eq!((timeout.failures, timeout.retried), (2, 2));

    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    assert_eq!(engine.stats().await.unwrap(), stats);
    let open = engine.run(open.id());
    assert_eq!(open.view().await.unwrap().status, RunStatus::Recovering);
}

#[tokio::test(start_paused = true)]
async fn hosts_and_trips_are_counted() {
    let disk = MemoryStore::new();
    let host = Host::refusing("a");
    let flow = visit(&host, patient());
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let runs = start_many(&engine, &flow, 6).await;
    // A failed probe, and then all is well.
    tokio::time::sleep(SECOND * 20).await;
    host.up();
    all_done(&runs).await;
    let stats = engine.stats().await.unwrap();
    let of_host = stats.by_resource.get(host.key()).copied().unwrap();
    let recorded = records(&engine).await;
    let opened = count(&recorded, |event| matches!(event, Event::BreakerOpened(_)));
    assert_eq!((stats.breaker_trips, of_host.trips, opened), (2, 2, 2));
    let attempts = support::attempts(&recorded).len();
    assert_eq!(of_host.alive + of_host.failing, u64::try_from(attempts).unwrap());
    assert_eq!(of_host.alive, 6);
    assert!(!stats.by_resource.contains_key(&ResourceKey::local_network()));
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    assert_eq!(engine.stats().await.unwrap(), stats);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_reopened_and_succeeds_has_recovered() {
    let flow = scripted();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, (1, "permission".to_owned())).await.unwrap();
    run.outcome().await.unwrap_err();
    let before = engine.stats().await.unwrap();
    assert_eq!((before.failed, before.recovered), (1, 0));
    run.force_retry("ann", "signed in").await.unwrap();
    run.outcome().await.unwrap();
    let after = engine.stats().await.unwrap();
    assert_eq!((after.total, after.failed, after.succeeded, after.recovered), (1, 0, 1, 1));
}
