//! The grace of a shutdown is the caller's.

use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{StepContext, StepError, Workflow};
use support::{Calls, names, records};

const SECOND: Duration = Duration::from_secs(1);

/// A step that takes its time to save where it stands.
fn thorough(calls: &Calls) -> Workflow<(), u32> {
    let mut flow = Workflow::builder::<()>("thorough");
    let calls = calls.clone();
    let step = flow
        .step_fn("wait", (), move |cx: StepContext, ()| {
            let call = calls.count();
            async move {
                if call > 1 {
                    return Ok(cx.checkpoint()?.unwrap_or(0));
                }
                cx.stopped().await;
                tokio::time::sleep(SECOND * 20).await;
                cx.save_checkpoint(&7_u32).await?;
                Err(StepError::permanent("interrupted"))
            }
        })
        .add();
    flow.build(step).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_the_whole_grace_of_the_shutdown() {
    let (disk, calls) = (MemoryStore::new(), Calls::default());
    let flow = thorough(&calls);
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    engine.start(&flow, ()).await.unwrap();
    engine.shutdown(SECOND * 60).await.unwrap();
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    let names = names(&records(&engine).await);
    assert!(names.contains(&"checkpoint_saved"), "{names:?}");
}
