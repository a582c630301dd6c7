//! What an answer is worth. Decided from status and headers, never from what was intended.

use std::time::SystemTime;

use reqwest::header::{CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use resurge_journal::failure::{Class, Evidence};

use super::identity::{Identity, content_length, is_encoded};
use super::plan::{Ask, Ground};
use super::range::ContentRange;
use crate::classify::http_status;
use crate::error::StepError;

/// Status and headers of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    /// Why the address may have run out, if it may.
    pub(super) link: Option<&'static str>,
    /// The time that dates are compared with.
    pub(super) now: SystemTime,
}

/// What to do with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The body is the whole file: begin anew with it.
    Whole(Coming),
    /// The body is the rest: go on with it.
    Rest(Coming),
    /// The body is the whole file, whose beginning is there already: skip that.
    Skip(Coming),
    /// Nothing is missing.
    Complete,
    /// Ask the same source once more, in another way.
    AskAgain { ask: Ask, why: &'static str },
    /// The answer cannot be used.
    Refuse(Refusal),
}

/// What is known about the body that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coming {
    pub(super) identity: Identity,
    /// Length that the file will have.
    pub(super) total: Option<u64>,
    /// Whether the end of the body can be told from a broken connection.
    pub(super) end_is_marked: bool,
}

/// Why an answer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the server answers {status}")]
    Status { status: u16, evidence: Evidence },
    #[error(
        "the file has {found} bytes, {promised} were promised; correct the size or the address"
    )]
    Size { found: u64, promised: u64 },
    #[error("the server compresses the file although it must not; give the digest of the file")]
    Encoded,
    #[error("the server answers with a part of the file although the whole was asked for")]
    UnaskedPart,
}

impl Refusal {
    pub(super) fn into_error(self) -> StepError {
        let message = self.to_string();
        match self {
            Self::Status { evidence, .. } => StepError::from_evidence(&evidence, message),
            Self::Size { .. } => StepError::found("transfer", "size", message),
            Self::Encoded => StepError::found("transfer", "encoded", message),
            Self::UnaskedPart => StepError::new(Class::Server, "unasked_part", message),
        }
    }
}

/// Decides what an answer is worth.
pub(super) fn judge(ask: &Ask, ground: &Ground<'_>, answer: Answer<'_>) -> Judgement {
    match (answer.status, ask.from) {
        (200, 0) => whole(ground, answer),
        (200, _) => whole_instead_of_rest(ask, ground, answer),
        (206, 0) => Judgement::Refuse(Refusal::UnaskedPart),
        (206, from) => rest(ask, from, ground, answer),
        (412, 1..) => ask_whole("the file changed"),
        (416, 1..) => nothing_left(ask, ground, answer),
        (status, _) => {
            let mut evidence = http_status(status, answer.headers, answer.now);
            if let Some(link) = answer.link {
                evidence.fact("link", link);
            }
            Judgement::Refuse(Refusal::Status { status, evidence })
        }
    }
}

const fn ask_whole(why: &'static str) -> Judgement {
    Judgement::AskAgain { ask: Ask::WHOLE, why }
}

fn whole(ground: &Ground<'_>, answer: Answer<'_>) -> Judgement {
    match whole_body(ground, answer) {
        Ok(coming) => Judgement::Whole(coming),
        Err(refusal) => Judgement::Refuse(refusal),
    }
}

fn whole_body(ground: &Ground<'_>, answer: Answer<'_>) -> Result<Coming, Refusal> {
    let length = content_length(answer.headers).filter(|_| !is_chunked(answer.headers));
    let identity = Identity::of(answer.headers, length);
    // Stored as it comes; only a digest or a size can say whether that is what was wanted.
    if identity.encoded && !ground.digest && ground.size.is_none() {
        return Err(Refusal::Encoded);
    }
    agrees_with_promise(ground, length)?;
    let end_is_marked = length.is_some() || is_chunked(answer.headers);
    Ok(Coming { identity, total: length.or(ground.size), end_is_marked })
}

