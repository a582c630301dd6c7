//! Reads a manifest and finds everything that is wrong with it.

use std::io;
use std::path::Path;

use resurge::steps::artifact::InstallPath;
use toml::{Table, Value};

use super::entry::Entry;
use super::fields::Fields;
use super::problem::{ManifestError, Problem};
use super::settings::Recovery;

/// What is to be installed, and how failures are met.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The artifacts, in the order of the file; at least one.
    pub artifacts: Vec<Entry>,
    /// How failures are met.
    pub recovery: Recovery,
}

impl Manifest {
    /// Reads a file and checks all of it; nothing else is touched.
    ///
    /// # Errors
    /// [`ManifestError`] with every problem at once.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let text = text_of(path)
            .map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// The same for a text; `path` is what errors call it.
    ///
    /// # Errors
    /// [`ManifestError`] with every problem at once.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ManifestError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            ManifestError::Syntax { path: path.to_owned(), message: error.to_string() }
        })?;
        let mut problems = Vec::new();
        let manifest = read(table, &mut problems);
        if problems.is_empty() {
            Ok(manifest)
        } else {
            Err(ManifestError::Invalid { path: path.to_owned(), problems })
        }
    }
}

/// The text of a file that can be a manifest: no device, no pipe, nothing endless.
fn text_of(path: &Path) -> io::Result<String> {
    let about = std::fs::metadata(path)?;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()));
    if !about.is_file() {
        return refuse("it is not a regular file");
    }
    if about.len() > BYTES_MAX {
        return refuse("it is larger than 4 MiB; split it");
    }
    std::fs::read_to_string(path)
}

const BYTES_MAX: u64 = 4 * 1024 * 1024;

fn read(table: Table, problems: &mut Vec<Problem>) -> Manifest {
    let mut fields = Fields::new("the file".to_owned(), table, problems);
    let artifacts = fields.optional("artifact", tables).unwrap_or_default();
    let settings = fields.optional("settings", section).unwrap_or_default();
    fields.finish();
    if artifacts.is_empty() && problems.is_empty() {
        let message = "it lists nothing to install; add an [[artifact]]".to_owned();
        problems.push(Problem { place: "the file".to_owned(), message });
    }

    let artifacts: Vec<Entry> = (1..)
        .zip(artifacts)
        .filter_map(|(number, table)| {
            Entry::read(Fields::new(called(number, &table), table, problems))
        })
        .collect();
    problems.extend(clashes(&artifacts));
    let recovery = Recovery::read(Fields::new("settings".to_owned(), settings, problems));
    Manifest { artifacts, recovery }
}

/// What an artifact is called in problems: its name, or its number in the file.
fn called(number: usize, table: &Table) -> String {
    match table.get("name").and_then(Value::as_str) {
        Some(name) if !name.trim().is_empty() => format!("artifact `{}`", name.escape_debug()),
        _ => format!("artifact no. {number}"),
    }
}

fn tables(value: Value) -> Result<Vec<Table>, String> {
    match value {
        Value::Array(items) => items.into_iter().map(section).collect(),
        _ => Err("write it as [[artifact]]".to_owned()),
    }
}

fn section(value: Value) -> Result<Table, String> {
    match value {
        Value::Table(table) => Ok(table),
        _ => Err("a table of keys and values is needed".to_owned()),
    }
}

/// Artifacts that cannot go together: the same name, or one place within the other.
fn clashes(artifacts: &[Entry]) -> Vec<Problem> {
    let pairs = artifacts
        .iter()
        .enumerate()
        .flat_map(|(i, later)| artifacts.iter().take(i).map(move |earlier| (earlier, later)));
    pairs.flat_map(|(earlier, later)| clash(earlier, later)).collect()
}

fn clash(earlier: &Entry, later: &Entry) -> impl Iterator<Item = Problem> {
    let same_name = (earlier.name == later.name)
        .then(|| "another artifact has the same name; a name stands for one run".to_owned());
    let (there, here) = (&earlier.install_to, &later.install_to);
    let overlap = overlap(here, there).then(|| {
        let name = &earlier.name;
        format!("install_to `{here}` overlaps with `{there}` of artifact `{name}`")
    });
    let place = format!("artifact `{}`", later.name);
    let problem = move |message| Problem { place: place.clone(), message };
    same_name.into_iter().chain(overlap).map(problem)
}

/// Whether one of two places below a root lies in the other one, or is it.
pub(crate) fn overlap(one: &InstallPath, other: &InstallPath) -> bool {
    let (one, other) = (one.as_str(), other.as_str());
    within(one, other) || within(other, one)
}

/// Whether a path is another one or lies in it, on systems that do not tell cases apart as well.
fn within(inner: &str, outer: &str) -> bool {
    let (inner, outer) = (inner.to_lowercase(), outer.to_lowercase());
    inner.strip_prefix(&outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
