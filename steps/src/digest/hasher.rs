//! One hasher for all algorithms.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};

use super::hex;
use super::state::{HasherState, Parts, RestoreError};
use super::tree::TreeHasher;
use crate::artifact::{Algorithm, Expected};

/// A digest under way, whose state can be saved and restored in another process.
///
/// ```
/// use resurge_steps::artifact::Algorithm;
/// use resurge_steps::digest::Hasher;
///
/// let mut hasher = Hasher::new(Algorithm::Sha256);
/// hasher.update(b"hello ");
/// let mut later = Hasher::restore(&hasher.save())?;
/// assert_eq!(later.position(), 6); // feed it the file from here on
/// later.update(b"world");
/// hasher.update(b"world");
/// assert_eq!(later.finish(), hasher.finish());
/// # Ok::<(), resurge_steps::digest::RestoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Hasher {
    inner: Inner,
    position: u64,
}

#[derive(Debug, Clone)]
enum Inner {
    Sha256(Sha256),
    Sha512(Sha512),
    Blake3(Box<TreeHasher>),
}

impl Hasher {
    /// A hasher that has seen nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        let inner = match algorithm {
            Algorithm::Sha256 => Inner::Sha256(Sha256::new()),
            Algorithm::Sha512 => Inner::Sha512(Sha512::new()),
            Algorithm::Blake3 => Inner::Blake3(Box::new(TreeHasher::new())),
        };
        Self { inner, position: 0 }
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        match self.inner {
            Inner::Sha256(_) => Algorithm::Sha256,
            Inner::Sha512(_) => Algorithm::Sha512,
            Inner::Blake3(_) => Algorithm::Blake3,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.inner {
            Inner::Sha256(hasher) => hasher.update(bytes),
            Inner::Sha512(hasher) => hasher.update(bytes),
            Inner::Blake3(hasher) => hasher.update(bytes),
        }
        self.position += bytes.len() as u64;
    }

    /// Bytes taken so far: where in the file to go on.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The state as text.
    ///
    /// It may cover a little less than what was taken (BLAKE3: up to 64 KiB less); the
    /// [`position`](Self::position) of the restored hasher says how much it covers.
    pub fn save(&self) -> HasherState {
        let (position, inner) = match &self.inner {
            Inner::Sha256(hasher) => (self.position, hasher.serialize().to_vec()),
            Inner::Sha512(hasher) => (self.position, hasher.serialize().to_vec()),
            Inner::Blake3(hasher) => (hasher.covered(), hasher.save()),
        };
        HasherState::of(&Parts { algorithm: self.algorithm(), position, inner })
    }

    /// Goes on from a saved state; feed it the file from its [`position`](Self::position).
    ///
    /// # Errors
    /// [`RestoreError`] if the text is not a state that this version wrote.
    pub fn restore(state: &HasherState) -> Result<Self, RestoreError> {
        let Parts { algorithm, position, inner } = state.parts()?;
        let inner = match algorithm {
            Algorithm::Sha256 => Inner::Sha256(sha2_state(&inner)?),
            Algorithm::Sha512 => Inner::Sha512(sha2_state(&inner)?),
            Algorithm::Blake3 => {
                let tree = TreeHasher::restore(position, &inner).ok_or(RestoreError::Damaged)?;
                Inner::Blake3(Box::new(tree))
            }
        };
        Ok(Self { inner, position })
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Expected {
        let algorithm = self.algorithm();
        let hex = match self.inner {
            Inner::Sha256(hasher) => hex::encode(&hasher.finalize()),
            Inner::Sha512(hasher) => hex::encode(&hasher.finalize()),
            Inner::Blake3(hasher) => hasher.finish(),
        };
        Expected::of_digest(algorithm, hex)
    }
}

fn sha2_state<H: SerializableState>(inner: &[u8]) -> Result<H, RestoreError> {
    let state = SerializedState::<H>::try_from(inner).map_err(|_| RestoreError::Damaged)?;
    H::deserialize(&state).map_err(|_| RestoreError::Damaged)
}
