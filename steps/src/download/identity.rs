//! What an answer says about which bytes it speaks of.

use reqwest::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, DATE, ETAG, HeaderMap, HeaderName,
    LAST_MODIFIED,
};
use serde::{Deserialize, Serialize};

/// What one source said about the bytes that it gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that do not depend on each other")]
pub(super) struct Identity {
    /// The entity tag, verbatim.
    pub(super) etag: Option<String>,
    /// The date of the last change, verbatim.
    pub(super) last_modified: Option<String>,
    /// Whether no change can hide behind that date.
    pub(super) last_modified_strong: bool,
    /// Length of the whole file.
    pub(super) total: Option<u64>,
    /// Whether the bytes are compressed although that was not asked for.
    pub(super) encoded: bool,
    /// Whether the source said that it knows no ranges.
    pub(super) no_ranges: bool,
    /// Whether the source gives ranges only when it is asked without `If-Range`.
    pub(super) no_if_range: bool,
}

impl Identity {
    /// What the headers of a whole or partial answer say; `total` is set by the caller.
    pub(super) fn of(headers: &HeaderMap, total: Option<u64>) -> Self {
        let no_ranges =
            text(headers, &ACCEPT_RANGES).is_some_and(|t| t.eq_ignore_ascii_case("none"));
        Self {
            etag: text(headers, &ETAG).map(str::to_owned),
            last_modified: text(headers, &LAST_MODIFIED).map(str::to_owned),
            last_modified_strong: older_than_answer(headers),
            total,
            encoded: is_encoded(headers),
            no_ranges,
            no_if_range: false,
        }
    }

    /// What may stand in `If-Range`: a strong tag, or without any tag a strong date.
    pub(super) fn validator(&self) -> Option<&str> {
        match &self.etag {
            Some(tag) => is_strong_tag(tag).then_some(tag.as_str()),
            None => self.last_modified.as_deref().filter(|_| self.last_modified_strong),
        }
    }

    /// Whether a part that says this of itself may belong to the same bytes.
    ///
    /// An answer to `If-Range` repeats the tag (RFC 9110, 15.3.7), but need not repeat a date: one
    /// that lacks the tag comes from a server that did not look at the condition.
    pub(super) fn admits_part(&self, part: &Self) -> bool {
        let tagged = self.etag.as_deref().is_some_and(is_strong_tag);
        !self.contradicts(part) && (!tagged || part.etag.is_some())
    }

    /// Whether the two cannot speak of the same bytes.
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        differ(self.etag.as_ref(), other.etag.as_ref())
            || differ(self.last_modified.as_ref(), other.last_modified.as_ref())
            || differ(self.total.as_ref(), other.total.as_ref())
    }

    /// Whether the two are proven to speak of the same bytes.
    pub(super) fn proves(&self, other: &Self) -> bool {
        let same = self.validator().is_some() && self.validator() == other.validator();
        same && !self.contradicts(other)
    }
}

/// Whether a tag is well-formed and not weak.
fn is_strong_tag(tag: &str) -> bool {
    tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"')
}

fn differ<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
    a.is_some() && b.is_some() && a != b
}

/// Length of the body, if the headers tell it.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, &CONTENT_LENGTH)?.trim().parse().ok()
}

/// Whether the body is compressed.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    })
}

/// A date is strong if it is at least one second older than the answer.
fn older_than_answer(headers: &HeaderMap) -> bool {
    let date = |name| text(headers, name).and_then(|text| httpdate::parse_http_date(text).ok());
    let (Some(changed), Some(answered)) = (date(&LAST_MODIFIED), date(&DATE)) else {
        return false;
    };
    answered.duration_since(changed).is_ok_and(|age| age.as_secs() >= 1)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn identity(headers: &[(&'static str, &'static str)]) -> Identity {
        let pairs = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Identity::of(&pairs.collect(), None)
    }

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEXT_SECOND: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[test]
    fn only_strong_validators_may_stand_in_if_range() {
        for (headers, expected) in [
            (&[("etag", "\"a\"")][..], Some("\"a\"")),
            (&[("etag", "W/\"a\"")], None),
            (&[("etag", "")], None),
            (&[("etag", "\"")], None),
            (&[("etag", "a")], None),
            (&[("etag", "W/\"a\""), ("last-modified", OLD), ("date", NEXT_SECOND)], None),
            (&[("last-modified", OLD), ("date", NEXT_SECOND)], Some(OLD)),
            (&[("last-modified", OLD), ("date", OLD)], None),
            (&[("last-modified", OLD)], None),
            (&[("last-modified", "yesterday"), ("date", OLD)], None),
            (&[], None),
        ] {
            assert_eq!(identity(headers).validator(), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_contradiction_needs_both_sides_to_speak() {
        let a = identity(&[("etag", "\"a\""), ("last-modified", OLD)]);
        let b = identity(&[("etag", "\"b\"")]);
        let silent = identity(&[]);
        assert!(a.contradicts(&b));
        assert!(!a.contradicts(&silent) && !silent.contradicts(&a));
        assert!(a.proves(&a.clone()) && !a.proves(&silent) && !silent.proves(&silent.clone()));
        let longer = Identity { total: Some(2), ..silent.clone() };
        assert!(longer.contradicts(&Identity { total: Some(1), ..silent }));
    }
}
