//! A process is killed in the middle of a run, and the next one goes on where it stopped:
//! `cargo run --example crash_and_resume`.
//!
//! The program starts itself as a child, kills it while the second of three steps is at work, and
//! starts a second child on the same journal. The first step does not run again, and the second
//! goes on from its last checkpoint.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use resurge::{BuildError, Engine, StepContext, StepError, Workflow};

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    match std::env::args_os().nth(1) {
        Some(journal) => work(Path::new(&journal)),
        None => watch_a_crash(),
    }
}

/// What the children do: start the run, or take up the one that is under way.
#[tokio::main]
async fn work(journal: &Path) -> Result<(), AnyError> {
    let flow = flow()?;
    let engine = Engine::open(journal).register(&flow).start().await?;
    // The same key and input again stand for the same run, so that this line starts and resumes.
    let run = engine.start(&flow, 5).key("the-count").await?;
    println!("the run ends with {}", run.outcome().await?);
    engine.shutdown(Duration::from_secs(1)).await?;
    Ok(())
}

fn flow() -> Result<Workflow<u32, String>, BuildError> {
    let mut flow = Workflow::builder::<u32>("count");
    let goal = flow.input();
    let first = flow.step_fn("prepare", goal, prepare).add();
    let counted = flow.step_fn("count", first, count).add();
    let last = flow
        .step_fn("report", counted, |_, counted: u32| async move { Ok(format!("{counted}")) })
        .add();
    flow.build(last)
}

async fn prepare(_cx: StepContext, goal: u32) -> Result<u32, StepError> {
    println!("step `prepare` runs");
    Ok(goal)
}

/// Counts slowly, and saves where it stands: an attempt that is killed is followed by one that
/// reads the checkpoint.
async fn count(cx: StepContext, goal: u32) -> Result<u32, StepError> {
    let mut at: u32 = cx.checkpoint()?.unwrap_or(0);
    while at < goal {
        at += 1;
        cx.save_checkpoint(&at).await?;
        println!("step `count` is at {at} of {goal}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(at)
}

fn watch_a_crash() -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let journal = folder.path().join("journal");

    println!("--- the first process");
    let mut child = start(&journal)?;
    for line in lines(&mut child)? {
        let line = line?;
        println!("{line}");
        if line.contains("at 3 of") {
            // SIGKILL, or what the system has in its place: nothing of the child can clean up.
            child.kill()?;
            println!("--- killed");
            break;
        }
    }
    child.wait()?;

    println!("--- the second process, on the same journal");
    let mut child = start(&journal)?;
    let mut seen = Vec::new();
    for line in lines(&mut child)? {
        seen.push(line?);
        println!("{}", seen.last().map(String::as_str).unwrap_or_default());
    }
    child.wait()?;

    // What this example promises, checked: it fails if a finished step ran again.
    let again = seen.iter().any(|line| line.contains("prepare") || line.contains("at 1 of"));
    let is_done = seen.iter().any(|line| line == "the run ends with 5");
    match (again, is_done) {
        (false, true) => println!("--- finished steps did not run again"),
        _ => return Err("the second process did not go on where the first one stopped".into()),
    }
    Ok(())
}

fn start(journal: &Path) -> std::io::Result<std::process::Child> {
    Command::new(std::env::current_exe()?).arg(journal).stdout(Stdio::piped()).spawn()
}

fn lines(
    child: &mut std::process::Child,
) -> Result<std::io::Lines<BufReader<std::process::ChildStdout>>, AnyError> {
    let out = child.stdout.take().ok_or("the child's output was taken before")?;
    Ok(BufReader::new(out).lines())
}
