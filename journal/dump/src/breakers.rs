//! `journal-dump breakers`

use std::io::{self, Write};

use resurge_journal::dump::{JSON_LINES_VERSION, Plain};
use resurge_journal::event::{BreakerMode, OpenCause};
use resurge_journal::state::{Breaker, Gate};
use resurge_journal::{ResourceKey, Timestamp};
use serde_json::{Value, json};

use crate::args::{BreakersArgs, Format};
use crate::clock;
use crate::exit::{Exit, Trouble};
use crate::source::Source;

pub(crate) fn run(args: &BreakersArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    Source::show(&args.journal, out, |source, out| tell(source, args, out))
}

fn tell(source: &Source, args: &BreakersArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let exit = source.warn();
    let state = source.state();
    let now = args.at.unwrap_or_else(clock::now);
    if args.format == Format::Human {
        writeln!(
            out,
            "{:<9}  {:>5}  {:>8}  {:>4}  {:<24}  BREAKER",
            "STATE", "TRIPS", "FAILURES", "HELD", "UNTIL"
        )?;
    }
    for (key, breaker) in state.breakers() {
        let view = View { key, breaker, now, held: state.held_by(key).count() };
        match args.format {
            Format::Human => view.human(out)?,
            Format::Jsonl => writeln!(out, "{}", view.line())?,
        }
    }
    Ok(exit)
}

/// A breaker at a moment.
struct View<'a> {
    key: &'a ResourceKey,
    breaker: &'a Breaker,
    now: Timestamp,
    /// Steps that wait behind it.
    held: usize,
}

impl View<'_> {
    fn mode(&self) -> BreakerMode {
        self.breaker.mode_at(self.now)
    }

    /// Where it stands, or the mode that overrides that.
    fn state(&self) -> &'static str {
        match (self.mode(), &self.breaker.gate) {
            (BreakerMode::Enforced, Gate::Closed) => "closed",
            (BreakerMode::Enforced, Gate::Open { .. }) => "open",
            (BreakerMode::Enforced, Gate::HalfOpen { .. }) => "half_open",
            (mode, _) => mode.name(),
        }
    }

    /// When what holds now ends by itself.
    fn until(&self) -> Option<Timestamp> {
        match (self.mode(), &self.breaker.gate) {
            (BreakerMode::Enforced, Gate::Open { until, .. }) => Some(*until),
            (BreakerMode::Enforced, _) => None,
            _ => self.breaker.mode.as_ref().and_then(|set| set.until),
        }
    }

    fn cause(&self) -> Option<OpenCause> {
        match self.breaker.gate {
            Gate::Open { cause, .. } => Some(cause),
            _ => None,
        }
    }

    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let until = match self.until() {
            Some(until) if until <= self.now => format!("{until}, over"),
            Some(until) => until.to_string(),
            None => "-".to_owned(),
        };
        write!(
            out,
            "{:<9}  {:>5}  {:>8}  {:>4}  {until:<24}  {}",
            self.state(),
            self.breaker.trips,
            self.breaker.failures_in_row,
            self.held,
            Plain(self.key.as_str()),
        )?;
        match self.breaker.mode.as_ref().filter(|_| self.mode() != BreakerMode::Enforced) {
            Some(set) => writeln!(out, "  by {}: {}", Plain(&set.actor), Plain(&set.reason)),
            None => match self.cause() {
                Some(cause) => writeln!(out, "  {cause}"),
                None => writeln!(out),
            },
        }
    }

    fn line(&self) -> Value {
        let set = self.breaker.mode.as_ref().filter(|_| self.mode() != BreakerMode::Enforced);
        json!({
            "v": JSON_LINES_VERSION,
            "key": self.key.as_str(),
            "state": self.state(),
            "mode": self.mode().name(),
            "epoch": self.breaker.epoch.get(),
            "cause": self.cause().map(OpenCause::name),
            "since": self.breaker.not_closed_since().map(|at| at.to_string()),
            "until": self.until().map(|at| at.to_string()),
            "trips": self.breaker.trips,
            "trips_ever": self.breaker.trips_ever,
            "failures_in_row": self.breaker.failures_in_row,
            "held": self.held,
            "actor": set.map(|set| set.actor.as_str()),
            "reason": set.map(|set| set.reason.as_str()),
        })
    }
}
