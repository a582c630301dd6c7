//! Nothing follows the record that closes an epoch.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use resurge::journal::event::Event;
use resurge::journal::store::{AppendError, MemoryStore, Store, Wrapper};
use resurge::journal::{Record, Seq};
use tokio::sync::oneshot;

/// A store whose last commit waits until it is let.
#[derive(Debug)]
struct Gate {
    records: MemoryStore,
    reached: Mutex<Option<oneshot::Sender<()>>>,
    let_go: Mutex<mpsc::Receiver<()>>,
}

impl Wrapper for Gate {
    fn inner(&self) -> &dyn Store {
        &self.records
    }

    fn append(&self, expected: Seq, batch: &[Record]) -> Result<Seq, AppendError> {
        if batch.iter().any(|record| matches!(record.event, Event::EngineClosed(_))) {
            if let Some(reached) = self.reached.lock().unwrap().take() {
                reached.send(()).unwrap();
            }
            self.let_go.lock().unwrap().recv().unwrap();
        }
        self.records.append(expected, batch)
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_while_the_journal_closes_is_not_cancelled_behind_it() {
    let flow = support::deaf();
    let disk = MemoryStore::new();
    let (reached, closing) = oneshot::channel();
    let (open, let_go) = mpsc::channel();
    let (reached, let_go) = (Mutex::new(Some(reached)), Mutex::new(let_go));
    let gate = Gate { records: disk.clone(), reached, let_go };
    let engine = support::engine_on(gate).register(&flow).start().await.unwrap();
    let run = engine.start(&flow, ()).await.unwrap();

    let shutdown = tokio::spawn(async move { engine.shutdown(Duration::ZERO).await });
    closing.await.unwrap();
    let cancel = tokio::spawn(async move { run.cancel("me", "too late").await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    open.send(()).unwrap();
    shutdown.await.unwrap().unwrap();
    let _ = cancel.await.unwrap();
    let last = disk.read(disk.head()).unwrap().unwrap();
    assert_eq!(last.event.name(), "engine_closed");
}
