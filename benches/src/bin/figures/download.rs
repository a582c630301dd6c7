//! The step `download` on loopback, beside what a shell would do.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use resurge::steps::artifact::{Artifact, InstallPath, Unpack};
use resurge::steps::download::Download;
use resurge::{Engine, Workflow};

use crate::Result;
use crate::journal::{block_on, folder};
use crate::meter::{Meter, Spent, load, memory_peak_mib};
use crate::nginx::Nginx;
use crate::table::{figure, head, row, say, spread};

/// What a shell would do with the file at `$URL`, keeping it, if at all, as `$FILE`.
const SCRIPTS: [(&str, &str); 3] = [
    ("curl -s \\| sha256sum", "curl -s $URL | sha256sum"),
    ("curl -s \\| openssl dgst -sha256", "curl -s $URL | openssl dgst -sha256 -r"),
    (
        "curl -s \\| tee FILE \\| sha256sum; sync",
        "curl -s $URL | tee $FILE | sha256sum; sync $FILE",
    ),
];

/// One round, in seconds.
struct Round {
    step: Spent,
    scripts: [f64; SCRIPTS.len()],
}

pub(crate) fn measure(mib: u64, pairs: usize) -> Result<()> {
    let folder = folder()?;
    let nginx = Nginx::start(folder.path(), mib)?;
    let url = nginx.url();
    let mut rounds = Vec::new();
    // The first round does not count: the file is read from memory from there on.
    for number in 0..=pairs {
        let round = round(folder.path(), &url)?;
        if number > 0 {
            let step = round.step.wall.as_secs_f64();
            say(format_args!(
                "pair {number}: step {} s, {:.3?} s; load {}",
                figure(step),
                round.scripts,
                load()
            ));
            rounds.push(round);
        }
    }
    print(mib, &rounds)
}

fn print(mib: u64, rounds: &[Round]) -> Result<()> {
    let step = |round: &Round| round.step.wall.as_secs_f64();
    head(&["what", "MiB/s", "rate of the step ÷ this"]);
    let rate = |seconds: f64| mib as f64 / seconds;
    let own: Vec<f64> = rounds.iter().map(|round| rate(step(round))).collect();
    row(&["step `download`".to_owned(), spread(&own), "1".to_owned()]);
    for (index, (name, _)) in SCRIPTS.into_iter().enumerate() {
        let seconds = |round: &Round| round.scripts.get(index).copied().unwrap_or(f64::NAN);
        let rates: Vec<f64> = rounds.iter().map(|round| rate(seconds(round))).collect();
        let ratios: Vec<f64> = rounds.iter().map(|round| seconds(round) / step(round)).collect();
        row(&[format!("`{name}`"), spread(&rates), spread(&ratios)]);
    }
    let gib = mib as f64 / 1_024.0;
    let cpu: Vec<f64> = rounds.iter().map(|round| round.step.cpu.as_secs_f64() / gib).collect();
    say(format_args!(
        "computing: {} s per GiB; peak memory {} MiB",
        spread(&cpu),
        figure(memory_peak_mib()?)
    ));
    Ok(())
}

fn round(folder: &Path, url: &str) -> Result<Round> {
    let inner = tempfile::tempdir_in(folder)?;
    let meter = Meter::start();
    let digest = block_on(download(inner.path(), url.to_owned()))?;
    let step = meter.read();
    drop(inner);

    let mut scripts = [0.0; SCRIPTS.len()];
    for ((_, script), seconds) in SCRIPTS.iter().zip(&mut scripts) {
        let file = tempfile::NamedTempFile::new_in(folder)?;
        let (time, other) = shell(script, url, file.path())?;
        if !digest.ends_with(&other) {
            return Err(format!("{digest} by the step, {other} by `{script}`").into());
        }
        *seconds = time;
    }
    Ok(Round { step, scripts })
}

/// A whole engine with a journal on the disk, from its opening to its end.
async fn download(folder: &Path, url: String) -> Result<String> {
    let mut flow = Workflow::builder::<Artifact>("fetch");
    let artifact = flow.input();
    let fetched = flow.step("download", Download::default().no_proxy()).takes(artifact).add();
    let flow = flow.build(fetched)?;
    let engine = Engine::open(folder.join("journal")).register(&flow).start().await?;
    let artifact = Artifact {
        url,
        mirrors: Vec::new(),
        digest: None,
        size: None,
        staging: folder.join("staging"),
        root: folder.join("root"),
        install_to: InstallPath::new("model")?,
        unpack: Unpack::No,
    };
    let done = engine.start(&flow, artifact).await?.outcome().await?;
    engine.shutdown(Duration::ZERO).await?;
    Ok(done.digest.to_string())
}

/// Seconds, and the first word that was printed.
fn shell(script: &str, url: &str, file: &Path) -> Result<(f64, String)> {
    let meter = Meter::start();
    let mut command = Command::new("sh");
    let output = command.args(["-c", script]).env("URL", url).env("FILE", file).output()?;
    let seconds = meter.read().wall.as_secs_f64();
    let text = String::from_utf8(output.stdout)?;
    let word = text.split_whitespace().next().ok_or_else(|| format!("`{script}` gave nothing"))?;
    Ok((seconds, word.to_owned()))
}
