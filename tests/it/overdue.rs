//! A deadline ends its run, whoever looks at it first.

use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{RunError, StepContext, Workflow};

const SECOND: Duration = Duration::from_secs(1);

fn endless() -> Workflow<(), ()> {
    let mut flow = Workflow::builder::<()>("endless");
    let endless = flow
        .step_fn("endless", (), |_: StepContext, ()| async move {
            std::future::pending::<()>().await;
            Ok(())
        })
        .add();
    flow.build(endless).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passed_while_no_engine_ran_ends_the_run() {
    let (disk, flow) = (MemoryStore::new(), endless());
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    let id = engine.start(&flow, ()).deadline(SECOND * 90).await.unwrap().id();
    engine.shutdown(Duration::ZERO).await.unwrap();

    tokio::time::sleep(SECOND * 200).await;
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    let run = engine.run(id);
    let outcome = tokio::time::timeout(SECOND * 3_600, run.outcome()).await;
    let error = outcome.expect("the run ends").unwrap_err();
    assert!(matches!(error, RunError::Exhausted { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_nothing_has_passed_at_once() {
    let flow = endless();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).deadline(Duration::ZERO).await.unwrap();
    let outcome = tokio::time::timeout(SECOND * 3_600, run.outcome()).await;
    let error = outcome.expect("the run ends").unwrap_err();
    assert!(matches!(error, RunError::Exhausted { .. }), "{error}");
}
