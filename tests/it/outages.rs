//! Several hosts that fail at once are one machine that is offline.

use std::time::Duration;

use resurge::journal::event::{Event, OpenCause};
use resurge::journal::store::MemoryStore;
use resurge::{
    BreakerState, Class, Engine, Needs, ResourceKey, Step, StepContext, StepError, Workflow,
};
use support::{Host, count, failures, patient, records, visiting};

use crate::breakers::{all_done, breaker, start_many, trips};

const SECOND: Duration = Duration::from_secs(1);

/// A workflow `to-<name>` that visits a host.
fn to(name: &str, host: &Host) -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>(format!("to-{name}"));
    let input = flow.input();
    let step = flow.step("visit", visiting(host)).takes(input).retry(patient()).add();
    flow.build(step).unwrap()
}

struct Two {
    a: Host,
    b: Host,
    to_a: Workflow<u32, u32>,
    to_b: Workflow<u32, u32>,
    engine: Engine,
}

async fn two_hosts(disk: &MemoryStore) -> Two {
    let (a, b) = (Host::new("a"), Host::new("b"));
    let (to_a, to_b) = (to("a", &a), to("b", &b));
    let engine = support::engine_on(disk.clone()).register(&to_a).register(&to_b);
    let engine = engine.start().await.unwrap();
    Two { a, b, to_a, to_b, engine }
}

impl Two {
    fn fail(&self, kind: &'static str) {
        self.a.fails(Class::Network, kind);
        self.b.fails(Class::Network, kind);
    }

    fn recover(&self) {
        self.a.up();
        self.b.up();
    }
}

fn line() -> ResourceKey {
    ResourceKey::local_network()
}

