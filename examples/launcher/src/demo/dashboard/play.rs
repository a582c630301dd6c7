//! The show: servers that make trouble, and somebody who starts the engine again whenever it died.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::cast::{self, Host};
use super::keep::KeptPort;
use super::line::Line;
use super::process::{EngineProcess, News};
use super::tempo::Tempo;
use crate::demo::server::Server;
use crate::demo::show::new_folder;
use crate::demo::table::sum_up;
use crate::error::LauncherError;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::manifest::Manifest;
use crate::place::DataDir;
use crate::serve::{Door, refused};
use crate::ui::words;
use crate::{out, status, ui};

/// The manifest of the demo, in its data directory.
pub(super) const MANIFEST: &str = "demo.toml";

/// Deaths that nobody asked for after which the engine stays dead.
const DEATHS_MAX: u32 = 5;

/// What the demo was asked for.
#[derive(Debug)]
pub(crate) struct Show {
    /// None stands for a new temporary folder.
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) door: Door,
    /// Whether it ends once everything has.
    pub(crate) is_finite: bool,
    pub(crate) tempo: Tempo,
    /// What the process with the engine logs.
    pub(crate) log: Option<String>,
}

/// Plays until somebody stops it, or everything has ended.
pub(crate) async fn play(show: Show) -> Result<Exit, LauncherError> {
    let Show { data_dir, door, is_finite, tempo, log } = show;
    door.check()?;
    let mut person = Interrupt::listen()?;
    let port = KeptPort::take(door.listen).map_err(|source| refused(door.listen, source))?;
    let data_dir = data_dir.map_or_else(new_folder, Ok)?;
    let data = DataDir::prepare_idle(&data_dir)?;
    let servers = cast::hosts(tempo)?.into_iter().map(start).collect::<io::Result<Vec<_>>>();
    let servers = servers
        .map_err(|source| LauncherError::System { action: "open a port on 127.0.0.1", source })?;
    let manifest = write_manifest(&data_dir, tempo, &servers)?;
    out::message(format_args!(
        "servers that make trouble in this process, a launcher that copes with them in another one; all in {}\n",
        words::quoted(data.path())
    ));
    let (has_ended, is_known) = (false, false);
    let stage =
        Stage { data, manifest, servers, port, door, is_finite, tempo, log, has_ended, is_known };
    stage.play(&mut person).await
}

fn start(host: Host) -> io::Result<Server> {
    Server::start_after(host.down, host.models)
}

fn write_manifest(
    data_dir: &Path,
    tempo: Tempo,
    servers: &[Server],
) -> Result<Manifest, LauncherError> {
    let sections: String = servers.iter().map(Server::sections).collect();
    let text = format!("{}{sections}", tempo.settings());
    let path = data_dir.join(MANIFEST);
    let manifest = Manifest::parse(&text, &path)?;
    std::fs::write(&path, text)
        .map_err(|source| LauncherError::Folder { path: data_dir.to_owned(), source })?;
    Ok(manifest)
}

/// Everything that outlives the engine.
#[derive(Debug)]
struct Stage {
    data: DataDir,
    manifest: Manifest,
    servers: Vec<Server>,
    port: KeptPort,
    door: Door,
    is_finite: bool,
    tempo: Tempo,
    log: Option<String>,
    /// Whether everything has ended once.
    has_ended: bool,
    /// Whether the address was told.
    is_known: bool,
}

/// Why nobody follows the engine any more.
enum Cut {
    /// Somebody wants to see it die.
    Kill,
    /// The show is over.
    Over,
    /// It gave up before its dashboard was there.
    NeverThere,
    /// It died.
    Died(ExitStatus),
}

