//! Bodies that are too large for a frame: kept elsewhere, under the hash of what they are.

use std::fmt;

use sha2::{Digest, Sha256};

use super::error::{DecodeError, PayloadProblem};
use super::frame::BODY_BYTES_MAX;

const HASH_BYTES: usize = 32;

/// SHA-256 of a body that is kept aside; shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadHash([u8; HASH_BYTES]);

impl PayloadHash {
    /// The hash of a body.
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// The hash that a text shows; none if it is not one as this type writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; HASH_BYTES];
        let digits = text.as_bytes();
        if digits.len() != 2 * HASH_BYTES {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        let hash = Self(bytes);
        (hash.to_string() == text).then_some(hash)
    }
}

impl fmt::Display for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a frame says of a body that is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aside {
    pub(crate) hash: PayloadHash,
    /// Its length; more than a `u32` no body has.
    pub(crate) bytes: u32,
}

impl Aside {
    /// What stands in the frame.
    pub(super) fn reference(self) -> Vec<u8> {
        [&self.hash.0[..], &u64::from(self.bytes).to_be_bytes()].concat()
    }

    /// Reads what stands in a frame; none if no body has that length.
    pub(super) fn read(reference: &[u8]) -> Option<Self> {
        let (hash, bytes) = reference.split_first_chunk()?;
        let bytes = u32::try_from(u64::from_be_bytes(bytes.try_into().ok()?)).ok()?;
        let is_possible = usize::try_from(bytes).is_ok_and(|bytes| bytes <= BODY_BYTES_MAX);
        is_possible.then_some(Self { hash: PayloadHash(*hash), bytes })
    }

    /// Whether these bytes are the body.
    pub(crate) fn is(self, body: &[u8]) -> bool {
        u32::try_from(body.len()) == Ok(self.bytes) && PayloadHash::of(body) == self.hash
    }

    /// The body, which is what was written.
    pub(crate) fn fetch(self, bodies: &impl Bodies) -> Result<Vec<u8>, DecodeError> {
        let problem = match bodies.body(self) {
            Ok(body) if self.is(&body) => return Ok(body),
            Ok(_) => PayloadProblem::Changed,
            Err(problem) => problem,
        };
        Err(DecodeError::Payload { hash: self.hash, problem })
    }
}

/// A body that has to be kept before the frame that refers to it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) aside: Aside,
    pub(crate) body: Vec<u8>,
}

impl Kept {
    pub(super) fn new(body: Vec<u8>) -> Self {
        let bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        Self { aside: Aside { hash: PayloadHash::of(&body), bytes }, body }
    }
}

/// Where bodies are kept.
pub(crate) trait Bodies {
    /// What is kept in the place of a body; whether it is the body, the caller finds out.
    fn body(&self, aside: Aside) -> Result<Vec<u8>, PayloadProblem>;
}
