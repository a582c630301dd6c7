//! Scratch folders: removed once their run is over, and only then.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::{Engine, StepContext, Workflow};
use tokio::sync::Notify;

type Seen = Arc<Mutex<Option<PathBuf>>>;

/// One step that leaves a file in its scratch folder, then another that does not look at its own.
fn leaves_a_file(seen: &Seen, hold: &Arc<Notify>) -> Workflow<(), ()> {
    let mut flow = Workflow::builder::<()>("scratch");
    let (seen, hold) = (seen.clone(), hold.clone());
    let first = flow
        .step_fn("first", (), move |cx: StepContext, ()| {
            *seen.lock().unwrap() = Some(cx.scratch_dir().to_owned());
            async move {
                std::fs::create_dir_all(cx.scratch_dir())?;
                std::fs::write(cx.scratch_dir().join("half"), "half of it")?;
                Ok(())
            }
        })
        .add();
    let second = flow
        .step_fn("second", first, move |_: StepContext, ()| {
            let hold = hold.clone();
            async move {
                hold.notified().await;
                Ok(())
            }
        })
        .add();
    flow.build(second).unwrap()
}

/// Waits until a folder is gone; that happens on a thread of its own.
async fn gone(folder: &Path) {
    let look = async {
        while folder.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.unwrap();
}

#[tokio::test]
async fn what_a_run_leaves_in_its_scratch_folder_is_removed_when_it_is_over() {
    let (seen, hold) = (Seen::default(), Arc::new(Notify::new()));
    let flow = leaves_a_file(&seen, &hold);
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();
    hold.notify_one();
    run.outcome().await.unwrap();
    let of_step = seen.lock().unwrap().clone().unwrap();
    gone(of_step.parent().unwrap()).await;
}

#[tokio::test]
async fn what_an_earlier_life_left_is_kept_for_the_run_and_removed_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (seen, hold) = (Seen::default(), Arc::new(Notify::new()));
    let flow = leaves_a_file(&seen, &hold);
    let engine = Engine::open(folder.path()).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap().id();
    let mut events = engine.events(resurge::Seq::new(1));
    // The second step has begun, so the first one is done.
    let mut begun = 0;
    while begun < 2 {
        let record = events.next().await.unwrap().unwrap();
        begun += u32::from(record.event.name() == "attempt_started");
    }
    engine.shutdown(Duration::ZERO).await.unwrap();
    drop((engine, events));

    let of_step = seen.lock().unwrap().take().unwrap();
    let engine = Engine::open(folder.path()).register(&flow).start().await.unwrap();
    assert_eq!(std::fs::read_to_string(of_step.join("half")).unwrap(), "half of it");
    hold.notify_one();
    engine.run(run).outcome().await.unwrap();
    assert!(seen.lock().unwrap().is_none(), "the first step did not run again");
    gone(of_step.parent().unwrap()).await;
}
