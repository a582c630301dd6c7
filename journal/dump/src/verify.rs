//! `journal-dump verify`

use std::io::{self, Write};

use resurge_journal::Seq;
use resurge_journal::audit::{AuditReport, Finding, FindingKind, audit_from, audit_without_base};
use resurge_journal::dump::{JSON_LINES_VERSION, Plain};
use resurge_journal::store::Condition;
use serde_json::{Value, json};

use crate::args::VerifyArgs;
use crate::exit::{Exit, Trouble};
use crate::source::Source;

pub(crate) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<Exit, Trouble> {
    let source = Source::open(&args.journal)?;
    let mut report = if source.is_one_run() {
        alone(&source)
    } else {
        let records = source.scan_rest().chain(source.strangers().map(Err));
        match source.base() {
            Ok(base) => audit_from(base, records),
            Err(error) => audit_without_base(source.first(), &error, records),
        }
    };
    if let Some(finding) = beside(source.condition(), &report) {
        report.add(finding);
    }
    for message in source.flaws_of_base() {
        report.add(Finding { seq: Seq::new(1), kind: FindingKind::Base, message });
    }
    if args.json {
        writeln!(out, "{}", object(&source, &report))?;
    } else {
        human(&source, &report, out)?;
    }
    Ok(source.warn().max_with(worst(&report)))
}

/// Records of one run, all of them checked; whether they follow is told by others that are not here.
fn alone(source: &Source) -> AuditReport {
    let mut report = AuditReport { runs: 1, ..AuditReport::default() };
    for record in source.records() {
        report.records += 1;
        report.provable = record.seq;
    }
    report
}

/// What the condition of the journal says that reading record for record does not show.
fn beside(condition: &Condition, report: &AuditReport) -> Option<Finding> {
    let is_found = |kind| report.findings.iter().any(|finding| finding.kind == kind);
    let (seq, kind, message) = match condition {
        Condition::Torn { from, to, problem } => {
            let message = format!("records {from} to {to} were never acknowledged ({problem})");
            (*from, FindingKind::TornTail, message)
        }
        Condition::Newer { problem } if !is_found(FindingKind::Newer) => {
            (report.provable.next(), FindingKind::Newer, problem.clone())
        }
        Condition::Damaged { from, problem, .. } if report.is_clean() => {
            (*from, FindingKind::Chain, problem.clone())
        }
        _ => return None,
    };
    Some(Finding { seq, kind, message })
}

/// How the findings make the tool end.
fn worst(report: &AuditReport) -> Exit {
    let exit_of = |finding: &Finding| match finding.kind {
        FindingKind::TornTail => Exit::Torn,
        FindingKind::Newer => Exit::Newer,
        _ => Exit::Findings,
    };
    report.findings.iter().map(exit_of).fold(Exit::Ok, Exit::max_with)
}

fn human(source: &Source, report: &AuditReport, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        writeln!(out, "{:>6}  {}", finding.seq.get(), Plain(&finding.to_string()))?;
    }
    let kept = report.findings.len() as u64;
    if report.findings_count > kept {
        writeln!(out, "        and {} more findings", report.findings_count - kept)?;
    }
    writeln!(
        out,
        "{} records readable in {}, {} runs, provable up to record {}",
        report.records,
        source.place(),
        report.runs,
        report.provable
    )?;
    if let Some(dropped) = source.dropped() {
        writeln!(out, "{dropped}")?;
    }
    match report.first_bad() {
        Some(first) => writeln!(out, "first bad record: {first}"),
        None => Ok(()),
    }
}

fn object(source: &Source, report: &AuditReport) -> Value {
    let findings = report.findings.iter().map(|finding| {
        let (seq, kind) = (finding.seq.get(), finding.kind.name());
        json!({ "seq": seq, "kind": kind, "message": finding.message })
    });
    json!({
        "v": JSON_LINES_VERSION,
        "read": source.place(),
        "condition": condition(source.condition()),
        "first": source.first().get(),
        "kept": source.kept(),
        "records": report.records,
        "runs": report.runs,
        "provable": report.provable.get(),
        "first_bad": report.first_bad().map(Seq::get),
        "findings_count": report.findings_count,
        "findings": findings.collect::<Vec<_>>(),
    })
}

fn condition(condition: &Condition) -> &'static str {
    match condition {
        Condition::Whole => "whole",
        Condition::Torn { .. } => "torn",
        Condition::Newer { .. } => "newer",
        _ => "damaged",
    }
}
