//! `journal-dump show`

use std::io::Write;

use resurge_journal::dump::{Plain, glance};
use resurge_journal::event::ExhaustReason;
use resurge_journal::failure::Condition;
use resurge_journal::manifest::StepSpec;
use resurge_journal::state::{Hold, Run, RunPhase, Step, StepPhase};
use resurge_journal::{ResourceKey, RunKey, Timestamp};

use crate::args::ShowArgs;
use crate::attempts::{self, Attempt};
use crate::exit::{Exit, Trouble};
use crate::select;
use crate::source::Source;

pub(crate) fn run(args: &ShowArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    Source::show(&args.journal, out, |source, out| tell(source, args, out))
}

fn tell(source: &Source, args: &ShowArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let exit = source.warn();
    let id = select::run(&args.run, source.records())?;
    let state = source.state();
    let Some(run) = state.run(id) else {
        return Err(Trouble::NothingMatched(args.run.clone()));
    };
    let attempts = attempts::of(
        id,
        source.records().take_while(|r| source.is_one_run() || r.seq <= state.head()),
    );
    header(run, out)?;
    for (_, spec, step) in run.steps() {
        one_step(spec, step, &attempts, out)?;
    }
    writeln!(out)?;
    writeln!(out, "next      {}", Plain(&next(run)))?;
    Ok(exit)
}

fn header(run: &Run, out: &mut dyn Write) -> Result<(), Trouble> {
    let started = &run.started;
    writeln!(out, "run       {}", run.id)?;
    writeln!(out, "workflow  {} version {}", started.manifest.workflow, started.manifest.version)?;
    if let Some(key) = &started.key {
        writeln!(out, "key       {}", Plain(RunKey::as_str(key)))?;
    }
    writeln!(out, "status    {}", run.status())?;
    writeln!(out, "started   {}", run.started_at)?;
    for (name, at) in [("deadline", run.deadline_at), ("ended", run.ended_at)] {
        if let Some(at) = at {
            writeln!(out, "{name:<8}  {at}")?;
        }
    }
    writeln!(out, "input     {}", Plain(&glance(started.input.as_str(), PAYLOAD_CHARS)))?;
    if let Some(output) = run.output() {
        writeln!(out, "output    {}", Plain(&glance(output.as_str(), PAYLOAD_CHARS)))?;
    }
    Ok(())
}

fn one_step(
    spec: &StepSpec,
    step: &Step,
    attempts: &[Attempt],
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    writeln!(out)?;
    write!(out, "step      {} ({}) {}", spec.key, Plain(&spec.kind), phase(&step.phase))?;
    if step.charged > 0 {
        write!(out, ", {} of {} failures", step.charged, spec.max_attempts())?;
    }
    writeln!(out)?;
    for attempt in attempts.iter().filter(|attempt| attempt.step == spec.key) {
        let (took, text) = match &attempt.end {
            Some((at, text)) => (took(attempt.started_at, *at), text.as_str()),
            None => (String::new(), "under way"),
        };
        writeln!(
            out,
            "  #{:<3}  {}  {took:>10}  {}",
            attempt.number.get(),
            attempt.started_at,
            Plain(text)
        )?;
    }
    if let Some(hint) = step.last_failure.as_ref().and_then(|failure| failure.hint.as_deref()) {
        writeln!(out, "  hint  {}", Plain(hint))?;
    }
    if let StepPhase::Succeeded { output } = &step.phase {
        writeln!(out, "  gave  {}", Plain(&glance(output.as_str(), PAYLOAD_CHARS)))?;
    }
    Ok(())
}

/// A screen full; `log --format jsonl` tells everything.
const PAYLOAD_CHARS: usize = 2_000;

fn took(from: Timestamp, to: Timestamp) -> String {
    format!("{} ms", to.since(from).as_millis())
}

fn phase(phase: &StepPhase) -> String {
    match phase {
        StepPhase::Blocked => "waits for other steps".to_owned(),
        StepPhase::Ready => "ready".to_owned(),
        StepPhase::Running { attempt, .. } => format!("attempt {attempt} under way"),
        StepPhase::Waiting { due_at } => format!("waits until {due_at}"),
        StepPhase::Held { on: Hold::Breakers { keys, .. }, .. } => {
            let keys: Vec<&str> = keys.iter().map(ResourceKey::as_str).collect();
            format!("waits behind {}", keys.join(", "))
        }
        StepPhase::Held { on: Hold::Condition(Condition::DiskSpace { path, bytes }), .. } => {
            format!("waits for {bytes} free bytes at {path}")
        }
        StepPhase::Held { .. } => "waits for something to change".to_owned(),
        StepPhase::Succeeded { .. } => "succeeded".to_owned(),
        StepPhase::Failed { verdict } => verdict.name().replace('_', " "),
        StepPhase::Stopped => "stopped with its run".to_owned(),
    }
}

/// What happens to the run next, or what a person can do.
fn next(run: &Run) -> String {
    match &run.phase {
        RunPhase::Active => next_of_active(run),
        RunPhase::Parked { reason } => format!("register a workflow that fits it: {reason}"),
        RunPhase::Paused { actor, reason, .. } => {
            format!("nothing until it is resumed: {actor} paused it: {reason}")
        }
        RunPhase::Succeeded => "nothing, the run is complete".to_owned(),
        RunPhase::Failed { step } => {
            format!("nothing by itself: step `{step}` failed; {}", remedy(run))
        }
        RunPhase::Exhausted { reason: ExhaustReason::Deadline, .. } => {
            "nothing by itself: its deadline has passed; start it again".to_owned()
        }
        RunPhase::Exhausted { reason, step } => {
            let step = step.as_ref().map_or("a step", |step| step.as_str());
            let spent = match reason {
                ExhaustReason::Elapsed => "has been tried for as long as it may",
                ExhaustReason::ServerDelay => "was told to wait for longer than it may",
                _ => "has no retries left",
            };
            format!("nothing by itself: `{step}` {spent}; {}", remedy(run))
        }
        RunPhase::Cancelled { actor, reason } => {
            format!("nothing, {actor} called it off: {reason}")
        }
    }
}

fn remedy(run: &Run) -> &str {
    let mut failures = run.steps().filter_map(|(_, _, step)| step.last_failure.as_ref());
    let hint = failures.find_map(|failure| failure.hint.as_deref());
    hint.unwrap_or("remove the cause and start it again")
}

fn next_of_active(run: &Run) -> String {
    let soonest = run
        .steps()
        .filter_map(|(_, spec, step)| match step.phase {
            StepPhase::Waiting { due_at } => Some((due_at, &spec.key, step.attempts.next())),
            _ => None,
        })
        .min();
    let phase_of = |wanted: fn(&StepPhase) -> bool| {
        run.steps().find(|(_, _, step)| wanted(&step.phase)).map(|(_, spec, _)| &spec.key)
    };
    if let Some(step) = phase_of(|phase| matches!(phase, StepPhase::Running { .. })) {
        format!("step `{step}` is under way, or is begun anew when an engine opens the journal")
    } else if let Some((due_at, step, attempt)) = soonest {
        format!("attempt {attempt} of step `{step}` at {due_at}")
    } else if let Some(step) = phase_of(|phase| matches!(phase, StepPhase::Ready)) {
        format!("step `{step}` starts when an engine has room for it")
    } else if let Some(step) = phase_of(|phase| matches!(phase, StepPhase::Held { .. })) {
        format!(
            "step `{step}` goes on when what it waits for has come; `journal-dump why` says more"
        )
    } else {
        "the engine ends the run".to_owned()
    }
}
