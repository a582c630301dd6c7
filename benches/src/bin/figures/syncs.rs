//! System calls that make data durable, counted by strace.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use benches::STEPS_PER_RUN;

use crate::Result;
use crate::flight::{self, Until, fly};
use crate::journal::{block_on, folder};
use crate::table::{figure, head, row};

/// Runs in flight, and runs in all.
const FLIGHTS: [(usize, u64); 3] = [(1, 300), (64, 6_400), (1_024, 10_240)];
const CALLS: [&str; 4] = ["fdatasync", "fsync", "sync_file_range", "pwrite64"];

pub(crate) fn measure() -> Result<()> {
    let mut columns = vec!["in flight", "runs"];
    columns.extend(CALLS);
    columns.extend(["fdatasync per step", "fdatasync per run"]);
    head(&columns);
    for (at_once, runs) in FLIGHTS {
        let (idle, busy) = (count(at_once, 0)?, count(at_once, runs)?);
        // What opening and closing cost is left out.
        let of = |call: &str| {
            let calls = |counts: &BTreeMap<String, u64>| counts.get(call).copied().unwrap_or(0);
            calls(&busy).saturating_sub(calls(&idle))
        };
        let mut cells = vec![at_once.to_string(), runs.to_string()];
        cells.extend(CALLS.iter().map(|call| of(call).to_string()));
        let per_run = of("fdatasync") as f64 / runs as f64;
        cells.extend([figure(per_run / STEPS_PER_RUN as f64), figure(per_run)]);
        row(&cells);
    }
    Ok(())
}

/// The part under strace: flies so many runs and says nothing.
pub(crate) fn fly_alone(at_once: usize, runs: u64, words: &[&str]) -> Result<()> {
    let (flow, kept) = flight::named(words)?;
    let folder = folder()?;
    let journal = folder.path().join("journal");
    block_on(fly(flow, (kept, &journal), at_once, Until::Started(runs)))?;
    Ok(())
}

fn count(at_once: usize, runs: u64) -> Result<BTreeMap<String, u64>> {
    let folder = folder()?;
    let report = folder.path().join("strace");
    let strace = Command::new("strace")
        .args(["-f", "-c", "-e", &format!("trace={}", CALLS.join(",")), "-o"])
        .arg(&report)
        .arg(std::env::current_exe()?)
        .args(["syncs", &at_once.to_string(), &runs.to_string()])
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("cannot run strace: {error}"))?;
    if !strace.success() {
        return Err(format!("strace ended with {strace}").into());
    }
    read(&report)
}

/// Lines such as `12.34  0.001  10  100  2 fdatasync`; the errors are left out when there are none.
fn read(report: &Path) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(report)?.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ([_, _, _, calls, ..], Some(name)) = (words.as_slice(), words.last())
            && CALLS.contains(name)
        {
            counts.insert((*name).to_owned(), calls.parse()?);
        }
    }
    Ok(counts)
}
