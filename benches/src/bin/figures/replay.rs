//! Opening a long journal again, each part in a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use benches::{Mix, three_steps};
use resurge::Engine;
use resurge::journal::store::{DiskStore, Durability, OpenMode, Store};
use resurge::journal::{Record, Seq, State};

use crate::Result;
use crate::journal::{block_on, folder};
use crate::meter::{Meter, Spent, memory_peak_mib};
use crate::table::{figure, head, row, say, spread};

const ROUNDS: usize = 3;
const BATCH: usize = 256;
const PARTS: [(&str, &str); 5] = [
    ("fold", "fold alone, records in memory"),
    ("open", "open the store (reads and checks every frame)"),
    ("scan", "open, scan and fold"),
    ("engine", "`Engine::open`, `start`"),
    (BEHIND, "the same behind the checkpoint that this has left"),
];

/// The only part that finds a checkpoint.
const BEHIND: &str = "behind";

pub(crate) fn measure(events: usize) -> Result<()> {
    let folder = folder()?;
    let journal = folder.path().join("journal");
    let written = write(&journal, events)?;
    say(format_args!(
        "{events} records written in {} s, {} s of computing; {} MiB on disk",
        figure(written.wall.as_secs_f64()),
        figure(written.cpu.as_secs_f64()),
        figure(bytes_below(&journal)? as f64 / 1_048_576.0)
    ));
    let mut figures = vec![(Vec::new(), Vec::new()); PARTS.len()];
    for _ in 0..ROUNDS {
        for ((part, _), (seconds, peaks)) in PARTS.iter().zip(&mut figures) {
            let checkpoints = journal.join("checkpoints");
            if *part != BEHIND && checkpoints.exists() {
                std::fs::remove_dir_all(checkpoints)?;
            }
            let (time, peak) = run_part(part, &journal)?;
            seconds.push(time);
            peaks.push(peak);
        }
    }
    head(&["part", "seconds", "records/s", "peak memory MiB"]);
    for ((_, what), (seconds, peaks)) in PARTS.iter().zip(&figures) {
        let rates: Vec<f64> = seconds.iter().map(|time| events as f64 / time).collect();
        row(&[(*what).to_owned(), spread(seconds), spread(&rates), spread(peaks)]);
    }
    Ok(())
}

/// Measures one part and prints seconds and MiB, for [`measure`].
pub(crate) fn part(part: &str, journal: &Path) -> Result<()> {
    let seconds = match part {
        "fold" => fold(journal)?,
        "open" => timed(|| open(journal).map(drop))?,
        "scan" => timed(|| scan(journal))?,
        "engine" | BEHIND => timed(|| block_on(start(journal)))?,
        _ => return Err("no such part".into()),
    };
    say(format_args!("{seconds} {}", memory_peak_mib()?));
    Ok(())
}

fn write(journal: &Path, events: usize) -> Result<Spent> {
    let meter = Meter::start();
    let store = DiskStore::open(journal, OpenMode::CreateIfMissing, Durability::Process)?;
    let mut mix = Mix::after(store.head());
    let mut left = events;
    while left > 0 {
        let batch: Vec<Record> = mix.by_ref().take(left.min(BATCH)).collect();
        left -= batch.len();
        store.append(store.head(), &batch)?;
    }
    store.close();
    Ok(meter.read())
}

fn run_part(part: &str, journal: &Path) -> Result<(f64, f64)> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args(["replay", "part", part]).arg(journal).output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.trim().split_once(' ') {
        Some((seconds, peak)) if output.status.success() => Ok((seconds.parse()?, peak.parse()?)),
        _ => Err(format!("part {part} failed: {text}").into()),
    }
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64())
}

fn open(journal: &Path) -> Result<DiskStore> {
    Ok(DiskStore::open(journal, OpenMode::Existing, Durability::Power)?)
}

fn fold(journal: &Path) -> Result<f64> {
    let records: Vec<Record> = open(journal)?.scan(Seq::ZERO).collect::<Result<_, _>>()?;
    let mut state = State::new();
    let seconds = timed(|| Ok(records.iter().try_for_each(|record| state.apply(record))?))?;
    drop(state);
    Ok(seconds)
}

fn scan(journal: &Path) -> Result<()> {
    let store = open(journal)?;
    let mut state = State::new();
    for record in store.scan(Seq::ZERO) {
        state.apply(&record?)?;
    }
    std::hint::black_box(&state);
    Ok(())
}

async fn start(journal: &Path) -> Result<()> {
    let engine = Engine::open(journal).register(&three_steps()).start().await?;
    Ok(engine.shutdown(Duration::ZERO).await?)
}

fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { bytes_below(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
