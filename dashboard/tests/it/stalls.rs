//! A disk that hangs.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use axum::http::Method;
use resurge::journal::Record;
use resurge::journal::store::{AppendError, MemoryStore, ReadError, Scan, Store};
use resurge::{Engine, Seq};
use resurge_dashboard::{Limits, Token};
use serde_json::json;

use crate::house::{House, echo};

/// A store whose appends wait until they are let through.
#[derive(Debug, Default)]
struct Hanging {
    inner: MemoryStore,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    hangs: bool,
    is_asked: bool,
}

impl Hanging {
    fn set(&self, hangs: bool) {
        self.state.lock().unwrap().hangs = hangs;
        self.changed.notify_all();
    }

    /// Waits until an append hangs. Blocks the thread.
    fn until_asked(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !state.is_asked).unwrap());
    }
}

impl Store for Hanging {
    fn head(&self) -> Seq {
        self.inner.head()
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        let mut state = self.state.lock().unwrap();
        state.is_asked = state.hangs;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |state| state.hangs).unwrap());
        self.inner.append(expected, batch)
    }

    fn scan(&self, from: Seq) -> Scan<'_> {
        self.inner.scan(from)
    }

    fn read(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        self.inner.read(seq)
    }

    fn location(&self) -> &str {
        self.inner.location()
    }

    fn close(&self) {
        self.inner.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nobody_waits_for_ever_for_a_disk_that_hangs() {
    let (store, flow) = (Arc::new(Hanging::default()), echo());
    let engine = Engine::with_store(Arc::clone(&store) as Arc<dyn Store>);
    let engine = engine.register(&flow).start().await.unwrap();
    let mut limits = Limits::default();
    limits.answer_timeout = Duration::from_millis(50);
    let token = Token::random().unwrap();
    let house = House::over(engine, flow, token, |builder| builder.limits(limits)).await;
    store.set(true);
    let (engine, flow) = (house.engine.clone(), house.flow.clone());
    let run = tokio::spawn(async move { engine.start(&flow, "one".to_owned()).await });
    store.until_asked();
    let answer = house.get("/api/v1/settings").answer().await;
    assert_eq!(answer.code(), "stalled");
    assert!(!answer.header("retry-after").is_empty());
    let health = house.stranger(Method::GET, "/healthz").answer().await;
    store.set(false);
    assert_eq!(health.json(), json!({ "status": "stalled" }));
    run.await.unwrap().unwrap();
}