impl Stage {
    async fn play(mut self, person: &mut Interrupt) -> Result<Exit, LauncherError> {
        let pause = self.tempo.seconds(2);
        let mut deaths = 0;
        while !person.is_asked() {
            let mut engine = EngineProcess::start(&self.arguments())
                .map_err(process("start the process with the engine"))?;
            match person.unless(self.follow(&mut engine)).await.transpose()? {
                None => engine.stop().await.map_err(process(STOP))?,
                Some(Cut::Over) => {
                    engine.stop().await.map_err(process(STOP))?;
                    return self.verdict();
                }
                Some(Cut::Kill) => {
                    engine.kill().await.map_err(process("kill the process with the engine"))?;
                    say_killed(pause);
                }
                // It has said why.
                Some(Cut::NeverThere) => return Ok(Exit::Failure),
                Some(Cut::Died(status)) => {
                    deaths += 1;
                    if deaths > DEATHS_MAX {
                        out::message("the engine died too often; it stays so");
                        return Ok(Exit::Failure);
                    }
                    say_died(status, pause);
                }
            }
            person.unless(tokio::time::sleep(pause)).await;
        }
        if self.has_ended { self.verdict() } else { Ok(Exit::Interrupted) }
    }

    /// The command line of the process with the engine, the same every time.
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments =
            vec!["demo-engine".into(), "--data-dir".into(), self.data.path().into()];
        arguments.extend(["--listen".into(), self.port.address.to_string().into()]);
        let hosts = self.door.hosts.iter().map(|host| ("--allow-host", host));
        let log = self.log.iter().map(|filter| ("--log", filter));
        arguments.extend(hosts.chain(log).flat_map(|(key, value)| [key.into(), value.into()]));
        arguments
    }

    /// Follows an engine until something has to be done about it.
    async fn follow(&mut self, engine: &mut EngineProcess) -> Result<Cut, LauncherError> {
        let mut is_there = false;
        loop {
            match engine.news().await.map_err(process("tell what the engine says"))? {
                News::Line(Line::Open(url)) => {
                    is_there = true;
                    self.tell(&url);
                }
                News::Line(Line::Kill) => return Ok(Cut::Kill),
                News::Line(Line::Ended) => {
                    if !self.has_ended {
                        self.has_ended = true;
                        self.sum_up()?;
                    }
                    if self.is_finite {
                        return Ok(Cut::Over);
                    }
                }
                // A signal strikes at any time; who ends by itself that early will do so again.
                News::Died(status) if is_there || status.code().is_none() => {
                    return Ok(Cut::Died(status));
                }
                News::Died(_) => return Ok(Cut::NeverThere),
            }
        }
    }

    fn tell(&mut self, url: &str) {
        if !self.is_known {
            self.is_known = true;
            out::result(format_args!("open {url}"));
        } else if ui::is_plain() {
            // On a terminal its bars say so.
            out::message("the engine is back, and goes on with the bytes that it had");
        }
    }

    fn sum_up(&self) -> Result<(), LauncherError> {
        let traffic = |name: &str| self.servers.iter().find_map(|server| server.traffic(name));
        sum_up(&self.data, &self.manifest, &traffic)?;
        if !self.is_finite {
            out::message("\neverything has ended; the page stays until Ctrl-C");
        }
        Ok(())
    }

    /// Whether everything ended as the show means it to.
    fn verdict(&self) -> Result<Exit, LauncherError> {
        let state = status::fold(&self.data.journal())?;
        let is_as_meant = self.manifest.artifacts.iter().all(|entry| {
            let run = state.run_by_key(&entry.name);
            run.is_some_and(|run| cast::is_as_meant(entry.name.as_str(), run.status()))
        });
        Ok(if is_as_meant { Exit::Success } else { Exit::Failure })
    }
}

const STOP: &str = "stop the process with the engine";

fn process(action: &'static str) -> impl Fn(io::Error) -> LauncherError {
    move |source| LauncherError::System { action, source }
}

fn say_killed(pause: Duration) {
    let pause = words::duration(pause);
    out::message(format_args!(
        "\nthe engine was killed with SIGKILL; it starts again in {pause}\n"
    ));
}

fn say_died(status: ExitStatus, pause: Duration) {
    let pause = words::duration(pause);
    out::message(format_args!("\nthe engine died ({status}); it starts again in {pause}\n"));
}
