//! Turns of those who compute for clients: together they leave most of the machine to the engine.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// One computes at a time, in the order of asking, and for half of the time nobody does.
///
/// However many streams are open, what they are told later costs the engine no more than that.
#[derive(Debug)]
pub(crate) struct Turns {
    /// When everything so far has been made up for by as much rest.
    rested_at: Mutex<Instant>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { rested_at: Mutex::new(Instant::now()) }
    }
}

impl Turns {
    /// Computes something when it is this one's turn.
    ///
    /// # Cancel safety
    /// Safe: what was dropped has not begun.
    pub(crate) async fn take<T>(&self, compute: impl FnOnce() -> T) -> T {
        let mut rested_at = self.rested_at.lock().await;
        // Those who come now and then find it rested, and short turns follow each other at once.
        if let Some(debt) = rested_at.checked_duration_since(Instant::now() + SLACK) {
            tokio::time::sleep(debt).await;
        }
        let began = Instant::now();
        let computed = compute();
        *rested_at = (*rested_at).max(began) + began.elapsed() * 2;
        computed
    }
}

/// Shorter rests than this are no rest: timers count milliseconds.
const SLACK: Duration = Duration::from_millis(4);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// What takes so long; the clock is virtual, and computing cannot wait for it.
    async fn charge(turns: &Turns, length: Duration) {
        *turns.rested_at.lock().await += length * 2;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_now_and_then_does_not_wait() {
        let turns = Turns::default();
        for _ in 0..10 {
            let asked = Instant::now();
            turns.take(|| ()).await;
            assert_eq!(asked.elapsed(), Duration::ZERO);
            charge(&turns, Duration::from_millis(10)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_turn_after_turn_rests_as_long_as_it_computes() {
        let turns = Arc::new(Turns::default());
        let began = Instant::now();
        let one = |turns: Arc<Turns>| async move {
            for _ in 0..10 {
                turns.take(|| ()).await;
                charge(&turns, Duration::from_millis(10)).await;
            }
        };
        tokio::join!(one(Arc::clone(&turns)), one(Arc::clone(&turns)));
        turns.take(|| ()).await;
        let (least, most) = (Duration::from_millis(390), Duration::from_millis(402));
        // 20 turns of 10 ms, and as much rest; the clock of a test counts none of the computing.
        assert!((least..most).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}