fn agrees_with_promise(ground: &Ground<'_>, length: Option<u64>) -> Result<(), Refusal> {
    match (length, ground.size) {
        (Some(found), Some(promised)) if found != promised => {
            Err(Refusal::Size { found, promised })
        }
        _ => Ok(()),
    }
}

/// Either the file changed, or the source does not care for `If-Range` or for ranges at all.
fn whole_instead_of_rest(ask: &Ask, ground: &Ground<'_>, answer: Answer<'_>) -> Judgement {
    let mut coming = match whole_body(ground, answer) {
        Ok(coming) => coming,
        Err(refusal) => return Judgement::Refuse(refusal),
    };
    let other_length = matches!((coming.total, ground.total), (Some(a), Some(b)) if a != b);
    let other_file = ground.known.is_some_and(|known| known.contradicts(&coming.identity));
    if other_length || other_file {
        return Judgement::Whole(coming);
    }
    if ask.if_range.is_some() {
        let ask = Ask { if_range: None, ..ask.clone() };
        return Judgement::AskAgain { ask, why: "the server ignores If-Range" };
    }
    let proven = ground.known.is_some_and(|known| known.proves(&coming.identity))
        || (ground.digest && coming.total.is_some() && coming.total == ground.total);
    if proven && !coming.identity.encoded {
        coming.identity.no_if_range = true;
        Judgement::Skip(coming)
    } else {
        Judgement::Whole(coming)
    }
}

fn rest(ask: &Ask, from: u64, ground: &Ground<'_>, answer: Answer<'_>) -> Judgement {
    let total = match checked_part(from, ground, answer) {
        Ok(total) => total,
        Err(why) => return ask_whole(why),
    };
    if let Err(refusal) = agrees_with_promise(ground, Some(total)) {
        return Judgement::Refuse(refusal);
    }
    let said = Identity::of(answer.headers, Some(total));
    if ground.known.is_some_and(|known| known.contradicts(&said)) {
        return ask_whole("the file changed");
    }
    // With a digest the whole is judged in the end; without one the part must prove itself.
    if !ground.digest && ground.known.is_some_and(|known| !known.admits_part(&said)) {
        return ask_whole("the part does not say which version it belongs to");
    }
    let mut identity = ground.known.cloned().unwrap_or(said);
    identity.total = Some(total);
    identity.no_if_range |= ask.if_range.is_none() && identity.validator().is_some();
    Judgement::Rest(Coming { identity, total: Some(total), end_is_marked: true })
}

/// The length of the whole file, if the answer is exactly the part that was asked for.
fn checked_part(from: u64, ground: &Ground<'_>, answer: Answer<'_>) -> Result<u64, &'static str> {
    let headers = answer.headers;
    if is_multipart(headers) {
        return Err("the part comes in several pieces");
    }
    if is_encoded(headers) {
        return Err("the part is compressed");
    }
    let Some(ContentRange::Part { first, last, total }) = ContentRange::of(headers) else {
        return Err("the part does not say where it belongs");
    };
    if first != from {
        return Err("the part begins elsewhere");
    }
    let total = total.or(ground.total).ok_or("nobody knows how long the file is")?;
    if last.checked_add(1) != Some(total) {
        return Err("the part ends elsewhere");
    }
    if ground.total.is_some_and(|expected| expected != total) {
        return Err("the length of the file changed");
    }
    let length = content_length(headers).filter(|_| !is_chunked(headers));
    if length.is_some_and(|length| length != total - from) {
        return Err("the length of the part is wrong");
    }
    Ok(total)
}

fn nothing_left(ask: &Ask, ground: &Ground<'_>, answer: Answer<'_>) -> Judgement {
    let Some(ContentRange::Unsatisfied { total }) = ContentRange::of(answer.headers) else {
        return ask_whole("the server does not know the part and does not say why");
    };
    let said = Identity { total: Some(total), ..Identity::of(answer.headers, None) };
    let fits = total == ask.from
        && ground.total.is_none_or(|expected| expected == total)
        && !ground.known.is_some_and(|known| known.contradicts(&said));
    if fits { Judgement::Complete } else { ask_whole("the length of the file changed") }
}

fn is_chunked(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    kind.get(..20).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/byteranges"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "judge_tests.rs"]
mod tests;
