//! `journal-dump simulate`

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use resurge::lab::{self, Confidence, History, Policy, Report, Scenario, policies, storms, study};
use serde_json::{Value, json};

use crate::exit::{Exit, Trouble};
use crate::simulate_args::{Shape, SimulateArgs};
use crate::source::Source;

pub(crate) fn run(args: &SimulateArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    if args.table {
        return table(args, out);
    }
    match &args.journal {
        Some(journal) => again(args, journal, out),
        None => storm(args, out),
    }
}

/// Outages that are made up.
fn storm(args: &SimulateArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let policy = args.policy.policy(STORM_IN_FLIGHT_MAX)?;
    let report = study(&args.storm.storm(), &policy, runs(args), args.seed)?;
    match args.format {
        Shape::Human => writeln!(out, "{}\n{report}", Report::HEADER)?,
        Shape::Json => writeln!(out, "{}", json!({ "v": VERSION, "simulated": object(&report) }))?,
    }
    Ok(Exit::Ok)
}

/// The usual policies in the usual outages.
fn table(args: &SimulateArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    if args.format == Shape::Human {
        let runs = runs(args);
        writeln!(
            out,
            "completed % / attempts during the outage for each operation / mean lag after it; \
             {runs} runs a cell"
        )?;
        write!(out, "{:<22}", "")?;
        for (name, _) in storms() {
            write!(out, "  {name:<20}")?;
        }
        writeln!(out)?;
    }
    for (policy_name, policy) in policies() {
        let mut cells = Vec::new();
        for (storm_name, storm) in storms() {
            cells.push((storm_name, study(&storm, &policy, runs(args), args.seed)?));
        }
        match args.format {
            Shape::Human => {
                write!(out, "{policy_name:<22}")?;
                for (_, report) in &cells {
                    write!(out, "  {:<20}", cell(report))?;
                }
                writeln!(out)?;
            }
            Shape::Json => {
                for (storm, report) in &cells {
                    let simulated = object(report);
                    let line = json!({ "v": VERSION, "policy": policy_name, "outage": storm, "simulated": simulated });
                    writeln!(out, "{line}")?;
                }
            }
        }
    }
    Ok(Exit::Ok)
}

fn cell(report: &Report) -> String {
    let lag = report.lag_mean().map_or_else(|| "-".to_owned(), seconds);
    let attempts = report.attempts_in_outage_per_operation();
    format!("{:.0} / {attempts:.1} / {lag}", report.completed_percent())
}

/// What happened in a journal, under another policy.
fn again(args: &SimulateArgs, journal: &Path, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let policy = args.policy.policy(ENGINE_IN_FLIGHT_MAX)?;
    let source = Source::open(journal)?;
    let exit = source.warn();
    let history = History::read(|| source.records());
    let samples = history.confidence().samples;
    if samples < args.min_samples {
        return Err(Trouble::TooThin { samples, wanted: args.min_samples });
    }
    let simulated = simulate(&history, &policy, args)?;
    match args.format {
        Shape::Human => {
            writeln!(out, "{:<10}  {}", "", Report::HEADER)?;
            writeln!(out, "{:<10}  {}", "happened", history.happened())?;
            writeln!(out, "{:<10}  {simulated}", "simulated")?;
            writeln!(out, "{}", trust(&history))?;
        }
        Shape::Json => {
            let line = json!({
                "v": VERSION,
                "happened": object(history.happened()),
                "simulated": object(&simulated),
                "confidence": confidence(&history),
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(exit)
}

fn simulate(history: &History, policy: &Policy, args: &SimulateArgs) -> Result<Report, Trouble> {
    let mut sum = Report::default();
    for run in 0..u64::from(args.runs.unwrap_or(1)) {
        let seed = args.seed.wrapping_add(run);
        let scenario = Scenario { seed, ..history.scenario().clone() };
        sum.add(&lab::simulate(&scenario, policy)?);
    }
    Ok(sum)
}

/// How far the result can be trusted, in one line.
fn trust(history: &History) -> String {
    let Confidence { samples, failures, resources, observed, .. } = history.confidence();
    let Confidence { contradicted, open_ended, left_out, .. } = history.confidence();
    let outages = history.scenario().outages.len();
    let text = format!(
        "concluded from {samples} attempts and probes at {resources} hosts, {failures} of them \
         failures: {outages} outages; {:.0} % of the time was observed, the rest is a guess",
        100.0 * observed
    );
    let doubts = [
        (contradicted, "failures beside successes are no outage"),
        (open_ended, "outages were not seen to end"),
        (left_out, "steps are left out because something else ended them"),
    ];
    let doubts = doubts.into_iter().filter(|(count, _)| **count > 0);
    let doubts = doubts.map(|(count, what)| format!("{count} {what}"));
    [text].into_iter().chain(doubts).collect::<Vec<_>>().join("; ")
}

fn confidence(history: &History) -> Value {
    let confidence = history.confidence();
    json!({
        "samples": confidence.samples,
        "failures": confidence.failures,
        "resources": confidence.resources,
        "outages": history.scenario().outages.len(),
        "observed_percent": rounded(100.0 * confidence.observed),
        "contradicted": confidence.contradicted,
        "open_ended": confidence.open_ended,
        "left_out": confidence.left_out,
    })
}

fn object(report: &Report) -> Value {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    json!({
        "operations": report.operations,
        "completed": report.completed,
        "completed_percent": rounded(report.completed_percent()),
        "exhausted": report.exhausted,
        "unfinished": report.unfinished,
        "attempts": report.attempts,
        "attempts_in_outage": report.attempts_in_outage,
        "attempts_in_outage_per_operation": rounded(report.attempts_in_outage_per_operation()),
        "probes": report.probes,
        "lag_mean_ms": report.lag_mean().map(millis),
        "lag_p95_ms": report.lag_p95().map(millis),
        "requests_per_minute_max": report.requests_per_minute_max,
        "longest_silence_ms": millis(report.longest_silence),
    })
}

/// To the hundredth: more digits would say more than is known.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

fn runs(args: &SimulateArgs) -> u32 {
    args.runs.unwrap_or(200)
}

/// Version of the JSON objects.
const VERSION: u32 = 1;
/// Enough for the operations of a made-up outage to begin at once.
const STORM_IN_FLIGHT_MAX: u32 = 64;
/// What an engine bears by default.
const ENGINE_IN_FLIGHT_MAX: u32 = 16;
