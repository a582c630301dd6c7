//! `journal-dump verify`

use std::io::Write;

use resurge_journal::audit::audit_records;
use resurge_journal::dump::Plain;
use resurge_journal::store::Condition;

use crate::args::VerifyArgs;
use crate::exit::{Exit, Trouble};
use crate::source::Source;

pub(crate) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let source = Source::open(&args.journal)?;
    let report = audit_records(source.scan());
    for finding in &report.findings {
        writeln!(out, "{:>6}  {}", finding.seq.get(), Plain(&finding.to_string()))?;
    }
    let kept = report.findings.len() as u64;
    if report.findings_count > kept {
        writeln!(out, "        and {} more findings", report.findings_count - kept)?;
    }
    writeln!(
        out,
        "{} records readable, {} runs, provable up to record {}",
        report.records, report.runs, report.provable
    )?;
    if let Some(first) = report.first_bad() {
        writeln!(out, "first bad record: {first}")?;
    }
    let exit = source.warn();
    let is_sound = report.is_clean() && !matches!(source.condition(), Condition::Damaged { .. });
    Ok(if exit == Exit::Ok && !is_sound { Exit::Findings } else { exit })
}
