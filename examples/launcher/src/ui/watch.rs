//! Follows the journal of an engine and shows it until the engine stops.

use std::io::IsTerminal;
use std::time::Duration;

use resurge::journal::Record;
use resurge::journal::event::Event;
use resurge::{BreakerView, Engine, RunView, Seq, StepStatus};
use tokio::time::{Interval, MissedTickBehavior};

use super::bars::Bars;
use super::known::Known;
use super::lines;
use super::story::{Line, tell};
use crate::out;

/// Shows every transition from a position on; ends when the engine has stopped.
pub(crate) async fn watch(
    engine: Engine,
    from: Seq,
    runs: Vec<RunView>,
    breakers: Vec<BreakerView>,
) {
    let mut names = Known::new(&runs, &breakers);
    let mut display = Display::new(&runs, &names);
    for run in runs.iter().filter(|run| !run.status.is_final()) {
        display.line(&goes_on(run, &names));
    }
    let mut events = engine.events(from);
    loop {
        tokio::select! {
            next = events.next() => match next {
                Ok(Some(record)) => display.record(&mut names, &record),
                Ok(None) => break,
                Err(error) => {
                    out::error(&error);
                    break;
                }
            },
            () = display.tick() => display.refresh(&engine).await,
        }
    }
    display.close();
}

/// Whether messages go to something that cannot be drawn on.
pub(crate) fn is_plain() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_dumb || !std::io::stderr().is_terminal()
}

enum Display {
    Lines,
    Bars { bars: Bars, ticks: Interval },
}

impl Display {
    fn new(runs: &[RunView], names: &Known) -> Self {
        if is_plain() {
            return Self::Lines;
        }
        let mut bars = Bars::new();
        for run in runs.iter().filter(|run| !run.status.is_final()) {
            bars.add(run.id, names);
        }
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self::Bars { bars, ticks }
    }

    /// When the display wants to be drawn again; lines never do.
    async fn tick(&mut self) {
        match self {
            Self::Lines => std::future::pending().await,
            Self::Bars { ticks, .. } => {
                ticks.tick().await;
            }
        }
    }

    async fn refresh(&self, engine: &Engine) {
        let Self::Bars { bars, .. } = self else { return };
        let (Ok(breakers), Ok(now)) = (engine.breakers().await, engine.now().await) else { return };
        for run in bars.open() {
            if let Ok(view) = engine.run(run).view().await {
                bars.update(&view, &breakers, now);
            }
        }
    }

    fn line(&self, line: &Line) {
        match self {
            Self::Lines => lines::show(line),
            Self::Bars { bars, .. } => bars.print(line),
        }
    }

    fn record(&mut self, names: &mut Known, record: &Record) {
        let line = tell(names, record);
        match self {
            Self::Lines => {
                if let Some(line) = line {
                    lines::show(&line);
                }
            }
            Self::Bars { bars, .. } => {
                if let Some(run) = record.run {
                    if is_end(&record.event) {
                        bars.remove(run);
                    } else {
                        bars.add(run, names);
                    }
                }
                // Bars tell that all goes well; only trouble and ends are worth a line.
                let is_quiet = matches!(
                    record.event,
                    Event::AttemptStarted(_)
                        | Event::AttemptSucceeded(_)
                        | Event::StepParked(_)
                        | Event::StepReleased(_)
                );
                if let Some(line) = line.filter(|_| !is_quiet) {
                    bars.print(&line);
                }
            }
        }
    }

    fn close(&mut self) {
        if let Self::Bars { bars, .. } = self {
            bars.clear();
        }
    }
}

/// A run that an earlier process has left unfinished.
fn goes_on(run: &RunView, names: &Known) -> Line {
    let done = run.steps.iter().filter(|step| step.status == StepStatus::Succeeded);
    let done = done.map(|step| step.key.as_str()).collect::<Vec<_>>().join(", ");
    let done = if done.is_empty() { String::new() } else { format!("; done before: {done}") };
    let text = format!("goes on where it stopped{done}");
    Line { name: names.name(run.id), step: "all".to_owned(), text }
}

const fn is_end(event: &Event) -> bool {
    matches!(
        event,
        Event::RunSucceeded(_)
            | Event::RunFailed(_)
            | Event::RunExhausted(_)
            | Event::RunCancelled(_)
    )
}
