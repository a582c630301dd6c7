//! What a change of settings would do, told in advance, is what it does.

use std::collections::BTreeSet;
use std::time::Duration;

use resurge::journal::event::Event;
use resurge::{
    BreakerState, Class, Effect, Engine, Jitter, Json, Needs, ResourceKey, RetryPolicy, RunHandle,
    RunId, RunStatus, Seq, SettingError, Step, StepContext, StepError, Workflow,
};
use support::{Calls, Host, fail_first, patient, records, visit};

use crate::breakers::breaker;

const SECOND: Duration = Duration::from_secs(1);

async fn preview<T: serde::Serialize>(engine: &Engine, name: &str, value: T) -> Vec<Effect> {
    let value = Json::of(&value).unwrap();
    engine.preview([(name.to_owned(), Some(value))]).await.unwrap()
}

fn find<'a>(effects: &'a [Effect], words: &str) -> Option<&'a Effect> {
    effects.iter().find(|effect| effect.text.contains(words))
}

fn runs_of(effects: &[Effect], words: &str) -> BTreeSet<RunId> {
    find(effects, words).map(|effect| effect.runs.iter().copied().collect()).unwrap_or_default()
}

fn host(n: u32) -> ResourceKey {
    ResourceKey::host("http", &format!("h{n}"), 80).unwrap()
}

/// A visit to one of three hosts, which takes ten seconds.
#[derive(Clone)]
struct Call;

impl Step for Call {
    const KIND: &'static str = "call-host";
    type Input = u32;
    type Output = u32;

    fn needs(&self, input: &u32) -> Needs {
        Needs::every(host(input % 3))
    }

    async fn run(&self, _: StepContext, input: u32) -> Result<u32, StepError> {
        tokio::time::sleep(SECOND * 10).await;
        if input % 5 == 4 {
            Err(StepError::new(Class::Server, "busy", "not now"))
        } else {
            Ok(input)
        }
    }
}

fn calls() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("calls");
    let input = flow.input();
    let step = flow.step("call-host", Call).takes(input).retry(patient()).add();
    flow.build(step).unwrap()
}

/// Runs of which an attempt began in the records behind a point, one for each attempt.
async fn begun_since(engine: &Engine, head: Seq) -> Vec<RunId> {
    let records = records(engine).await.into_iter().filter(|record| record.seq > head);
    let begun = records.filter(|record| matches!(record.event, Event::AttemptStarted(_)));
    let mut runs: Vec<RunId> = begun.filter_map(|record| record.run).collect();
    runs.sort_unstable();
    runs
}

