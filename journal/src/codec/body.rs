//! Bodies of events in bincode: the only place that knows it.

use bincode::config::{self, Config};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::{BODY_BYTES_MAX, FRAME_BYTES_MAX};
use crate::event::{BodyDecoder, BodyEncoder};

/// How much a body in a frame may claim to hold while it is read, in bytes.
///
/// bincode counts eight bytes for a number that takes one on disk, so that a full frame of small
/// numbers claims up to eight times its size.
const CLAIM_BYTES_MAX: usize = 16 * FRAME_BYTES_MAX;
/// The same for a body that is kept aside; its hash has shown that nobody forged it.
const CLAIM_BYTES_MAX_ASIDE: usize = 16 * BODY_BYTES_MAX;

/// Variable-length integers; a forged length is refused before anything is allocated.
const fn format<const CLAIM: usize>() -> impl Config {
    config::standard().with_limit::<CLAIM>()
}

/// Appends a body to the header that stands in front of it.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl BodyEncoder for Writer<'_> {
    type Output = Result<(), String>;

    fn encode<T: Serialize>(self, body: &T) -> Self::Output {
        bincode::serde::encode_into_std_write(body, self.0, format::<CLAIM_BYTES_MAX_ASIDE>())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

/// Reads a body that must fill the slice to its end.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl BodyDecoder for Reader<'_> {
    type Error = String;

    fn decode<T: DeserializeOwned>(self) -> Result<T, String> {
        let read = if self.0.len() <= FRAME_BYTES_MAX {
            bincode::serde::decode_from_slice(self.0, format::<CLAIM_BYTES_MAX>())
        } else {
            bincode::serde::decode_from_slice(self.0, format::<CLAIM_BYTES_MAX_ASIDE>())
        };
        let (body, used) = read.map_err(|error| error.to_string())?;
        if used == self.0.len() {
            Ok(body)
        } else {
            Err(format!("{} bytes follow its end", self.0.len() - used))
        }
    }
}
