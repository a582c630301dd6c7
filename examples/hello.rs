//! Three steps in memory: `cargo run --example hello`.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use resurge::{Engine, StepContext, Workflow};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A workflow is a graph of steps. Handles stand for what steps will give, so that the compiler
    // checks the wiring: `shout` takes exactly what `greet` gives.
    let mut flow = Workflow::builder::<String>("hello");
    let name = flow.input();
    let greeting = flow
        .step_fn("greet", name, |_, name: String| async move { Ok(format!("hello {name}")) })
        .add();
    let length = flow
        .step_fn("count", name, |_, name: String| async move { Ok(name.chars().count()) })
        .add();
    // Two handles in, one tuple out: this step waits for both.
    let result = flow.step_fn("shout", (greeting, length), shout).add();
    let flow = flow.build(result)?;

    // Nothing outlives the process here; `Engine::open("some/folder")` would keep a journal.
    let engine = Engine::in_memory().register(&flow).start().await?;
    let run = engine.start(&flow, "world".to_owned()).await?;
    println!("{}", run.outcome().await?);

    engine.shutdown(Duration::from_secs(1)).await?;
    Ok(())
}

async fn shout(
    _cx: StepContext,
    (greeting, length): (String, usize),
) -> Result<String, resurge::StepError> {
    Ok(format!("{}{}", greeting.to_uppercase(), "!".repeat(length)))
}
