//! `journal-dump stats`

use std::io::{self, Write};
use std::time::Duration;

use resurge_journal::dump::{JSON_LINES_VERSION, Plain};
use resurge_journal::state::Stats;
use serde_json::{Map, Value, json};

use crate::args::{Form, StatsArgs};
use crate::exit::{Exit, Trouble};
use crate::source::Source;

pub(crate) fn run(args: &StatsArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    Source::show(&args.journal, out, |source, out| tell(source, args, out))
}

fn tell(source: &Source, args: &StatsArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let exit = source.warn();
    let state = source.state();
    match args.format {
        Form::Human => human(state.stats(), out)?,
        Form::Json => writeln!(out, "{}", object(state.stats()))?,
    }
    Ok(exit)
}

fn human(stats: &Stats, out: &mut dyn Write) -> io::Result<()> {
    let rate = stats.success_rate().map(|rate| format!("{:.1} %", rate * 100.0));
    let recovery = seconds(stats).map(|seconds| format!("{seconds:.1} s"));
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let lines = [
        ("total operations", stats.total.to_string()),
        ("succeeded operations", stats.succeeded.to_string()),
        ("recovered operations", stats.recovered.to_string()),
        ("failed operations", stats.failed.to_string()),
        ("cancelled operations", stats.cancelled.to_string()),
        ("average recovery time", or_none(recovery)),
        ("retry attempts", stats.retry_attempts.to_string()),
        ("circuit breaker trips", stats.breaker_trips.to_string()),
        ("success rate", or_none(rate)),
    ];
    for (name, value) in lines {
        writeln!(out, "{name:<22}  {value}")?;
    }
    if !stats.by_class.is_empty() {
        writeln!(out, "\n{:<22}  {:>8}  {:>8}", "CLASS", "FAILURES", "RETRIED")?;
    }
    for (class, counted) in &stats.by_class {
        writeln!(out, "{:<22}  {:>8}  {:>8}", class.name(), counted.failures, counted.retried)?;
    }
    if !stats.by_resource.is_empty() {
        writeln!(out, "\n{:>8}  {:>8}  {:>8}  RESOURCE", "ALIVE", "FAILING", "TRIPS")?;
    }
    for (key, counted) in &stats.by_resource {
        let (alive, failing, trips) = (counted.alive, counted.failing, counted.trips);
        writeln!(out, "{alive:>8}  {failing:>8}  {trips:>8}  {}", Plain(key.as_str()))?;
    }
    Ok(())
}

/// An operation is a run; times are in seconds, the rate lies between 0 and 1.
fn object(stats: &Stats) -> Value {
    let classes = stats.by_class.iter().map(|(class, counted)| {
        let counts = json!({ "failures": counted.failures, "retried": counted.retried });
        (class.name().to_owned(), counts)
    });
    let resources = stats.by_resource.iter().map(|(key, counted)| {
        let (alive, failing, trips) = (counted.alive, counted.failing, counted.trips);
        let counts = json!({ "alive": alive, "failing": failing, "circuit_breaker_trips": trips });
        (key.as_str().to_owned(), counts)
    });
    json!({
        "v": JSON_LINES_VERSION,
        "total_operations": stats.total,
        "succeeded_operations": stats.succeeded,
        "recovered_operations": stats.recovered,
        "failed_operations": stats.failed,
        "cancelled_operations": stats.cancelled,
        "average_recovery_time": seconds(stats),
        "retry_attempts": stats.retry_attempts,
        "circuit_breaker_trips": stats.breaker_trips,
        "success_rate": stats.success_rate(),
        "by_class": classes.collect::<Map<_, _>>(),
        "by_resource": resources.collect::<Map<_, _>>(),
    })
}

fn seconds(stats: &Stats) -> Option<f64> {
    stats.average_recovery_ms().map(|millis| Duration::from_millis(millis).as_secs_f64())
}
