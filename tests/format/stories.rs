//! What happens in the golden journals, as an engine recorded it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::Event;
use resurge::journal::store::{AppendError, MemoryStore, Store, Wrapper};
use resurge::{
    BreakerControl, Class, Engine, EngineBuilder, Jitter, RetryPolicy, Seq, StepContext, StepError,
    Workflow,
};
use support::{Host, VirtualClock, patient, visit};

const SECOND: Duration = Duration::from_secs(1);

/// Records in the batches in which they were written.
pub(crate) type Batches = Vec<Vec<Record>>;

/// A store in memory that remembers its batches.
#[derive(Debug, Clone, Default)]
struct Recorder {
    records: MemoryStore,
    batches: Arc<Mutex<Batches>>,
}

impl Recorder {
    fn engine(&self) -> EngineBuilder {
        Engine::with_store(Arc::new(self.clone())).clock(VirtualClock::start())
    }

    /// What a process that dies here leaves; later it may not write any more.
    fn cut_off(&self) -> Self {
        let batches = Arc::new(Mutex::new(self.batches()));
        Self { records: self.records.truncated(self.records.head()), batches }
    }

    /// The batches, without what only this machine would have written.
    fn batches(&self) -> Batches {
        let batches = self.batches.lock().unwrap().clone().into_iter();
        batches.map(|batch| batch.into_iter().map(anonymous).collect()).collect()
    }
}

/// A record without what only this machine would have written.
pub(crate) fn anonymous(mut record: Record) -> Record {
    if let Event::EngineOpened(opened) = &mut record.event {
        opened.boot = Some("5bd0c4c1-7f2b-4c6e-9a3e-0d8f6a1b2c3d".to_owned());
        opened.pid = 4_711;
    }
    record
}

impl Wrapper for Recorder {
    fn inner(&self) -> &dyn Store {
        &self.records
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let head = self.records.append(expected, batch)?;
        self.batches.lock().unwrap().push(batch.to_vec());
        Ok(head)
    }
}

/// A workflow of three steps, the second of which fails `failures` times and saves checkpoints.
fn install(failures: u32) -> Workflow<serde_json::Value, String> {
    let mut flow = Workflow::builder::<serde_json::Value>("install-model").version(3);
    let spec = flow.input();
    let download = flow
        .step_fn("download", spec, |_: StepContext, spec: serde_json::Value| async move {
            Ok(format!(
                "/models/{}.tar",
                spec.get("name").and_then(serde_json::Value::as_str).unwrap_or_default()
            ))
        })
        .timeout(SECOND * 600)
        .add();
    let verify = flow
        .step_fn("verify", download, move |cx: StepContext, path: String| async move {
            let so_far = cx.checkpoint::<u32>()?.unwrap_or(0);
            cx.save_checkpoint(&(so_far + 1)).await?;
            if so_far < failures {
                let error = StepError::new(Class::Network, "reset", "the line broke: größer 💥");
                return Err(error.hint("check the cable"));
            }
            Ok(path)
        })
        .retry(RetryPolicy::exponential(SECOND).jitter(Jitter::None))
        .add();
    let unpack = flow
        .step_fn(
            "unpack",
            (download, verify),
            |_: StepContext, (tar, path): (String, String)| async move {
                Ok(format!("{tar} as {path}"))
            },
        )
        .add();
    flow.build(unpack).unwrap()
}

fn input(name: &str) -> serde_json::Value {
    let url = format!("https://ann:secret@example.org/{name}?a=b@c");
    serde_json::json!({ "name": name, "url": url, "bytes": 9_007_199_254_740_993_u64, "rate": 0.1 })
}

/// Two runs that succeed, one of them after failures; one that fails; a proper end.
pub(crate) async fn happy() -> Batches {
    let store = Recorder::default();
    let (flow, hopeless) = (
        install(2),
        support::fail_first(9, Class::Permission, patient(), &support::Calls::default()),
    );
    let engine = store.engine().register(&flow).register(&hopeless).start().await.unwrap();
    for name in ["tiny", "grün"] {
        engine.start(&flow, input(name)).key(name).await.unwrap().outcome().await.unwrap();
    }
    engine.start(&hopeless, ()).await.unwrap().outcome().await.unwrap_err();
    engine.shutdown(SECOND).await.unwrap();
    store.batches()
}

/// A process that dies in an attempt; the next one goes on, is paused and steered, and dies as well.
pub(crate) async fn interrupted() -> Batches {
    let store = Recorder::default();
    let deaf = support::deaf();
    let engine = store.engine().register(&deaf).start().await.unwrap();
    engine.start(&deaf, ()).key("first").await.unwrap();
    tokio::time::sleep(SECOND).await;

    let store = store.cut_off();
    let engine = store.engine().register(&deaf).start().await.unwrap();
    let first = engine.runs().await.unwrap().into_iter().next().unwrap().id;
    let first = engine.run(first);
    tokio::time::sleep(SECOND).await;
    first.pause("ann", "the line is needed").await.unwrap();
    tokio::time::sleep(SECOND * 60).await;
    first.resume("ann", "free again").await.unwrap();
    tokio::time::sleep(SECOND).await;
    let second = engine.start(&deaf, ()).key("second").deadline(SECOND * 3_600).await.unwrap();
    tokio::time::sleep(SECOND).await;
    engine.run(second.id()).cancel("bob", "not wanted any more").await.unwrap();
    tokio::time::sleep(SECOND * 60).await;
    store.cut_off().batches()
}

/// A run whose input and output do not fit into a frame, and one whose do.
pub(crate) async fn payload() -> Batches {
    let store = Recorder::default();
    let mut flow = Workflow::builder::<String>("shout");
    let text = flow.input();
    let shout =
        flow.step_fn("shout", text, |_: StepContext, text: String| async move {
            Ok(text.to_uppercase())
        })
        .add();
    let flow = flow.build(shout).unwrap();
    let engine = store.engine().register(&flow).start().await.unwrap();
    for text in ["a line of text, größer 💥; ".repeat(400), "a short one".to_owned()] {
        engine.start(&flow, text).await.unwrap().outcome().await.unwrap();
    }
    engine.shutdown(SECOND).await.unwrap();
    store.batches()
}

/// A host that is down: its breaker opens, probes and closes, and opens again; one is held by hand.
pub(crate) async fn breaker() -> Batches {
    let store = Recorder::default();
    let host = Host::refusing("example.org");
    let flow = visit(&host, patient());
    let engine = store.engine().register(&flow).start().await.unwrap();
    let mut runs = Vec::new();
    for n in 0..6 {
        runs.push(engine.start(&flow, n).await.unwrap());
    }
    tokio::time::sleep(SECOND * 20).await;
    host.up();
    for run in runs {
        run.outcome().await.unwrap();
    }
    engine.isolate(host.key(), Some(SECOND * 30), "ann", "maintenance").await.unwrap();
    let held = engine.start(&flow, 7).await.unwrap();
    tokio::time::sleep(SECOND).await;
    held.force_retry("bob", "I said now").await.unwrap();
    held.outcome().await.unwrap();
    engine.control_breaker(host.key(), BreakerControl::Close, "ann", "done").await.unwrap();
    host.down();
    for n in 10..16 {
        engine.start(&flow, n).await.unwrap();
    }
    tokio::time::sleep(SECOND).await;
    engine.shutdown(SECOND).await.unwrap();
    store.batches()
}