#[tokio::test(start_paused = true)]
async fn two_hosts_that_cannot_be_reached_are_one_line_that_is_down() {
    for kind in ["offline", "dns"] {
        let net = two_hosts(&MemoryStore::new()).await;
        net.fail(kind);
        let mut runs = start_many(&net.engine, &net.to_a, 8).await;
        runs.extend(start_many(&net.engine, &net.to_b, 8).await);
        tokio::time::sleep(SECOND).await;
        let view = breaker(&net.engine, &line()).await;
        assert_eq!((view.state, view.cause), (BreakerState::Open, Some(OpenCause::LocalOutage)));
        tokio::time::sleep(SECOND * 3_000).await;
        let visits = net.a.visits() + net.b.visits();
        assert!(visits < 16 + 80, "one probe a minute, not {visits} visits");
        let recorded = records(&net.engine).await;
        for host in [&net.a, &net.b] {
            let opened = trips(&recorded, host.key());
            assert!(opened.iter().all(|trip| trip.trip <= 1), "{opened:?}");
            let charged = failures(&recorded).iter().map(|(_, f)| f.charged).max();
            assert_eq!(charged, Some(1), "only what failed before it was known");
        }
        net.recover();
        let begun = tokio::time::Instant::now();
        all_done(&runs).await;
        assert!(begun.elapsed() < SECOND * 90, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_are_not_to_blame_for_a_line_that_is_down() {
    let net = two_hosts(&MemoryStore::new()).await;
    net.fail("offline");
    // One run for each: the line is known to be down before a host has failed often.
    let mut runs = start_many(&net.engine, &net.to_a, 1).await;
    runs.extend(start_many(&net.engine, &net.to_b, 1).await);
    tokio::time::sleep(SECOND * 3_000).await;
    net.recover();
    all_done(&runs).await;
    let recorded = records(&net.engine).await;
    assert!(trips(&recorded, &line()).len() > 20);
    assert!(trips(&recorded, net.a.key()).is_empty());
    assert!(trips(&recorded, net.b.key()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn hosts_are_not_to_blame_in_the_next_life_either() {
    let disk = MemoryStore::new();
    let net = two_hosts(&disk).await;
    net.fail("offline");
    let mut runs = start_many(&net.engine, &net.to_a, 3).await;
    runs.extend(start_many(&net.engine, &net.to_b, 3).await);
    tokio::time::sleep(SECOND * 500).await;
    // Back, but no more than the probe and the first wave have got through when it ends.
    net.recover();
    let mut events = net.engine.events(net.engine.head());
    while let Some(record) = events.next().await.unwrap() {
        if matches!(&record.event, Event::BreakerClosed(_)) {
            break;
        }
    }
    net.engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = support::engine_on(disk).register(&net.to_a).register(&net.to_b);
    let engine = engine.start().await.unwrap();
    for run in &runs {
        engine.run(run.id()).outcome().await.unwrap();
    }
    let recorded = records(&engine).await;
    assert_eq!(trips(&recorded, net.a.key()).len(), 0);
    assert_eq!(trips(&recorded, net.b.key()).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_is_an_outage_also_if_all_was_well_a_moment_ago() {
    let net = two_hosts(&MemoryStore::new()).await;
    all_done(&start_many(&net.engine, &net.to_a, 1).await).await;
    all_done(&start_many(&net.engine, &net.to_b, 1).await).await;
    tokio::time::sleep(SECOND * 5).await;
    net.fail("offline");
    let mut runs = start_many(&net.engine, &net.to_a, 2).await;
    runs.extend(start_many(&net.engine, &net.to_b, 2).await);
    tokio::time::sleep(SECOND).await;
    assert_eq!(breaker(&net.engine, &line()).await.state, BreakerState::Open);
    net.recover();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn one_host_that_cannot_be_reached_is_one_host() {
    let net = two_hosts(&MemoryStore::new()).await;
    net.a.fails(Class::Network, "offline");
    let runs = start_many(&net.engine, &net.to_a, 4).await;
    for _ in 0..10 {
        all_done(&start_many(&net.engine, &net.to_b, 1).await).await;
        tokio::time::sleep(SECOND).await;
    }
    let recorded = records(&net.engine).await;
    assert_eq!(trips(&recorded, &line()).len(), 0);
    assert_eq!(trips(&recorded, net.a.key()).len(), 1);
    net.a.up();
    all_done(&runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_while_two_others_fail_disproves_an_outage() {
    let net = two_hosts(&MemoryStore::new()).await;
    let c = Host::new("c");
    let to_c = to("c", &c);
    let engine = support::engine().register(&net.to_a).register(&net.to_b).register(&to_c);
    let engine = engine.start().await.unwrap();
    net.fail("offline");
    let mut stuck = start_many(&engine, &net.to_a, 5).await;
    for _ in 0..10 {
        all_done(&start_many(&engine, &to_c, 1).await).await;
        tokio::time::sleep(SECOND / 10).await;
    }
    stuck.extend(start_many(&engine, &net.to_b, 3).await);
    tokio::time::sleep(SECOND / 10).await;
    assert!(trips(&records(&engine).await, &line()).is_empty());
    net.recover();
    all_done(&stuck).await;
}

#[tokio::test(start_paused = true)]
async fn one_run_that_fails_with_two_hosts_is_no_outage() {
    let net = two_hosts(&MemoryStore::new()).await;
    let (a, b) = (net.a.clone(), net.b.clone());
    let mut flow = Workflow::builder::<()>("both");
    let both = flow
        .step_fn("both", (), move |cx: StepContext, ()| {
            cx.failing(a.key());
            cx.failing(b.key());
            async move { Err::<(), _>(StepError::new(Class::Network, "offline", "no")) }
        })
        .breaker(resurge::Breaker::keyed(net.a.key().clone()).and(net.b.key().clone()))
        .retry(patient().max_retries(3))
        .add();
    let flow = flow.build(both).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    assert_eq!(trips(&records(&engine).await, &line()).len(), 0);
}

/// Goes to the first of two mirrors that nobody takes for down.
struct Mirrored(Host, Host);

impl Step for Mirrored {
    const KIND: &'static str = "mirrored";
    type Input = u32;
    type Output = String;

    fn needs(&self, _: &u32) -> Needs {
        Needs::one_of([self.0.key().clone(), self.1.key().clone()])
    }

    async fn run(&self, cx: StepContext, _: u32) -> Result<String, StepError> {
        let mirrors = [&self.0, &self.1];
        let free = mirrors.into_iter().find(|host| !cx.is_held(host.key()));
        let host = free.unwrap_or(&self.0);
        cx.uses(host.key());
        host.visit().await?;
        Ok(host.key().to_string())
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_behind_an_open_breaker_is_left_out() {
    let (first, second) = (Host::refusing("first"), Host::new("second"));
    let direct = to("first", &first);
    let mut flow = Workflow::builder::<u32>("mirrored");
    let input = flow.input();
    let step = flow.step("get", Mirrored(first.clone(), second.clone())).takes(input);
    let step = step.retry(patient()).add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&direct).register(&flow).start().await.unwrap();
    let stuck = start_many(&engine, &direct, 5).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(breaker(&engine, first.key()).await.state, BreakerState::Open);
    let got = engine.start(&flow, 1).await.unwrap().outcome().await.unwrap();
    assert_eq!(got, second.key().to_string());
    assert_eq!((first.visits(), second.visits()), (5, 1));

    // With both of them down it waits, and goes on with the one that comes back.
    tokio::time::sleep(SECOND * 40).await;
    second.down();
    let both = engine.start(&flow, 2).await.unwrap();
    tokio::time::sleep(SECOND * 8).await;
    assert_eq!(breaker(&engine, second.key()).await.state, BreakerState::Open);
    let parked = both.view().await.unwrap();
    assert_eq!(parked.steps.first().unwrap().held_by.len(), 2, "{parked:?}");
    second.up();
    assert_eq!(both.outcome().await.unwrap(), second.key().to_string());
    let recorded = records(&engine).await;
    assert!(count(&recorded, |event| matches!(event, Event::StepParked(_))) > 0);
    first.up();
    all_done(&stuck).await;
}
