//! What the author of a step says about a failure; beats every rule.
//!
//! Kept as facts named `author`, so that rules that are run again come to the same end.

use std::time::Duration;

use resurge_journal::failure::{Advice, Applied, Class, Condition, Evidence, Scope};

use super::ruling::{Ruling, scope_of};

/// One thing that an author says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Author {
    Never,
    After(Duration),
    Class(Class),
    Limit(u32),
    Stretch(u32),
    NotSent,
    Space { path: String, bytes: u64 },
}

const FACT: &str = "author";
const PATH: &str = "author.path";
/// A path is cut into facts of this length.
const PATH_PIECE_BYTES: usize = 80;
/// Most pieces of a path; a longer one is not kept in the evidence.
const PATH_PIECES_MAX: usize = 4;

/// Takes note of what the author says, and lets it beat the ruling.
pub(crate) fn apply(ruling: &mut Ruling, evidence: &mut Evidence, said: &Author) {
    let noted = match said {
        Author::Never => "never".to_owned(),
        Author::After(delay) => format!("after={}", delay.as_millis()),
        Author::Class(class) => format!("class={}", class.name()),
        Author::Limit(retries) => format!("limit={retries}"),
        Author::Stretch(factor) => format!("stretch={factor}"),
        Author::NotSent => "not_sent".to_owned(),
        Author::Space { bytes, .. } => format!("space={bytes}"),
    };
    evidence.fact(FACT, noted);
    if let Author::Space { path, .. } = said {
        note_path(evidence, path);
    }
    rule(ruling, said.clone());
}

/// Whether the author of the step said anything that beats the rules.
pub(crate) fn overrides(evidence: &Evidence) -> bool {
    evidence.find(FACT).is_some()
}

/// Lets all that the author said beat the ruling once more.
pub(super) fn apply_all(ruling: &mut Ruling, evidence: &Evidence) {
    let said = evidence.facts().filter(|(name, _)| *name == FACT);
    for (_, noted) in said {
        if let Some(said) = read(noted, evidence) {
            rule(ruling, said);
        }
    }
}

fn read(noted: &str, evidence: &Evidence) -> Option<Author> {
    let (name, value) = noted.split_once('=').unwrap_or((noted, ""));
    Some(match name {
        "never" => Author::Never,
        "after" => Author::After(Duration::from_millis(value.parse().ok()?)),
        "class" => Author::Class(Class::from_name(value)?),
        "limit" => Author::Limit(value.parse().ok()?),
        "stretch" => Author::Stretch(value.parse().ok()?),
        "not_sent" => Author::NotSent,
        "space" => Author::Space { path: read_path(evidence), bytes: value.parse().ok()? },
        _ => return None,
    })
}

fn rule(ruling: &mut Ruling, said: Author) {
    match said {
        Author::Never => ruling.advice = Advice::Never,
        Author::After(delay) => {
            // As exact as the journal keeps it.
            let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            ruling.advice = Advice::After { delay: Duration::from_millis(millis), shared: false };
        }
        Author::Class(class) => {
            let plain = Ruling::new(class, "");
            ruling.advice = plain.advice;
            ruling.limit = None;
            ruling.scope = scope_of(class);
            ruling.class = class;
            "author.class_as".clone_into(&mut ruling.rule);
        }
        Author::Limit(retries) => ruling.limit = Some(retries),
        Author::Stretch(stretch) => ruling.advice = Advice::Backoff { stretch },
        Author::NotSent => ruling.applied = Applied::NotSent,
        Author::Space { path, bytes } => {
            ruling.class = Class::Resource;
            "disk_full".clone_into(&mut ruling.kind);
            ruling.scope = Scope::Volume;
            ruling.limit = None;
            "author.needs_space".clone_into(&mut ruling.rule);
            ruling.hint = Some(format!("free {} on the drive; it goes on by itself", size(bytes)));
            ruling.advice = if path.is_empty() {
                Advice::BACKOFF
            } else {
                Advice::WhenReady(Condition::DiskSpace { path, bytes })
            };
        }
    }
}

/// A number of bytes, rounded up, for people.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    const GIB: u64 = 1024 * MIB;
    if bytes >= 10 * GIB {
        format!("{} GiB", bytes.div_ceil(GIB))
    } else {
        format!("{} MiB", bytes.div_ceil(MIB))
    }
}

fn note_path(evidence: &mut Evidence, path: &str) {
    let pieces = pieces(path);
    if pieces.len() <= PATH_PIECES_MAX {
        for piece in pieces {
            evidence.fact(PATH, piece);
        }
    }
}

fn read_path(evidence: &Evidence) -> String {
    evidence.facts().filter(|(name, _)| *name == PATH).map(|(_, piece)| piece).collect()
}

fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for letter in text.chars() {
        match pieces.last_mut() {
            Some(piece) if piece.len() + letter.len_utf8() <= PATH_PIECE_BYTES => {
                piece.push(letter);
            }
            _ => pieces.push(letter.into()),
        }
    }
    pieces
}
