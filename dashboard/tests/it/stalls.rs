//! A disk that hangs.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures_util::StreamExt;
use resurge::journal::Record;
use resurge::journal::store::{AppendError, MemoryStore, ReadError, Scan, Store};
use resurge::{Engine, Seq};
use resurge_dashboard::{Limits, Token};
use serde_json::json;

use crate::client::Ask;
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
    reads_hang: bool,
    readers: usize,
}

impl Hanging {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    /// Waits until it has come to that. Blocks the thread.
    fn until(&self, is_there: impl Fn(&State) -> bool) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !is_there(state)).unwrap());
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
        self.set(|state| state.readers += 1);
        self.until(|state| !state.reads_hang);
        self.set(|state| state.readers -= 1);
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

async fn house(store: &Arc<Hanging>, change: impl FnOnce(&mut Limits)) -> House {
    let flow = echo();
    let engine = Engine::with_store(Arc::clone(store) as Arc<dyn Store>);
    let engine = engine.register(&flow).start().await.unwrap();
    let mut limits = Limits::default();
    change(&mut limits);
    let token = Token::random().unwrap();
    House::over(engine, flow, token, |builder| builder.limits(limits)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nobody_waits_for_ever_for_a_disk_that_hangs() {
    let store = Arc::new(Hanging::default());
    let house = house(&store, |limits| limits.answer_timeout = Duration::from_millis(50)).await;
    store.set(|state| state.hangs = true);
    let (engine, flow) = (house.engine.clone(), house.flow.clone());
    let run = tokio::spawn(async move { engine.start(&flow, "one".to_owned()).await });
    store.until(|state| state.is_asked);
    let answer = house.get("/api/v1/settings").answer().await;
    assert_eq!(answer.code(), "stalled");
    assert!(!answer.header("retry-after").is_empty());
    let health = house.stranger(Method::GET, "/healthz").answer().await;
    store.set(|state| state.hangs = false);
    assert_eq!(health.json(), json!({ "status": "stalled" }));
    run.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn only_so_many_read_the_journal_at_once() {
    let store = Arc::new(Hanging::default());
    let house = house(&store, |limits| limits.look_back_wait = Duration::from_millis(50)).await;
    let run = house.run("one").await.id();
    for path in
        [format!("/api/v1/operations/{run}/events"), format!("/api/v1/view?operation={run}")]
    {
        // The first look at all operations reads the journal as well.
        house.get("/api/v1/operations").answer().await;
        store.set(|state| state.reads_hang = true);
        let ask = || house.get(&path);
        let first_bytes = async |ask: Ask| {
            let answer = ask.open().await;
            let status = answer.status();
            let bytes = answer.into_body().into_data_stream().next().await;
            (status, bytes.is_some_and(|bytes| bytes.is_ok()))
        };
        let asked =
            futures_util::future::join3(first_bytes(ask()), first_bytes(ask()), first_bytes(ask()));
        let refused = async {
            let hanging = Arc::clone(&store);
            let wait = move || hanging.until(|state| state.readers == 3);
            tokio::task::spawn_blocking(wait).await.unwrap();
            let refused = ask().answer().await;
            store.set(|state| state.reads_hang = false);
            refused
        };
        let (asked, refused) = tokio::join!(asked, refused);
        assert_eq!(refused.code(), "busy", "{path}");
        assert!(!refused.header("retry-after").is_empty());
        let fine = (StatusCode::OK, true);
        assert_eq!(asked, (fine, fine, fine), "{path}");
    }
}
