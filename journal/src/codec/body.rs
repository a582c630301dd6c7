//! Bodies of events in bincode: the only place that knows it.

use bincode::config::{self, Config};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::FRAME_BYTES_MAX;
use crate::event::{BodyDecoder, BodyEncoder};

/// How much a body may claim to hold while it is read, in bytes.
///
/// bincode counts eight bytes for a number that takes one on disk, so that a full frame of small
/// numbers claims up to eight times its size.
const CLAIM_BYTES_MAX: usize = 16 * FRAME_BYTES_MAX;

/// Variable-length integers; a forged length is refused before anything is allocated.
const fn format() -> impl Config {
    config::standard().with_limit::<CLAIM_BYTES_MAX>()
}

/// Appends a body to the header that stands in front of it.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl BodyEncoder for Writer<'_> {
    type Output = Result<(), String>;

    fn encode<T: Serialize>(self, body: &T) -> Self::Output {
        bincode::serde::encode_into_std_write(body, self.0, format())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

/// Reads a body that must fill the slice to its end.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl BodyDecoder for Reader<'_> {
    type Error = String;

    fn decode<T: DeserializeOwned>(self) -> Result<T, String> {
        let (body, used) = bincode::serde::decode_from_slice(self.0, format())
            .map_err(|error| error.to_string())?;
        if used == self.0.len() {
            Ok(body)
        } else {
            Err(format!("{} bytes follow its end", self.0.len() - used))
        }
    }
}
