//! Retries and a circuit breaker around single functions: `cargo run --example recoverable`.

#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resurge::recover::recover;
use resurge::{Engine, OpenError, Recovered, RecoveryError, recoverable};

/// A server that refuses the first connections.
#[derive(Default)]
struct Server {
    asked: AtomicU32,
}

impl Server {
    fn answer(&self, good_from: u32) -> io::Result<String> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        if number < good_from {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(format!("answer {number}"))
    }
}

// The function says `Recovered<T, E>`; its body is still of type `Result<T, E>`, with `?` as ever.
#[recoverable(max_retries = 3, initial_delay = "20ms", timeout = "1s", attempt = attempt)]
async fn fetch(server: &Server) -> Recovered<String, io::Error> {
    println!("attempt {}/{}", attempt.number(), attempt.max_attempts());
    let answer = server.answer(3)?;
    Ok(answer.to_uppercase())
}

// Blocking functions wait on their thread, with or without a runtime.
#[recoverable(max_retries = 0, circuit_breaker(threshold = 2, timeout = "500ms"))]
fn protected(server: &Server, good_from: u32) -> Recovered<String, io::Error> {
    server.answer(good_from)
}

// An engine remembers what was tried, for the key, over the end of the process.
#[recoverable(engine = engine, key = name, max_retries = 3, initial_delay = "300ms", attempt = attempt)]
async fn remembered(engine: &Engine, name: &str, server: &Server) -> Recovered<String, io::Error> {
    println!("{name}: attempt {}/{}", attempt.number(), attempt.max_attempts());
    server.answer(3)
}

/// A process that is killed after `lasts`: nothing is tidied up, the runtime is just gone.
fn life(journal: &Path, server: &Server, lasts: Duration) -> Result<Option<String>, OpenError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs nothing but memory");
    runtime.block_on(async {
        let engine = Engine::open(journal).start().await?;
        let ended = tokio::time::timeout(lasts, remembered(&engine, "weights", server)).await;
        Ok(ended.ok().and_then(Result::ok))
    })
}

fn two_lives() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (journal, server) = (tempfile::tempdir()?, Server::default());
    // Long enough for the first attempt, too short for the delay before the second.
    let first = life(journal.path(), &server, Duration::from_millis(100))?;
    println!("killed {}", if first.is_none() { "while it waited" } else { "too late" });
    let second = life(journal.path(), &server, Duration::from_secs(60))?;
    println!("{}", second.as_deref().unwrap_or("no answer"));
    Ok(())
}

fn report(ended: Recovered<String, io::Error>) {
    match ended {
        Ok(answer) => println!("{answer}"),
        Err(RecoveryError::Exhausted { attempts, source }) => {
            println!("failed after {attempts} attempt(s): {source}");
        }
        Err(RecoveryError::CircuitOpen { key, remaining }) => {
            println!(
                "circuit breaker of {key} open, retry in {} s",
                remaining.as_secs_f32().ceil()
            );
        }
        Err(other) => println!("{other}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    println!("{}", fetch(&Server::default()).await?);

    let server = Server::default();
    for _ in 0..3 {
        report(protected(&server, 3));
    }
    tokio::time::sleep(Duration::from_millis(550)).await;
    report(protected(&server, 3));

    // The same without the attribute, around a closure. Nobody retries what is not there.
    let read = recover("read settings")
        .timeout(Duration::from_secs(1))
        .run(|_| async { std::fs::read_to_string("no/such/file") })
        .await;
    println!("settings: {}", if read.is_ok() { "read" } else { "not there, asked once" });
    tokio::task::spawn_blocking(two_lives).await??;
    Ok(())
}
