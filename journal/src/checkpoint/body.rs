//! Bodies of images in bincode, as those of records are written.
//!
//! Unlike a record an image never outlives its fold, so that its enums may be written by position.

use bincode::config::{self, Config};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How much a body may claim to hold while it is read, in bytes.
const CLAIM_BYTES_MAX: usize = 1024 * 1024 * 1024;

const fn format() -> impl Config {
    config::standard().with_limit::<CLAIM_BYTES_MAX>()
}

/// Appends a body; one that cannot be written is none of ours.
pub(super) fn encode<T: Serialize>(body: &T, to: &mut Vec<u8>) -> Result<(), String> {
    bincode::serde::encode_into_std_write(body, to, format())
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// Reads a body that must fill the slice to its end.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (body, used) =
        bincode::serde::decode_from_slice(bytes, format()).map_err(|error| error.to_string())?;
    if used == bytes.len() {
        Ok(body)
    } else {
        Err(format!("{} bytes follow its end", bytes.len() - used))
    }
}
