//! What a step leaves behind panics when it is dropped.

use std::time::Duration;

use resurge::{RetryPolicy, StepContext, Workflow};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::hint::black_box(false), "boom");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_that_panics_while_it_is_dropped_has_failed() {
    let mut flow = Workflow::builder::<()>("bomb");
    let step = flow
        .step_fn("bomb", (), |_: StepContext, ()| async move {
            let _bomb = Bomb;
            std::future::pending::<()>().await;
            Ok(())
        })
        .timeout(Duration::from_secs(10))
        .retry(RetryPolicy::none())
        .add();
    let flow = flow.build(step).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(3_600), run.outcome()).await;
    assert!(outcome.expect("the run ends").is_err());
}
