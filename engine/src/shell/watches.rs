//! Looks from time to time whether what steps wait for has come true.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use resurge_journal::failure::Condition;
use resurge_journal::{RunId, StepIndex};
use resurge_steps::fs::free_space;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::ambient::{sleep, spawn, spawn_blocking};
use super::message::Message;
use crate::core::{Command, Watch};

/// The conditions that are looked at.
#[derive(Debug)]
pub(super) struct Watches {
    under_way: HashMap<(RunId, StepIndex), Watching>,
    driver: mpsc::WeakSender<Message>,
    period: Duration,
}

#[derive(Debug)]
struct Watching {
    condition: Condition,
    task: JoinHandle<()>,
}

impl Watches {
    pub(super) fn new(driver: mpsc::WeakSender<Message>, period: Duration) -> Self {
        Self { under_way: HashMap::new(), driver, period: period.max(PERIOD_MIN) }
    }

    /// Looks at these conditions of a run, and at no others of it.
    pub(super) fn keep(&mut self, run: RunId, wanted: Vec<Watch>) {
        if wanted.is_empty() && self.under_way.is_empty() {
            return;
        }
        self.under_way.retain(|(known, step), watching| {
            let is_wanted = *known != run
                || wanted.iter().any(|w| w.step == *step && w.condition == watching.condition);
            if !is_wanted {
                watching.task.abort();
            }
            is_wanted
        });
        for Watch { step, condition } in wanted {
            let (driver, period) = (&self.driver, self.period);
            self.under_way.entry((run, step)).or_insert_with(|| {
                let watch = watch(driver.clone(), period, run, step, condition.clone());
                Watching { condition, task: spawn(watch) }
            });
        }
    }

    /// Looks at nothing any more.
    pub(super) fn end(&mut self) {
        for (_, watching) in self.under_way.drain() {
            watching.task.abort();
        }
    }
}

/// Tells the driver when a condition has come true, and goes on until that is believed.
async fn watch(
    driver: mpsc::WeakSender<Message>,
    period: Duration,
    run: RunId,
    step: StepIndex,
    condition: Condition,
) {
    loop {
        sleep(period).await;
        let look = condition.clone();
        let is_true = spawn_blocking(move || holds(&look)).await.unwrap_or(false);
        if is_true {
            let Some(driver) = driver.upgrade() else { return };
            let command = Box::new(Command::Ready { run, step });
            if driver.send(Message::Tell { command }).await.is_err() {
                return;
            }
        }
    }
}

/// Whether a condition has come true; one that cannot be looked at is tried.
fn holds(condition: &Condition) -> bool {
    match condition {
        Condition::DiskSpace { path, bytes } => {
            free_space(Path::new(path)).map_or(true, |free| free >= *bytes)
        }
        _ => true,
    }
}

const PERIOD_MIN: Duration = Duration::from_millis(10);
