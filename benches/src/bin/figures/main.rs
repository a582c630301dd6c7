//! Measures the figures that `benches/README.md` tells, and prints them as tables.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are told with three digits"
)]

mod append;
mod dashboard;
mod disk;
mod download;
mod flight;
mod idle;
mod journal;
mod meter;
mod nginx;
mod parked;
mod plain;
mod replay;
mod runs;
mod size;
mod syncs;
mod table;

use std::error::Error;
use std::process::ExitCode;

use table::say;

/// Whatever goes wrong ends the measurement.
type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "usage: figures append [ROUNDS] | runs [w1 | w3] [disk | plain | memory] [ROUNDS] | syncs | replay [EVENTS] | parked [RUNS [ENDED]] | idle [SECONDS] \
    | download [MIB] [PAIRS] | dashboard [ENDED] | size FILE...";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match measure(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("figures: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["runs", words @ ..] => runs::measure(words),
        ["append"] => append::measure(3),
        ["append", rounds] => append::measure(rounds.parse()?),
        ["syncs"] => syncs::measure(),
        ["syncs", at_once, count, words @ ..] => {
            syncs::fly_alone(at_once.parse()?, count.parse()?, words)
        }
        ["replay"] => replay::measure(1_000_000),
        ["replay", events] => replay::measure(events.parse()?),
        ["replay", "part", part, folder] => replay::part(part, folder.as_ref()),
        ["parked"] => parked::measure(10_000, 0),
        ["parked", "part", "fill", folder, runs, ended] => {
            parked::fill(folder.as_ref(), runs.parse()?, ended.parse()?)
        }
        ["parked", "part", "open", folder] => parked::open(folder.as_ref()),
        ["parked", runs] => parked::measure(runs.parse()?, 0),
        ["parked", runs, ended] => parked::measure(runs.parse()?, ended.parse()?),
        ["idle"] => idle::measure(20),
        ["idle", seconds] => idle::measure(seconds.parse()?),
        ["download"] => download::measure(1_024, 5),
        ["download", mib, pairs] => download::measure(mib.parse()?, pairs.parse()?),
        ["dashboard"] => dashboard::measure(10_000),
        ["dashboard", ended] => dashboard::measure(ended.parse()?),
        ["size", files @ ..] if !files.is_empty() => size::measure(files),
        _ => Err(USAGE.into()),
    }
}
