//! What a subscriber has after any number of patches is what there is.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use resurge::{
    BreakerSpec, Class, Control, Engine, Jitter, RetryPolicy, StepContext, StepError, Workflow,
};
use serde_json::Value;

use super::{Board, Identity, Live, ViewMessage};
use crate::view::{Filter, Panel, Subscription, Tone, View, merge};

const SECOND: Duration = Duration::from_secs(1);

/// Fetches a thousand bytes in ten seconds; the first two attempts break off in the middle.
fn flaky() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("flaky");
    let input = flow.input();
    let fetch = flow
        .step_fn("fetch", input, |cx: StepContext, n: u32| async move {
            for tenth in 1..=10 {
                tokio::time::sleep(SECOND).await;
                cx.progress(tenth * 100, Some(1_000));
                if tenth == 5 && cx.attempt().get() < 3 {
                    let word = "the line broke at https://u:pw@host/file?signature=abc";
                    return Err(StepError::new(Class::Network, "reset", word));
                }
            }
            Ok(n)
        })
        .retry(RetryPolicy::fixed(SECOND * 20).jitter(Jitter::None).max_retries(5))
        .add();
    let done = flow.step_fn("store", fetch, |_: StepContext, n: u32| async move { Ok(n) }).add();
    flow.build(done).unwrap()
}

async fn board(engine: &Engine) -> Arc<Board> {
    Board::open(engine.clone(), Identity::default(), Arc::default()).await.unwrap()
}

fn all() -> Subscription {
    Subscription { count: 50, ..Subscription::default() }
}

/// A page: what it has been sent, merged.
struct Page {
    live: Live,
    shown: Value,
    messages: u32,
}

impl Page {
    fn open(board: &Arc<Board>, wanted: Subscription) -> Self {
        Self { live: Live::new(board, wanted), shown: Value::Null, messages: 0 }
    }

    /// Takes the next message in; false at the end.
    async fn next(&mut self) -> bool {
        match self.live.next().await.unwrap() {
            Some(ViewMessage::Snapshot { data, .. }) => {
                assert!(!data.to_string().contains("null"), "a patch cannot tell it from nothing");
                self.shown = data;
            }
            Some(ViewMessage::Patch { data, .. }) => merge(&mut self.shown, data),
            None => return false,
        }
        self.messages += 1;
        true
    }

    /// Takes everything in that comes within a while.
    async fn watch(&mut self, while_: Duration) {
        let end = tokio::time::Instant::now() + while_;
        while let Ok(true) = tokio::time::timeout_at(end, self.next()).await {}
        // Until nothing is under way to it.
        while let Ok(true) = tokio::time::timeout(SECOND / 8, self.next()).await {}
    }

