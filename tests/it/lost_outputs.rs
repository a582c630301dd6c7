//! What an earlier step left is gone: that step, and all after it, runs again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use resurge::journal::store::MemoryStore;
use resurge::{Class, RetryPolicy, Step, StepContext, StepError, Workflow};
use support::{Calls, names, records};

/// Makes a thing that can disappear.
#[derive(Clone, Default)]
struct Make {
    there: Arc<AtomicBool>,
    made: Calls,
}

impl Step for Make {
    const KIND: &'static str = "make";
    type Input = ();
    type Output = u32;

    async fn run(&self, _cx: StepContext, (): ()) -> Result<u32, StepError> {
        self.there.store(true, Ordering::SeqCst);
        Ok(self.made.count())
    }

    async fn lost(&self, _output: &u32) -> Option<String> {
        (!self.there.load(Ordering::SeqCst)).then(|| "the thing is gone".to_owned())
    }
}

/// make -> check -> use, where `use` fails until it is allowed to succeed.
fn flow(make: &Make, checked: &Calls, fail: &Arc<AtomicU32>) -> Workflow<(), String> {
    let mut flow = Workflow::builder::<()>("things");
    let thing = flow.step("make", make.clone()).takes(()).add();
    let (seen, fail) = (checked.clone(), fail.clone());
    let checked = flow
        .step_fn("check", thing, move |_: StepContext, n: u32| {
            seen.count();
            async move { Ok(n) }
        })
        .add();
    let used = flow
        .step_fn("use", (thing, checked), move |_: StepContext, (made, checked)| {
            let failing = fail.load(Ordering::SeqCst) > 0;
            if failing {
                fail.fetch_sub(1, Ordering::SeqCst);
            }
            async move {
                if failing {
                    return Err(StepError::new(Class::Network, "dropped", "not now"));
                }
                Ok(format!("{made} {checked}"))
            }
        })
        .retry(RetryPolicy::fixed(Duration::from_secs(10)))
        .add();
    flow.build(used).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_lost_output_is_made_again_with_all_that_depends_on_it() {
    let (make, checked) = (Make::default(), Calls::default());
    let flow = flow(&make, &checked, &Arc::new(AtomicU32::new(1)));
    let disk = MemoryStore::new();
    let engine = support::engine_on(disk.clone()).register(&flow).start().await.unwrap();
    engine.start(&flow, ()).key("thing").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    engine.shutdown(Duration::ZERO).await.unwrap();

    make.there.store(false, Ordering::SeqCst);
    let engine = support::engine_on(disk).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).key("thing").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), "2 2");
    assert_eq!((make.made.so_far(), checked.so_far()), (2, 2));
    let names = names(&records(&engine).await);
    assert_eq!(names.iter().filter(|name| **name == "outputs_invalidated").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn outputs_that_still_hold_are_not_made_again() {
    let (make, checked) = (Make::default(), Calls::default());
    let flow = flow(&make, &checked, &Arc::new(AtomicU32::new(3)));
    let engine = support::engine().register(&flow).start().await.unwrap();
    assert_eq!(engine.start(&flow, ()).await.unwrap().outcome().await.unwrap(), "1 1");
    assert_eq!((make.made.so_far(), checked.so_far()), (1, 1));
}

/// A step whose output never holds.
struct Vanishing;

impl Step for Vanishing {
    const KIND: &'static str = "vanishing";
    type Input = ();
    type Output = ();

    async fn run(&self, _cx: StepContext, (): ()) -> Result<(), StepError> {
        Ok(())
    }

    async fn lost(&self, (): &()) -> Option<String> {
        Some("gone as soon as made".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_inputs_keep_vanishing_fails_in_the_end() {
    let mut flow = Workflow::builder::<()>("vanishing");
    let made = flow.step("make", Vanishing).takes(()).add();
    let used = flow.step_fn("use", made, |_: StepContext, ()| async move { Ok(()) }).add();
    let flow = flow.build(used).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    let error = engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((failure.class, failure.kind.as_str()), (Class::Integrity, "inputs_lost"));
    let names = names(&records(&engine).await);
    assert_eq!(names.iter().filter(|name| **name == "outputs_invalidated").count(), 3);
}
