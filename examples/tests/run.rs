//! Every example runs to its end and says what it promises.

use std::path::PathBuf;
use std::process::Command;

/// Runs an example, which `cargo test` builds beside the tests.
fn output(name: &str) -> String {
    let myself = std::env::current_exe().expect("a test knows its own path");
    let target = myself.parent().and_then(|deps| deps.parent()).map(PathBuf::from);
    let program = target.expect("target/<profile>/deps").join("examples").join(name);
    let output = Command::new(&program).output().unwrap_or_else(|error| {
        panic!("{} does not start ({error}); run all of `cargo test`", program.display())
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn hello_greets() {
    assert_eq!(output("hello"), "HELLO WORLD!!!!!\n");
}

#[test]
fn crash_and_resume_goes_on_where_it_stopped() {
    let text = output("crash_and_resume");
    assert_eq!(text.matches("step `prepare` runs").count(), 1, "{text}");
    assert!(text.contains("the run ends with 5"), "{text}");
}

#[test]
fn embed_shows_events_and_progress() {
    let text = output("embed");
    for word in
        ["attempt failed: connection reset", "progress:", "fetched 20 blocks", "engine_closed"]
    {
        assert!(text.contains(word), "{word} in\n{text}");
    }
}

#[test]
fn recoverable_retries_and_breaks_the_circuit() {
    let text = output("recoverable");
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        "attempt 1/4",
        "attempt 2/4",
        "attempt 3/4",
        "ANSWER 3",
        "failed after 1 attempt(s): connection refused",
        "failed after 1 attempt(s): connection refused",
        "circuit breaker of fn:recoverable::protected open, retry in 1 s",
        "answer 3",
        "settings: not there, asked once",
        "weights: attempt 1/4",
        "killed while it waited",
        "weights: attempt 2/4",
        "weights: attempt 3/4",
        "answer 3",
    ];
    assert_eq!(lines, expected);
}
