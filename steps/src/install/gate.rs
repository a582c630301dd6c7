//! Keeps a thread from publishing for an attempt that is no longer there.

use std::sync::{Arc, Mutex, PoisonError};

use resurge_journal::failure::Class;

use crate::context::StepContext;
use crate::error::StepError;
use crate::stop::StopReason;

/// What a blocking thread asks before each piece of work, and holds while it publishes.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    open: Arc<Mutex<bool>>,
    cx: StepContext,
}

/// Closes the gate when the attempt's future is dropped.
#[derive(Debug)]
pub(super) struct Keeper(Arc<Mutex<bool>>);

impl Gate {
    pub(super) fn new(cx: &StepContext) -> (Self, Keeper) {
        let open = Arc::new(Mutex::new(true));
        (Self { open: Arc::clone(&open), cx: cx.clone() }, Keeper(open))
    }

    pub(super) const fn cx(&self) -> &StepContext {
        &self.cx
    }

    /// An error if the attempt was dropped or asked to stop.
    pub(super) fn check(&self) -> Result<(), StepError> {
        self.pass(|| Ok(()))
    }

    /// Does `work` unless the attempt was dropped or asked to stop.
    ///
    /// Once the attempt's future is dropped, no work begins any more; work that has begun ends
    /// before the drop does.
    pub(super) fn pass<T>(
        &self,
        work: impl FnOnce() -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = self.cx.stop_reason() {
            return Err(stopped(reason));
        }
        if !*open {
            return Err(stopped(StopReason::Superseded));
        }
        work()
    }

    /// Does `work` unless the attempt was dropped, even if it was asked to stop.
    pub(super) fn while_kept(&self, work: impl FnOnce()) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if *open {
            work();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }
}

fn stopped(reason: StopReason) -> StepError {
    let class = match reason {
        StopReason::Cancelled => Class::Cancelled,
        _ => Class::Interrupted,
    };
    StepError::new(class, "stopped", "stopped before anything was published")
}

#[cfg(all(test, feature = "testing"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::TestRun;

    #[test]
    fn nothing_passes_once_the_attempt_is_dropped_or_stopped() {
        let step = resurge_journal::StepKey::new("install").unwrap();
        let mut run = TestRun::new(step, "scratch");
        let attempt = run.attempt();
        let (gate, keeper) = Gate::new(&attempt.cx);
        assert_eq!(gate.pass(|| Ok(7)).unwrap(), 7);
        attempt.stop.stop(StopReason::Shutdown);
        assert_eq!(gate.pass(|| Ok(7)).unwrap_err().class(), Class::Interrupted);
        let mut done = false;
        gate.while_kept(|| done = true);
        assert!(done);

        drop(keeper);
        gate.while_kept(|| unreachable!("the attempt is gone"));
        let (gate, keeper) = Gate::new(&run.attempt().cx);
        drop(keeper);
        assert!(gate.check().is_err());
        assert!(gate.pass::<()>(|| unreachable!("the attempt is gone")).is_err());
    }
}
