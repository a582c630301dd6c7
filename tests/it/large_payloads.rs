//! Inputs, outputs and checkpoints above a frame: as durable as small ones.

use std::fs;
use std::time::Duration;

use resurge::journal::event::Event;
use resurge::journal::store::{MemoryStore, Store};
use resurge::{
    Class, Engine, Jitter, RetryPolicy, RunStatus, Seq, Settings, StepContext, StepError, Workflow,
};
use support::{Calls, names, records};

const HOUR: Duration = Duration::from_secs(3_600);
const MIB: usize = 1024 * 1024;
/// The quotes around a text count.
const LARGEST: usize = MIB - 2;

/// A text of some length that cannot be packed, the same for the same seed.
fn text(seed: u64, bytes: usize) -> String {
    let mut state = seed;
    let next = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    // A backslash or a quote would take two bytes in JSON.
    (0..bytes).map(next).map(|c| if matches!(c, '"' | '\\') { 'x' } else { c }).collect()
}

/// Two steps: the first gives its input reversed; the second saves that, fails `failures` times, and
/// gives it once it finds it saved.
fn flow(failures: u32, made: &Calls, used: &Calls) -> Workflow<String, String> {
    let (made, used) = (made.clone(), used.clone());
    let mut flow = Workflow::builder::<String>("large");
    let input = flow.input();
    let first = flow
        .step_fn("make", input, move |_: StepContext, input: String| {
            made.count();
            async move { Ok(input.chars().rev().collect::<String>()) }
        })
        .add();
    let using = flow
        .step_fn("use", first, move |cx: StepContext, made: String| {
            let call = used.count();
            async move {
                if call <= failures {
                    cx.save_checkpoint(&made).await?;
                    return Err(StepError::new(Class::Network, "reset", "the line broke"));
                }
                let saved = cx.checkpoint::<String>()?;
                if saved.is_none_or(|saved| saved == made) { Ok(made) } else { Ok(String::new()) }
            }
        })
        .retry(RetryPolicy::fixed(HOUR).jitter(Jitter::None).max_retries(3))
        .add();
    flow.build(using).unwrap()
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// Waits for the first attempt that fails.
async fn failed(engine: &Engine) {
    let mut events = engine.events(Seq::new(1));
    while let Some(record) = events.next().await.unwrap() {
        if matches!(record.event, Event::AttemptFailed(_)) {
            return;
        }
    }
}

#[tokio::test]
async fn a_run_of_large_payloads_goes_on_in_the_next_life() {
    let home = tempfile::tempdir().unwrap();
    let journal = home.path().join("journal");
    let (made, used) = (Calls::default(), Calls::default());
    let flow = flow(1, &made, &used);
    let input = text(1, LARGEST);
    let engine = Engine::open(&journal).register(&flow).start().await.unwrap();
    engine.start(&flow, input.clone()).key("it").await.unwrap();
    failed(&engine).await;
    engine.shutdown(Duration::ZERO).await.unwrap();
    // The input, the output and the checkpoint.
    assert_eq!(fs::read_dir(journal.join("payloads")).unwrap().count(), 3);
    // Nothing but the records is left.
    fs::remove_dir_all(journal.join("index")).unwrap();
    let _ = fs::remove_dir_all(journal.join("checkpoints"));

    let engine = Engine::open(&journal).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, input.clone()).key("it").await.unwrap();
    run.retry_now("ann", "the line is back").await.unwrap();
    let output = run.outcome().await.unwrap();
    assert!(output == reversed(&input), "the second step got what the first life made");
    assert_eq!((made.so_far(), used.so_far()), (1, 2));
    let records = records(&engine).await;
    let large = records.iter().filter(|record| record.payload_bytes() > MIB - 10).count();
    assert_eq!(large, 4, "whoever watches sees all of it");
    engine.shutdown(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_run_whose_payload_is_lost_is_told_as_lost_and_the_engine_opens() {
    let home = tempfile::tempdir().unwrap();
    let journal = home.path().join("journal");
    let (made, used) = (Calls::default(), Calls::default());
    let flow = flow(1, &made, &used);
    let engine = Engine::open(&journal).register(&flow).start().await.unwrap();
    let id = engine.start(&flow, text(1, LARGEST)).key("it").await.unwrap().id();
    failed(&engine).await;
    engine.shutdown(Duration::ZERO).await.unwrap();
    let _ = fs::remove_dir_all(journal.join("checkpoints"));
    // What the first step made, and the checkpoint that has the same text.
    let begin = reversed(&text(1, LARGEST)).get(..100).unwrap().as_bytes().to_vec();
    for entry in fs::read_dir(journal.join("payloads")).unwrap() {
        let path = entry.unwrap().path();
        let mut body = fs::read(&path).unwrap();
        if body.windows(100).take(200).any(|part| part == begin) {
            body.truncate(500);
            fs::write(path, body).unwrap();
        }
    }
    let engine = Engine::open(&journal).register(&flow).start().await.unwrap();
    assert!(names(&records(&engine).await).contains(&"journal_recovered"));
    let view = engine.run(id).view().await.unwrap();
    assert_eq!(view.status, RunStatus::Paused, "somebody has to look at it");
    engine.run(id).resume("ann", "make it again").await.unwrap();
    assert!(engine.run(id).outcome().await.is_ok());
    assert_eq!(made.so_far(), 2, "what was lost is made again");
    engine.shutdown(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_of_large_payloads_leaves_memory_and_comes_back() {
    let (made, used) = (Calls::default(), Calls::default());
    let flow = flow(1, &made, &used);
    let mut settings = Settings::default();
    settings.checkpoint_records = 1;
    settings.rest_after = Duration::ZERO;
    let disk = MemoryStore::new();
    let engine = support::engine_on(disk.clone()).settings(settings);
    let engine = engine.register(&flow).start().await.unwrap();
    let input = text(2, LARGEST);
    let run = engine.start(&flow, input.clone()).await.unwrap();
    tokio::time::sleep(HOUR / 2).await;
    let pairs = disk.cache().unwrap().range(&[], &[0xff], usize::MAX).unwrap();
    let bytes: usize = pairs.iter().map(|(_, value)| value.len()).sum();
    assert!(bytes > 2 * MIB, "its input, output and checkpoint rest: {bytes} bytes");
    assert_eq!(used.so_far(), 1);
    assert!(run.outcome().await.unwrap() == reversed(&input));
    assert_eq!((made.so_far(), used.so_far()), (1, 2));
    // Once it has ended it leaves again, and is still there for whoever asks.
    tokio::time::sleep(HOUR).await;
    assert!(run.outcome().await.unwrap() == reversed(&input));
}