#[tokio::test(start_paused = true)]
async fn attempts_that_would_begin_are_those_that_begin() {
    let mut seen = BTreeSet::new();
    for seed in 0..40_u32 {
        let (before, after) = (1 + seed % 7, 1 + (seed * 5) % 23);
        let flow = calls();
        let engine = support::engine().register(&flow).start().await.unwrap();
        engine.tune("attempts_in_flight_max", Some(before), "ann", "few").await.unwrap();
        if seed % 3 == 0 {
            engine.isolate(&host(seed % 2), None, "ann", "out of order").await.unwrap();
        }
        for n in 0..seed {
            engine.start(&flow, n * 7 + seed).await.unwrap();
        }
        tokio::time::sleep(SECOND * (seed % 4) * 5 + Duration::from_millis(1)).await;

        let head = engine.head();
        let effects = preview(&engine, "attempts_in_flight_max", after).await;
        assert_eq!(engine.head(), head, "nothing is changed");
        engine.tune("attempts_in_flight_max", Some(after), "ann", "other").await.unwrap();
        let begun = begun_since(&engine, head).await;
        let told = find(&effects, "would begin at once");
        assert_eq!(told.map_or(0, |effect| effect.count), begun.len(), "{seed}: {effects:?}");
        let told: BTreeSet<RunId> = runs_of(&effects, "would begin at once");
        assert_eq!(told, begun.iter().copied().collect(), "{seed}");
        seen.insert(begun.len());
    }
    assert!(seen.len() > 5 && seen.contains(&0), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_smaller_limit_holds_up_is_told() {
    let flow = calls();
    let engine = support::engine().register(&flow).start().await.unwrap();
    for n in 0..10 {
        engine.start(&flow, n * 5).await.unwrap();
    }
    tokio::time::sleep(SECOND).await;
    let effects = preview(&engine, "attempts_in_flight_max", 4).await;
    let words = "nothing more would begin until 7 of the 10 attempts under way have ended";
    assert_eq!(find(&effects, words).unwrap().count, 10);
    assert_eq!(preview(&engine, "attempts_in_flight_max", 11).await, []);
    assert_eq!(preview(&engine, "attempts_in_flight_max", None::<u32>).await, []);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_are_too_many_to_be_counted_are_told_as_at_least() {
    let flow = calls();
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.tune("attempts_in_flight_max", Some(1), "ann", "few").await.unwrap();
    for n in 0..4_500 {
        engine.start(&flow, n).await.unwrap();
    }
    let (some, all) = (
        preview(&engine, "attempts_in_flight_max", 3_000).await,
        preview(&engine, "attempts_in_flight_max", 5_000).await,
    );
    let some = find(&some, "would begin at once").unwrap();
    assert!(some.text.starts_with("2999 attempts would begin"), "{}", some.text);
    let all = find(&all, "would begin at once").unwrap();
    assert!(all.text.starts_with("at least 4"), "{}", all.text);
    assert!((4_000..4_499).contains(&all.count), "{}", all.count);
}

/// Runs that fail every ten seconds, begun one after the other; all have nine retries.
async fn failing(engine: &Engine, flow: &Workflow<(), u32>, count: usize) -> Vec<RunHandle<u32>> {
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push(engine.start(flow, ()).await.unwrap());
        tokio::time::sleep(SECOND * 10).await;
    }
    tokio::time::sleep(SECOND * 5).await;
    runs
}

fn flaky() -> Workflow<(), u32> {
    let policy = RetryPolicy::fixed(SECOND * 10).jitter(Jitter::None).max_retries(9);
    fail_first(u32::MAX, Class::Server, policy, &Calls::default())
}

#[tokio::test(start_paused = true)]
async fn runs_that_would_be_given_up_are_those_that_are() {
    for max_retries in 0..12_u32 {
        let flow = flaky();
        let engine = support::engine().register(&flow).start().await.unwrap();
        let runs = failing(&engine, &flow, 8).await;
        let mut charged = Vec::new();
        for run in &runs {
            let view = run.view().await.unwrap();
            charged.push((run.id(), view.steps.first().unwrap().charged));
        }
        let of = |fits: &dyn Fn(u32) -> bool| -> BTreeSet<RunId> {
            charged.iter().filter(|(_, n)| fits(*n)).map(|(run, _)| *run).collect()
        };
        let all = of(&|_| true);
        let effects = preview(&engine, "max_retries", max_retries).await;
        engine.tune("max_retries", Some(max_retries), "ann", "other").await.unwrap();
        tokio::time::sleep(SECOND * 10).await;
        let ended = engine.runs().await.unwrap();
        let ended = ended.iter().filter(|view| view.status == RunStatus::Exhausted);
        let ended: BTreeSet<RunId> = ended.map(|view| view.id).collect();

        // One has used up all of its own nine already.
        let last = of(&|n| n >= 9);
        assert_eq!(last.len(), 1);
        let given_up = runs_of(&effects, "would be given up with the next failure");
        let saved = runs_of(&effects, "would have retries left again");
        assert_eq!(&(&last | &given_up) - &saved, ended, "{max_retries}: {effects:?}");
        let nobody = BTreeSet::new();
        let (more, fewer) = (if max_retries > 9 { &all } else { &nobody }, max_retries < 9);
        assert_eq!(&runs_of(&effects, "more retries"), more);
        assert_eq!(&runs_of(&effects, "fewer retries"), if fewer { &all } else { &nobody });
    }
}

#[tokio::test(start_paused = true)]
async fn runs_that_have_left_memory_are_counted_too() {
    let mut settings = support::settings();
    (settings.checkpoint_records, settings.checkpoint_quiet) = (1, Duration::ZERO);
    settings.rest_after = Duration::ZERO;
    let flow = flaky();
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    let runs = failing(&engine, &flow, 4).await;
    runs.first().unwrap().cancel_recovery("ann", "enough").await.unwrap();
    let effects = preview(&engine, "max_retries", 3).await;
    // Those that are left have failed four times, three times and twice.
    assert_eq!(find(&effects, "given up").unwrap().count, 2, "{effects:?}");
    let effects = preview(&engine, "initial_delay_ms", 1).await;
    assert_eq!(find(&effects, "stays as it is").unwrap().count, 3, "{effects:?}");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_would_open_with_the_next_failure_does() {
    for (threshold, expected) in [(4, BreakerState::Open), (5, BreakerState::Closed)] {
        let host = Host::refusing("a");
        let flow = visit(&host, patient());
        let engine = support::engine().register(&flow).start().await.unwrap();
        engine.tune("circuit_breaker_threshold", Some(9), "ann", "patience").await.unwrap();
        engine.start(&flow, 1).await.unwrap();
        tokio::time::sleep(SECOND * 2 + SECOND / 2).await;
        assert_eq!(host.visits(), 3);
        let effects = preview(&engine, "circuit_breaker_threshold", threshold).await;
        let told = find(&effects, "1 breaker would open with one more failure: a");
        assert_eq!(told.is_some(), expected == BreakerState::Open, "{effects:?}");
        engine.tune("circuit_breaker_threshold", Some(threshold), "ann", "less").await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(breaker(&engine, host.key()).await.state, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn only_transfers_share_a_limit_on_bandwidth() {
    let mut flow = Workflow::builder::<bool>("mixed");
    let input = flow.input();
    let work = |cx: StepContext, transfers: bool| async move {
        if transfers {
            cx.transferred(1).await;
        }
        cx.progress(1, None);
        cx.stopped().await;
        Ok(())
    };
    let step = flow.step_fn("work", input, work).add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let transfer = engine.start(&flow, true).await.unwrap();
    engine.start(&flow, false).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let text = async |value: u64| -> Option<String> {
        let effects = preview(&engine, "bandwidth_limit", value).await;
        effects.into_iter().next().map(|effect| {
            assert_eq!((effect.count, effect.runs), (1, vec![transfer.id()]));
            effect.text
        })
    };
    assert_eq!(text(0).await, None);
    let expected = "1 transfer under way would share a limit of 500 B/s";
    assert_eq!(text(500).await.as_deref(), Some(expected));
    engine.tune("bandwidth_limit", Some(500), "ann", "a call").await.unwrap();
    assert_eq!(text(500).await, None);
    let expected = "1 transfer under way would share a limit of 2.5 MiB/s instead of 500 B/s";
    assert_eq!(text(5 << 19).await.as_deref(), Some(expected));
    assert!(text(0).await.unwrap().contains("would no longer share"));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_would_be_refused_has_no_preview() {
    let mut settings = support::settings();
    settings.bandwidth_limit = 77;
    let engine = support::engine().settings(settings).start().await.unwrap();
    assert_eq!(engine.settings().bandwidth_limit, 77);
    for (name, value) in [("colour", 1), ("max_retries", -1), ("attempts_in_flight_max", 0)] {
        let refused = engine.preview([(name.to_owned(), Json::of(&value).ok())]).await;
        assert!(matches!(refused, Err(SettingError::Invalid { .. })), "{name}: {refused:?}");
    }
    assert_eq!(engine.preview([]).await.unwrap(), []);
}
