//! BLAKE3 as a stack of finished subtrees, because its own hasher cannot be saved.

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use super::hex;

/// Bytes of a leaf of our tree: a power of two, wide enough for the widest vector unit.
///
/// A saved state covers whole leaves, so up to this many bytes are hashed twice after a restore.
pub(super) const LEAF: u64 = 64 * 1024;

const CV_LEN: usize = 32;

/// BLAKE3 whose finished part can be saved.
#[derive(Debug, Clone)]
pub(super) struct TreeHasher {
    /// Chaining values of finished subtrees, the largest first; one per bit set in `leaves`.
    stack: Vec<[u8; CV_LEN]>,
    /// Finished leaves, all of them in `stack`.
    leaves: u64,
    /// The last leaf, kept open even when it is full: it may turn out to be the root's child.
    leaf: blake3::Hasher,
}

impl TreeHasher {
    pub(super) fn new() -> Self {
        Self { stack: Vec::new(), leaves: 0, leaf: blake3::Hasher::new() }
    }

    /// Bytes that a saved state covers.
    pub(super) const fn covered(&self) -> u64 {
        self.leaves * LEAF
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let mut room = LEAF - self.leaf.count();
            if room == 0 {
                self.close_leaf();
                room = LEAF;
            }
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (head, tail) = bytes.split_at(take);
            self.leaf.update(head);
            bytes = tail;
        }
    }

    /// Puts the full leaf on the stack; only called when more input follows it.
    fn close_leaf(&mut self) {
        let mut cv = self.leaf.finalize_non_root();
        self.leaves += 1;
        // Two subtrees of one size become one, as when a binary counter carries.
        for _ in 0..self.leaves.trailing_zeros() {
            if let Some(left) = self.stack.pop() {
                cv = merge_subtrees_non_root(&left, &cv, Mode::Hash);
            }
        }
        self.stack.push(cv);
        self.leaf = leaf_at(self.leaves);
    }

    pub(super) fn finish(mut self) -> String {
        let Some(first) = self.stack.first().copied() else {
            return self.leaf.finalize().to_hex().to_string();
        };
        let mut right = if self.leaf.count() > 0 {
            self.leaf.finalize_non_root()
        } else {
            // The input has shrunk since the state was saved: whatever comes out, its length is not
            // the one that was promised.
            self.stack.pop().unwrap_or(first)
        };
        while self.stack.len() > 1 {
            if let Some(left) = self.stack.pop() {
                right = merge_subtrees_non_root(&left, &right, Mode::Hash);
            }
        }
        let root = merge_subtrees_root(&first, &right, Mode::Hash);
        hex::encode(root.as_bytes())
    }

    /// The chaining values one after the other.
    pub(super) fn save(&self) -> Vec<u8> {
        self.stack.concat()
    }

    /// None unless `inner` is what [`save`](Self::save) gives after `covered` bytes.
    pub(super) fn restore(covered: u64, inner: &[u8]) -> Option<Self> {
        let leaves = covered / LEAF;
        let subtrees = usize::try_from(leaves.count_ones()).ok()?;
        if !covered.is_multiple_of(LEAF) || inner.len() != subtrees * CV_LEN {
            return None;
        }
        let stack = inner.chunks_exact(CV_LEN).map(<[u8; CV_LEN]>::try_from);
        let stack = stack.collect::<Result<_, _>>().ok()?;
        Some(Self { stack, leaves, leaf: leaf_at(leaves) })
    }
}

fn leaf_at(leaves: u64) -> blake3::Hasher {
    let mut leaf = blake3::Hasher::new();
    leaf.set_input_offset(leaves * LEAF);
    leaf
}
