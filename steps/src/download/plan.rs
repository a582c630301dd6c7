//! What to ask a source for, given what is already there.

use super::identity::Identity;

/// A request for a file, or for the rest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// The first byte wanted; 0 asks for the whole file.
    pub(super) from: u64,
    /// The validator for `If-Range`.
    pub(super) if_range: Option<String>,
}

impl Ask {
    /// A request for the whole file.
    pub(super) const WHOLE: Self = Self { from: 0, if_range: None };
}

/// What is known before a source is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    /// Bytes that are already there.
    pub(super) offset: u64,
    /// What this very source said about them, if it was asked before.
    pub(super) known: Option<&'a Identity>,
    /// Length of the whole file: promised, or told by the source of the bytes that are there.
    pub(super) total: Option<u64>,
    /// Length that the file was promised to have.
    pub(super) size: Option<u64>,
    /// Whether a digest will tell in the end that the bytes belong together.
    pub(super) digest: bool,
}

/// Decides what to ask for.
///
/// The rest is asked for only if something will show that it belongs to what is there: a strong
/// validator of this source, or the digest.
pub(super) fn plan(ground: &Ground<'_>) -> Ask {
    let rest =
        |if_range: Option<&str>| Ask { from: ground.offset, if_range: if_range.map(str::to_owned) };
    if ground.offset == 0 {
        return Ask::WHOLE;
    }
    match ground.known {
        Some(known) if known.encoded || known.no_ranges => Ask::WHOLE,
        Some(known) => match known.validator() {
            Some(_) if known.no_if_range => rest(None),
            Some(validator) => rest(Some(validator)),
            None if ground.digest => rest(None),
            None => Ask::WHOLE,
        },
        // Another place: only the digest can say that its bytes fit.
        None if ground.digest && ground.total.is_some() => rest(None),
        None => Ask::WHOLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strong() -> Identity {
        Identity { etag: Some("\"a\"".into()), total: Some(10), ..Identity::default() }
    }

    fn ask(offset: u64, known: Option<&Identity>, total: Option<u64>, digest: bool) -> Ask {
        plan(&Ground { offset, known, total, size: None, digest })
    }

    #[test]
    fn the_rest_is_asked_for_only_if_something_proves_that_it_fits() {
        let weak = Identity { etag: Some("W/\"a\"".into()), ..strong() };
        let encoded = Identity { encoded: true, ..strong() };
        let no_ranges = Identity { no_ranges: true, ..strong() };
        let no_if_range = Identity { no_if_range: true, ..strong() };
        let rest = Ask { from: 5, if_range: None };
        let guarded = Ask { from: 5, if_range: Some("\"a\"".into()) };
        for (known, total, digest, expected) in [
            (Some(strong()), Some(10), false, &guarded),
            (Some(strong()), Some(10), true, &guarded),
            (Some(no_if_range), Some(10), false, &rest),
            (Some(weak.clone()), Some(10), true, &rest),
            (Some(weak), Some(10), false, &Ask::WHOLE),
            (Some(encoded), Some(10), true, &Ask::WHOLE),
            (Some(no_ranges), Some(10), true, &Ask::WHOLE),
            (None, Some(10), true, &rest),
            (None, None, true, &Ask::WHOLE),
            (None, Some(10), false, &Ask::WHOLE),
        ] {
            assert_eq!(ask(5, known.as_ref(), total, digest), *expected, "{known:?} {digest}");
        }
        assert_eq!(ask(0, Some(&strong()), Some(10), true), Ask::WHOLE);
    }
}
