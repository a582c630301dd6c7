//! Bodies of earlier versions: what they were, and how they become what they are now.
//!
//! A body that changes gets its next version in `kinds.rs`. What it was moves into a file below
//! `older/`, with a `From` that makes the body of today of it, and gets one line here. From then on
//! its frames are read as if they had been written today; they are never written again.

#[cfg(any(test, feature = "testing"))]
mod made_up;
#[cfg(test)]
mod tests;

use super::{BodyDecoder, Event};

/// Declares which body stands under a tag and an earlier version, and what becomes of it.
macro_rules! older {
    ($($(#[$only:meta])* $tag:literal $version:literal $Old:ty => $New:ty,)*) => {
        /// Whether this build reads a body of this earlier version.
        pub(super) const fn is_known(tag: u16, version: u16) -> bool {
            match (tag, version) {
                $($(#[$only])* ($tag, $version) => true,)*
                _ => false,
            }
        }

        /// Asks the codec for a body of an earlier version, and brings it up to date.
        pub(super) fn decode_body<D: BodyDecoder>(
            tag: u16,
            version: u16,
            from: D,
        ) -> Result<Option<Event>, D::Error> {
            match (tag, version) {
                $($(#[$only])* ($tag, $version) => {
                    from.decode::<$Old>().map(|old| Some(<$New>::from(old).into()))
                })*
                _ => {
                    drop(from);
                    Ok(None)
                }
            }
        }

        /// Tag and version of every earlier body.
        #[cfg(test)]
        pub(crate) const OLDER: &[(u16, u16)] = &[$(($tag, $version)),*];
    };
}

// Oldest first. docs/journal-format.md has a row for each.
older! {
    #[cfg(any(test, feature = "testing"))]
    0x0206 0 made_up::RunParked => super::RunParked,
}
