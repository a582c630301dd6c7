//! What steps are told to do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use resurge::{Class, StepContext, StepError};
use serde::Deserialize;
use tokio::sync::watch;

/// What the steps of an operation are told to do, by its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripts {
    lines: Arc<Mutex<HashMap<String, watch::Sender<Vec<Line>>>>>,
    rung: Arc<AtomicU64>,
}

/// What a step is told to do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// Say how far it is.
    Progress(u64, u64),
    /// Fail.
    Fail {
        class: Class,
        kind: String,
        message: String,
        #[serde(default)]
        hint: Option<String>,
    },
    /// Succeed.
    Succeed,
}

impl Scripts {
    /// Tells the steps of an operation what to do next.
    pub(crate) fn tell(&self, name: &str, lines: impl IntoIterator<Item = Line>) {
        self.of(name).send_modify(|known| known.extend(lines));
    }

    /// Somebody pressed the button.
    pub(crate) fn ring(&self) {
        self.rung.fetch_add(1, Ordering::Relaxed);
    }

    /// How often somebody pressed the button.
    pub(crate) fn rung(&self) -> u64 {
        self.rung.load(Ordering::Relaxed)
    }

    /// Does what an operation's steps are told until one of these ends the attempt.
    pub(crate) async fn play(&self, name: &str, cx: &StepContext) -> Result<(), StepError> {
        let mut lines = self.of(name).subscribe();
        loop {
            let line = self.take(name);
            match line {
                Some(Line::Progress(done, total)) => cx.progress(done, Some(total)),
                Some(Line::Fail { class, kind, message, hint }) => {
                    let error = StepError::new(class, kind, message);
                    return Err(match hint {
                        Some(hint) => error.hint(hint),
                        None => error,
                    });
                }
                Some(Line::Succeed) => return Ok(()),
                None => {
                    let stopped = tokio::select! {
                        _ = lines.wait_for(|lines| !lines.is_empty()) => None,
                        reason = cx.stopped() => Some(format!("{reason:?}")),
                    };
                    if let Some(word) = stopped {
                        return Err(StepError::new(Class::Interrupted, "stopped", word));
                    }
                }
            }
        }
    }

    fn take(&self, name: &str) -> Option<Line> {
        let mut taken = None;
        self.of(name).send_modify(|lines| {
            if !lines.is_empty() {
                taken = Some(lines.remove(0));
            }
        });
        taken
    }

    fn of(&self, name: &str) -> watch::Sender<Vec<Line>> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(name.to_owned()).or_insert_with(|| watch::Sender::new(Vec::new())).clone()
    }
}
