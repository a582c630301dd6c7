//! `launcher top` itself: finds the engine, takes the terminal, gives it back.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::crossterm::event::Event;
use resurge::journal::store::OpenError as StoreError;
use resurge::steps::download::Download;
use resurge::{Engine, OpenError, Timestamp};
use resurge_dashboard::Dashboard;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::app::{self, App, Effect};
use super::draw::draw;
use super::error::TopError;
use super::ink::Ink;
use super::local;
use super::remote::{self, Door};
use super::screen::Screen;
use super::source::{Link, Wish};
use super::stage::{self, Stage};
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::flow::install_flow;
use crate::interrupt::{Interrupt, Signals};
use crate::manifest::Recovery;
use crate::out;
use crate::place::DataDir;
use crate::running::{self, Running};
use crate::session;
use crate::ui::words;

/// Shows the engine of a data directory: the one that works there, or else one in this process.
pub(crate) async fn run(
    data_dir: &Path,
    connect: Option<SocketAddr>,
) -> Result<Exit, LauncherError> {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if is_dumb || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(TopError::NoTerminal.into());
    }
    let data = DataDir::existing(data_dir)?;
    match find(&data, connect).await? {
        Found::There(door) => {
            let (link, far) = Link::new();
            tokio::spawn(remote::follow(door, far));
            show(app::Engine::There, link).await?;
            Ok(Exit::Success)
        }
        Found::Here(engine) => {
            let (link, far) = Link::new();
            let dashboard = Dashboard::builder(engine.clone()).name("launcher").build()?;
            tokio::spawn(local::follow(engine.clone(), dashboard, far));
            let shown = show(app::Engine::Here, link).await;
            let exit = stop(engine, &data).await?;
            shown.map(|()| exit)
        }
    }
}

/// Where the engine of a data directory is.
enum Found {
    There(Door),
    Here(Engine),
}

async fn find(data: &DataDir, connect: Option<SocketAddr>) -> Result<Found, LauncherError> {
    let door = Door { data: data.clone(), address: connect };
    if connect.is_some() {
        return check(door);
    }
    let recovery = Recovery::default();
    let flow = install_flow(&recovery, Download::default())?;
    let settings = session::settings(&recovery);
    let engine = Engine::open(data.journal()).settings(settings).register(&flow);
    match engine.start().await {
        Ok(engine) => Ok(Found::Here(engine)),
        Err(OpenError::Journal(StoreError::Locked { pid, .. })) => {
            // What another process has left there must not be sent the token.
            let running = Running::read(data);
            let is_holder = |running: &Running| pid.is_none_or(|pid| pid == running.pid);
            if running.as_ref().is_some_and(is_holder) {
                return check(door);
            }
            Err(TopError::NoDashboard { path: data.path().to_owned() }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Says at once what would be refused for ever.
fn check(door: Door) -> Result<Found, LauncherError> {
    if let Err(source) = running::token(&door.data) {
        return Err(TopError::Token { path: door.data.token(), source }.into());
    }
    match door.address() {
        Err(error @ TopError::NotNamed { .. }) => Err(error.into()),
        // Whoever is gone may come back.
        _ => Ok(Found::There(door)),
    }
}

/// Shuts an engine down that has been shown.
async fn stop(engine: Engine, data: &DataDir) -> Result<Exit, LauncherError> {
    // A second Ctrl-C stops at once.
    let _interrupt = Interrupt::listen()?;
    let left = engine.runs().await?.iter().filter(|run| !run.status.is_final()).count();
    engine.shutdown(session::GRACE).await?;
    if left == 0 {
        return Ok(Exit::Success);
    }
    let data = words::quoted(data.path());
    out::message(format_args!("{left} unfinished; go on with: launcher resume --data-dir {data}"));
    Ok(Exit::Interrupted)
}

/// Takes the terminal until somebody leaves it.
async fn show(engine: app::Engine, link: Link) -> Result<(), LauncherError> {
    let mut signals = Signals::listen_on_terminal()
        .map_err(|source| LauncherError::System { action: "listen to Ctrl-C", source })?;
    let mut stage = Stage::open().map_err(TopError::Terminal)?;
    let size = stage.terminal.size().map_err(TopError::Terminal)?;
    let no_color = std::env::var_os("NO_COLOR");
    let colours = Ink::wanted(no_color.as_deref());
    let app = App::new(engine, colours, Screen { width: size.width, height: size.height });
    let drive = drive(app, &mut stage.terminal, link, stage::events(), clock);
    tokio::select! {
        left = drive => left.map_err(TopError::Terminal)?,
        () = signals.next() => {}
    }
    Ok(())
}

fn clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// How often a countdown is drawn.
const TICK: Duration = Duration::from_millis(250);
/// Keys that are held down do not ask for every part that they pass.
const CALM: Duration = Duration::from_millis(100);

/// Keys and views to wishes and frames, until somebody leaves or there is nobody at the keys.
async fn drive<B: Backend>(
    mut app: App,
    terminal: &mut Terminal<B>,
    mut link: Link,
    mut events: mpsc::Receiver<Event>,
    clock: impl Fn() -> Timestamp,
) -> Result<(), B::Error> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown = None;
    let mut calm = Instant::now();
    loop {
        let size = terminal.size()?;
        app.resize(Screen { width: size.width, height: size.height }, clock());
        terminal.draw(|frame| draw(frame, &app, clock()))?;
        let wanted = app.wanted();
        let is_new = shown.as_ref() != Some(&wanted);
        if is_new && calm <= Instant::now() {
            calm = Instant::now() + CALM;
            // Whoever is gone there has said so.
            drop(link.wishes.send(Wish::Show(wanted.clone())));
            shown = Some(wanted);
        }
        let effect = tokio::select! {
            event = events.recv() => match event {
                Some(Event::Key(key)) => app.press(key, clock()),
                // What else there is only has it drawn again.
                Some(_) => None,
                None => Some(Effect::Quit),
            },
            Some(heard) = link.heard.recv() => {
                app.hear(heard, clock());
                None
            }
            () = tokio::time::sleep_until(calm), if is_new => None,
            _ = ticks.tick() => None,
        };
        match effect {
            Some(Effect::Do(ask)) => drop(link.wishes.send(Wish::Do(ask))),
            Some(Effect::Quit) => return Ok(()),
            None => {}
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
