//! Whether the engine is there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::dashboard::App;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, `stopped`, or `stalled` if the engine has not answered for 2 s, as with a disk that hangs.
    status: &'static str,
}

/// Whether the engine runs; open to all, and says no more than that.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn health(State(app): State<Arc<App>>) -> (StatusCode, Json<Health>) {
    let engine = app.engine.clone();
    let (code, status) = match app.pulse.beat(async move { engine.now().await.is_ok() }).await {
        Beat::Ok => (StatusCode::OK, "ok"),
        Beat::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
        Beat::Stalled => (StatusCode::SERVICE_UNAVAILABLE, "stalled"),
    };
    (code, Json(Health { status }))
}

/// Looks whether the engine answers: one look for all who ask, however many they are.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    last: Mutex<Option<Look>>,
}

/// When a look ended, and whether the engine answered; none while it is under way.
type Look = watch::Receiver<Option<(Instant, bool)>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beat {
    Ok,
    Stopped,
    Stalled,
}

impl Pulse {
    /// Whether the engine answers; asks it only if nobody has asked just now.
    async fn beat(&self, ask: impl Future<Output = bool> + Send + 'static) -> Beat {
        let mut look = self.look(ask);
        let found = tokio::time::timeout(PATIENCE, look.wait_for(Option::is_some)).await;
        match found.map(|found| found.ok().and_then(|found| *found)) {
            Ok(Some((_, true))) => Beat::Ok,
            Ok(_) => Beat::Stopped,
            Err(_) => Beat::Stalled,
        }
    }

    fn look(&self, ask: impl Future<Output = bool> + Send + 'static) -> Look {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_use = |look: &&Look| match *look.borrow() {
            Some((at, _)) => at.elapsed() < KEPT,
            // One that came to nothing is gone without a word.
            None => look.has_changed().is_ok(),
        };
        if let Some(look) = last.as_ref().filter(is_of_use) {
            return look.clone();
        }
        let (found, look) = watch::channel(None);
        // A look that was given up would still stand in the queue of the engine.
        tokio::spawn(async move {
            let answers = ask.await;
            found.send_replace(Some((Instant::now(), answers)));
        });
        last.insert(look).clone()
    }
}

const PATIENCE: Duration = Duration::from_secs(2);
const KEPT: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_look_serves_all_who_ask_while_the_engine_hangs() {
        let (pulse, answer) = (Pulse::default(), Arc::new(Notify::new()));
        let looks = Arc::new(AtomicU32::new(0));
        let ask = || {
            let (looks, answer) = (Arc::clone(&looks), Arc::clone(&answer));
            async move {
                looks.fetch_add(1, Ordering::Relaxed);
                answer.notified().await;
                true
            }
        };
        for _ in 0..5 {
            let began = Instant::now();
            let (one, other) = tokio::join!(pulse.beat(ask()), pulse.beat(ask()));
            assert_eq!((one, other), (Beat::Stalled, Beat::Stalled));
            assert_eq!(began.elapsed(), PATIENCE);
        }
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        answer.notify_one();
        assert_eq!(pulse.beat(ask()).await, Beat::Ok);
        assert_eq!(looks.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_a_moment_only() {
        let pulse = Pulse::default();
        assert_eq!(pulse.beat(async { true }).await, Beat::Ok);
        assert_eq!(pulse.beat(async { false }).await, Beat::Ok, "asked just now");
        tokio::time::advance(KEPT).await;
        assert_eq!(pulse.beat(async { false }).await, Beat::Stopped);
        tokio::time::advance(KEPT).await;
        assert_eq!(pulse.beat(async { panic!("as it was told to") }).await, Beat::Stopped);
        assert_eq!(pulse.beat(async { true }).await, Beat::Ok, "a look that broke is not kept");
    }
}
