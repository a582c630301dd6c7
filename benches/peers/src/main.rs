//! Other durable engines on the workloads of `benches/README.md`, each durable against a power cut.
//!
//! Prints a table of Markdown. Journals and databases go below `TMPDIR`, which must be on the disk
//! that is to be measured.
#![expect(clippy::cast_precision_loss, reason = "figures are told with three digits")]

mod durare_full;
mod duroxide_full;
mod flight;
mod memable_default;
mod ours;
mod peer;

use std::process::ExitCode;
use std::time::Duration;

use flight::Flown;
use peer::{Flow, Peer, Result};

const USAGE: &str = "usage: resurge-peers [w1 | w3] [ROUNDS [SECONDS]]";
const NAMES: [&str; 4] = ["resurge", "memable", "durare FULL", "duroxide FULL"];
const AT_ONCE: [usize; 3] = [1, 64, 1_024];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match measure(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("resurge-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[&str]) -> Result<()> {
    let (flow, rest) = match words {
        ["w1", rest @ ..] => (Flow::W1, rest),
        ["w3", rest @ ..] => (Flow::W3, rest),
        rest => (Flow::W1, rest),
    };
    let (rounds, seconds) = match rest {
        [] => (3, 3),
        [rounds] => (rounds.parse()?, 3),
        [rounds, seconds] => (rounds.parse()?, seconds.parse()?),
        _ => return Err(USAGE.into()),
    };
    let time = Duration::from_secs(seconds);
    // Round by round; one that gives up under load has no figure, the others do.
    let mut cells: Vec<Vec<Option<Flown>>> = Vec::new();
    cells.resize_with(NAMES.len() * AT_ONCE.len(), Vec::new);
    for round in 1..=rounds {
        for (column, at_once) in AT_ONCE.into_iter().enumerate() {
            for (line, name) in NAMES.into_iter().enumerate() {
                print!("round {round}, {at_once} in flight, {name}: ");
                let flown = fly(name, flow, at_once, time);
                match &flown {
                    Ok(flown) => {
                        println!("{:.0} runs/s, load {}", flown.runs_per_second(), load());
                    }
                    Err(error) => println!("{error}"),
                }
                if let Some(cell) = cells.get_mut(line * AT_ONCE.len() + column) {
                    cell.push(flown.ok());
                }
            }
        }
    }
    table(flow, &cells);
    Ok(())
}

fn fly(name: &str, flow: Flow, at_once: usize, time: Duration) -> Result<Flown> {
    let folder = tempfile::Builder::new().prefix("peers-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let flown = runtime.block_on(async {
        let peer: Box<dyn Peer> = match name {
            "resurge" => Box::new(ours::Ours::open(folder.path(), flow, at_once).await?),
            "memable" => Box::new(memable_default::Memable::open(folder.path(), flow).await?),
            "durare FULL" => Box::new(durare_full::Durare::open(folder.path(), flow).await?),
            _ => Box::new(duroxide_full::Duroxide::open(folder.path(), flow).await?),
        };
        flight::fly(peer.into(), at_once, time).await
    })?;
    // What a peer still has under way counts for nothing.
    runtime.shutdown_timeout(Duration::from_secs(5));
    Ok(flown)
}

fn table(flow: Flow, cells: &[Vec<Option<Flown>>]) {
    println!(
        "| {flow:?} | in flight | runs/s | p50 ms | p99 ms | CPU ms per 1,000 steps | ours ÷ theirs |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (column, at_once) in AT_ONCE.into_iter().enumerate() {
        let cell = |line: usize| cells.get(line * AT_ONCE.len() + column).map_or(&[][..], |c| c);
        for (line, name) in NAMES.into_iter().enumerate() {
            let of = |value: &dyn Fn(&Flown) -> f64| {
                spread(cell(line).iter().flatten().map(value).collect())
            };
            let steps = flow.steps_per_run();
            // Round by round: the mood of the machine hits both.
            let pairs = cell(0).iter().zip(cell(line));
            let pairs = pairs.filter_map(|(ours, theirs)| ours.as_ref().zip(theirs.as_ref()));
            let ratios =
                pairs.map(|(ours, theirs)| ours.runs_per_second() / theirs.runs_per_second());
            println!(
                "| {name} | {at_once} | {} | {} | {} | {} | {} |",
                of(&Flown::runs_per_second),
                of(&|flown| flown.quantile_ms(0.5)),
                of(&|flown| flown.quantile_ms(0.99)),
                of(&|flown| flown.cpu_ms_per_1000_steps(steps)),
                spread(ratios.collect())
            );
        }
    }
}

/// The median, and between which values it lies.
fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let Some(median) = values.get(values.len() / 2) else { return "-".to_owned() };
    match (values.first(), values.last()) {
        (Some(least), Some(most)) if values.len() > 1 => {
            format!("{} [{}..{}]", digits(*median), digits(*least), digits(*most))
        }
        _ => digits(*median),
    }
}

fn digits(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_owned()
}
