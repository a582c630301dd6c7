//! The process dies at any commit; the next one goes on.

use resurge::journal::store::{MemoryStore, Store};
use resurge::{RunError, RunStatus, StartError};
use support::{Calls, WatchedStore, chain, names, records};

/// Runs a three-step chain, dying at a commit; then opens the journal again and lets it finish.
///
/// Gives whether it died, and how often each step ran in both lives together.
async fn live_die_and_resume(fail_at: u64, keep_failed: bool) -> (bool, Vec<u32>) {
    let disk = MemoryStore::new();
    let calls: [Calls; 3] = Default::default();
    let flow = chain(&calls);
    let store = WatchedStore::over(disk.clone()).failing_at(fail_at, keep_failed);
    let died = match support::engine_on(store).register(&flow).start().await {
        Err(_) => true,
        Ok(engine) => match engine.start(&flow, 10).key("the-run").await {
            Err(error) => {
                assert!(matches!(error, StartError::Unavailable(_)), "{error}");
                true
            }
            Ok(run) => match run.outcome().await {
                Ok(output) => {
                    assert_eq!(output, 13);
                    false
                }
                Err(error) => {
                    assert!(matches!(error, RunError::Unavailable(_)), "{error}");
                    true
                }
            },
        },
    };

    // A copy: what the first engine may still write while it winds down is lost with it.
    let engine =
        support::engine_on(disk.truncated(disk.head())).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, 10).key("the-run").await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 13, "commit {fail_at}, kept {keep_failed}");
    assert_eq!(run.view().await.unwrap().status, RunStatus::Success);
    let names = names(&records(&engine).await);
    assert_eq!(names.iter().filter(|name| **name == "run_succeeded").count(), 1, "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "attempt_succeeded").count(), 3, "{names:?}");
    (died, calls.iter().map(Calls::so_far).collect())
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_commit_repeats_at_most_the_attempt_that_it_cut_off() {
    for keep_failed in [false, true] {
        let mut fail_at = 1;
        loop {
            let (died, calls) = live_die_and_resume(fail_at, keep_failed).await;
            let repeated: u32 = calls.iter().map(|calls| calls - 1).sum();
            assert!(repeated <= 1, "commit {fail_at}, kept {keep_failed}: {calls:?}");
            if !died {
                assert!(fail_at > 5, "the whole run takes more commits than {fail_at}");
                break;
            }
            fail_at += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_journal_fails_says_so_and_stops() {
    let flow = chain(&[Calls::default()]);
    let store = WatchedStore::default().failing_at(2, false);
    let engine = support::engine_on(store).register(&flow).start().await.unwrap();
    let error = engine.start(&flow, 1).await.unwrap_err().to_string();
    assert!(error.contains("cannot write to the journal at a watched store"), "{error}");
    assert!(error.contains("open it again"), "{error}");
    let again = engine.start(&flow, 2).await.unwrap_err();
    assert!(matches!(again, StartError::Unavailable(_)), "{again}");
}
