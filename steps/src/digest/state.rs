//! A hasher's state as text.

use serde::{Deserialize, Serialize};

use super::hex;
use crate::artifact::Algorithm;

/// The state of a [`Hasher`](super::Hasher), as text for a checkpoint.
///
/// Under 2 KiB for files up to 32 TiB. Any text can stand here: whether it is a state shows when
/// it is restored, so that an unreadable one costs a second reading of the file and nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HasherState(String);

/// Why a saved state cannot be restored: hash the file from its beginning instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Another version of this library wrote it.
    #[error("the saved state has another format than this version reads; hash the file again")]
    Format,
    /// It is not a state at all.
    #[error("the saved state is damaged; hash the file again")]
    Damaged,
}

/// What a state consists of.
pub(super) struct Parts {
    pub(super) algorithm: Algorithm,
    /// Bytes hashed so far.
    pub(super) position: u64,
    /// What the algorithm needs to go on.
    pub(super) inner: Vec<u8>,
}

/// Goes up whenever the meaning of the text changes, be it by `sha2` or by ourselves.
const VERSION: &str = "1";

impl HasherState {
    pub(super) fn of(parts: &Parts) -> Self {
        let Parts { algorithm, position, inner } = parts;
        Self(format!("{VERSION}:{algorithm}:{position}:{}", hex::encode(inner)))
    }

    pub(super) fn parts(&self) -> Result<Parts, RestoreError> {
        let mut fields = self.0.splitn(4, ':');
        let mut field = || fields.next().ok_or(RestoreError::Damaged);
        if field()? != VERSION {
            return Err(RestoreError::Format);
        }
        let algorithm = Algorithm::by_name(field()?).ok_or(RestoreError::Damaged)?;
        let position = field()?.parse().map_err(|_| RestoreError::Damaged)?;
        let inner = hex::decode(field()?).ok_or(RestoreError::Damaged)?;
        Ok(Parts { algorithm, position, inner })
    }
}
