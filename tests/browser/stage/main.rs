//! An engine whose steps do what a test says, behind the dashboard.
//!
//! It prints `{"url":..,"token":..}`, then takes one command a line from its standard input and
//! answers each with one line. Run it with `--help` for what it can be given.

mod command;
mod crowd;
mod flows;
mod script;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use resurge::{Engine, Settings};
use resurge_dashboard::{Button, Dashboard, Limits, NewDownload, Token};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::command::Stage;
use crate::flows::Flows;
use crate::script::Scripts;

/// An engine whose steps do what a test says, behind the dashboard.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to keep the journal [default: in memory]
    #[arg(long)]
    journal: Option<PathBuf>,
    /// The token [default: a random one]
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Refuse every control
    #[arg(long)]
    read_only: bool,
    /// Bear what a test asks for, however much in a second
    #[arg(long)]
    unlimited: bool,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let options = Options::parse();
    let scripts = Scripts::default();
    let flows = Flows::new(&scripts)?;
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = 128;
    // A scripted test retries as often as it likes.
    settings.retry_budget_per_minute = 0;
    let builder = match &options.journal {
        Some(journal) => Engine::open(journal),
        None => Engine::in_memory(),
    };
    let engine = flows.register(builder.settings(settings)).start().await?;
    let token = match &options.token_file {
        Some(path) => Token::load_or_create(path)?,
        None => Token::random()?,
    };
    let mut limits = Limits::default();
    if options.unlimited {
        limits.controls.burst = u32::MAX;
        limits.wrong_tokens.burst = u32::MAX;
    }
    let pressed = scripts.clone();
    let button = Button::new("ring", "Ring the bell", move || {
        let pressed = pressed.clone();
        async move {
            pressed.ring();
            Ok(())
        }
    });
    let (starts, chain) = (engine.clone(), flows.chain.clone());
    let starter = move |order: NewDownload| {
        let (engine, flow) = (starts.clone(), chain.clone());
        async move {
            let run = engine.start(&flow, order.url.clone()).key(order.url).await;
            run.map(|run| run.id()).map_err(|error| error.to_string())
        }
    };
    let dashboard = Dashboard::builder(engine.clone())
        .name("stage")
        .token(token)
        .read_only(options.read_only)
        .limits(limits)
        .starter(starter)
        .button(button.title("Tells the test that it was pressed").confirm("Ring it?"))
        .build()?;
    let listener = TcpListener::bind(options.listen).await?;
    say(&serde_json::json!({ "url": dashboard.url(listener.local_addr()?) })).await?;
    let stage = Stage { engine: engine.clone(), flows, scripts };
    // The test closes our input when it is done.
    dashboard.serve(listener, obey(stage)).await?;
    engine.shutdown(Duration::from_secs(1)).await?;
    Ok(())
}

/// Does what the test says until it says no more.
async fn obey(stage: Stage) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match stage.obey(&line).await {
            Ok(answer) => answer,
            Err(error) => serde_json::json!({ "error": error.to_string() }),
        };
        if say(&answer).await.is_err() {
            return;
        }
    }
}

async fn say(value: &serde_json::Value) -> Result<(), AnyError> {
    let mut out = tokio::io::stdout();
    out.write_all(format!("{value}\n").as_bytes()).await?;
    Ok(out.flush().await?)
}