    fn view(&self) -> View {
        serde_json::from_value(self.shown.clone()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn patches_add_up_to_what_there_is() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    let first = engine.start(&flow, 1).key("first").await.unwrap();
    let mut wanted = all();
    (wanted.operation, wanted.panel) = (Some(first.id()), Some(Panel::Stats));
    let mut page = Page::open(&board, wanted.clone());
    for round in 0..30_u32 {
        if round % 7 == 3 {
            engine.start(&flow, round).await.unwrap();
        }
        page.watch(SECOND * 3).await;
        let mut fresh = Page::open(&board, wanted.clone());
        // A look may see what the board is about to: both are told of it then.
        tokio::join!(page.watch(SECOND / 8), fresh.watch(SECOND / 8));
        for part in ["list", "detail", "counts", "stats", "totals"] {
            assert_eq!(page.shown[part], fresh.shown[part], "{part} in round {round}");
        }
    }
    let view = page.view();
    assert_eq!((view.counts.all, view.stats.recovered > 0), (5, true));
    let detail = view.detail.unwrap();
    assert_eq!(detail.row.as_ref().unwrap().status, "success");
    let tones =
        |event: &str| detail.events.values().find(|known| known.event == event).unwrap().tone;
    assert_eq!((tones("attempt_failed"), tones("run_succeeded")), (Tone::Bad, Tone::Good));
    let lane = &detail.timeline.unwrap().lanes["fetch"];
    let kinds: Vec<&str> = lane.segments.iter().map(|segment| segment.kind.as_str()).collect();
    assert_eq!(kinds, ["attempt", "delay", "attempt", "delay", "attempt"]);
    assert!(page.messages > 30, "{}", page.messages);
}

#[tokio::test(start_paused = true)]
async fn a_row_says_attempt_countdown_error_progress_and_what_can_be_done() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    let run = engine.start(&flow, 1).key("model").await.unwrap();
    let mut page = Page::open(&board, all());
    page.watch(SECOND * 4).await;
    let row = Arc::clone(&page.view().list.rows[&run.id().to_string()]);
    assert_eq!((row.attempt, row.attempts_max, row.steps_total), (1, 6, 2));
    let progress = row.progress.unwrap();
    assert!((300..=400).contains(&progress.done) && progress.total == Some(1_000));
    assert!((60..=140).contains(&row.rate.unwrap()), "{row:?}");
    assert!(row.percent.unwrap() > 10.0 && page.view().totals.active == 1);
    page.watch(SECOND * 4).await;
    let row = Arc::clone(&page.view().list.rows[&run.id().to_string()]);
    assert_eq!((row.status.as_str(), row.attempt), ("recovering", 2));
    let wait = row.wait.as_ref().unwrap();
    assert_eq!((wait.kind.as_str(), wait.due_at.is_some()), ("backoff", true));
    let error = row.error.as_ref().unwrap();
    assert_eq!((error.group.as_str(), error.title.as_str()), ("network", "Network problem"));
    assert!(!error.message.contains("pw") && !error.message.contains("abc"), "{error:?}");
    let can = ["retry", "force-retry", "skip", "pause", "cancel-recovery", "cancel"];
    assert_eq!(row.can, can);
    let kept = row.progress.unwrap();
    assert_eq!((kept.done, row.rate), (500, None), "how far it came is not forgotten");
    assert_eq!(page.view().counts.waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn what_starts_right_after_a_look_is_looked_at_all_the_same() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    let mut page = Page::open(&board, all());
    page.watch(SECOND / 10).await;
    engine.start(&flow, 1).await.unwrap();
    page.watch(SECOND * 3).await;
    assert_eq!(page.view().totals.active, 1);
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_is_told_the_time_of_now() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    tokio::time::sleep(SECOND * 600).await;
    let mut page = Page::open(&board, all());
    assert!(page.next().await);
    assert_eq!(page.view().now, engine.now().await.unwrap().to_string());
}

#[tokio::test(start_paused = true)]
async fn a_window_shows_what_fits_and_counts_what_fits_beside_the_status() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    for number in 0..20 {
        let run = engine.start(&flow, number).key(format!("model-{number:02}")).await.unwrap();
        if number % 4 == 0 {
            engine.control(run.id(), Control::Cancel, "ann", "not this one").await.unwrap();
        }
    }
    let filter = |state: &str, q: &str| Filter {
        state: (!state.is_empty()).then(|| state.to_owned()),
        q: Some(q.to_owned()),
        ..Filter::default()
    };
    for (state, q, total) in [("cancelled", "", 5), ("", "MODEL-1", 10), ("cancelled", "-1", 2)] {
        let wanted = Subscription { filter: filter(state, q), count: 3, ..all() };
        let mut page = Page::open(&board, wanted);
        page.watch(SECOND).await;
        let view = page.view();
        assert_eq!(view.list.total, total, "{state} {q}");
        assert_eq!(view.list.order.len() as u64, total.min(3));
        assert_eq!(view.list.rows.len(), view.list.order.len());
    }
    // Beyond the end there is the end.
    let mut page = Page::open(&board, Subscription { from: 1_000, count: 4, ..all() });
    page.watch(SECOND).await;
    assert_eq!((page.view().list.from, page.view().list.order.len()), (16, 4));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_shown_with_what_it_holds_back() {
    let mut flow = Workflow::builder::<u32>("host");
    let input = flow.input();
    let spec = resurge::Breaker::keyed(resurge::ResourceKey::new("host:443").unwrap());
    let step = flow
        .step_fn("ask", input, |_: StepContext, _: u32| async move {
            Err::<u32, _>(StepError::new(Class::Server, "http_503", "busy"))
        })
        .retry(RetryPolicy::fixed(SECOND).jitter(Jitter::None).max_retries(20))
        .breaker(spec)
        .add();
    let flow = flow.build(step).unwrap();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    let mut page = Page::open(&board, all());
    engine.start(&flow, 1).await.unwrap();
    page.watch(SECOND * 10).await;
    let view = page.view();
    let breaker = &view.breakers["host:443"];
    assert_eq!((breaker.state.as_str(), breaker.held), ("open", 1));
    assert_eq!(breaker.threshold, BreakerSpec::default().threshold);
    assert!(breaker.until.is_some() && breaker.can.contains(&"probe".to_owned()));
    let row = view.list.rows.values().next().unwrap();
    assert_eq!(row.wait.as_ref().unwrap().host.as_deref(), Some("host:443"));
    assert_eq!(row.wait.as_ref().unwrap().due_at, breaker.until);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_engine_is_shown_and_ends_the_stream() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    engine.start(&flow, 1).await.unwrap();
    let mut page = Page::open(&board, all());
    page.watch(SECOND).await;
    assert_eq!(page.view().engine.state, "running");
    engine.shutdown(SECOND).await.unwrap();
    while page.next().await {}
    assert_eq!(page.view().engine.state, "stopped");
    let missing = Subscription { operation: Some(resurge::RunId::default()), ..all() };
    assert!(Page::open(&board, missing).next().await, "what was known can still be seen");
}

#[tokio::test(start_paused = true)]
async fn what_happened_last_is_shown_of_an_engine_that_has_stopped() {
    let mut flow = Workflow::builder::<u32>("patient");
    let input = flow.input();
    let step = flow
        .step_fn("wait", input, |cx: StepContext, n: u32| async move {
            cx.stopped().await;
            Ok(n)
        })
        .add();
    let flow = flow.build(step).unwrap();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    let run = engine.start(&flow, 1).key("last").await.unwrap().id();
    let open = Subscription { operation: Some(run), ..all() };
    let mut page = Page::open(&board, open.clone());
    page.watch(SECOND).await;
    engine.shutdown(SECOND).await.unwrap();
    while page.next().await {}
    let mut late = Page::open(&board, open);
    assert!(late.next().await);
    for view in [page.view(), late.view()] {
        assert_eq!(view.engine.state, "stopped");
        assert_eq!(view.seq, engine.head().get(), "all of it is in it");
        assert_eq!((view.counts.success, view.counts.in_progress), (1, 0));
        let notices: Vec<&str> = view.notices.values().map(|notice| notice.kind.as_str()).collect();
        assert_eq!(notices, ["succeeded"]);
        let detail = view.detail.unwrap();
        assert!(!detail.missing);
        assert_eq!(detail.row.as_ref(), view.list.rows.get(&run.to_string()));
    }
    let known = board.detail(run).await.unwrap().unwrap().row.unwrap();
    assert_eq!((known.status.as_str(), known.percent), ("success", Some(100.0)));
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_gets_one_patch_for_all_that_it_missed() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    let mut slow = Page::open(&board, all());
    assert!(slow.next().await);
    let mut quick = Page::open(&board, all());
    for number in 0..20 {
        engine.start(&flow, number).await.unwrap();
        quick.watch(SECOND).await;
    }
    assert!(slow.next().await);
    tokio::join!(slow.watch(SECOND / 8), quick.watch(SECOND / 8));
    assert!(slow.messages < 5 && quick.messages > 20, "{} {}", slow.messages, quick.messages);
    for part in ["list", "counts", "totals"] {
        assert_eq!(slow.shown[part], quick.shown[part], "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_who_looks_costs_nothing() {
    let flow = flaky();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let board = board(&engine).await;
    let run = engine.start(&flow, 1).await.unwrap();
    tokio::time::sleep(SECOND * 3).await;
    assert!(board.scene().readings.is_empty(), "no attempt is sampled for nobody");
    board.reach(engine.head()).await;
    let run = run.id();
    let asked = board.scene().readings[&run].values().next().unwrap().done;
    assert_eq!(asked, 300, "who asks once is told as well");
    let mut page = Page::open(&board, all());
    assert!(page.next().await);
    let row = Arc::clone(&page.view().list.rows[&run.to_string()]);
    assert!(row.progress.is_some(), "in the first message already");
}
