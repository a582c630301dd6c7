//! Which fold a checkpoint was made by.

/// Declares the source files of the fold, each with its hash.
macro_rules! sources {
    ($($path:literal,)+) => {
        /// Paths of the files, as they stand in `src`.
        #[cfg(test)]
        pub(super) const PATHS: &[&str] = &[$($path),+];

        const HASHES: &[u64] = &[$({
            // Each on its own, so that no single evaluation is a long one.
            const HASH: u64 = fnv(SEED, include_str!(concat!("../", $path)).as_bytes());
            HASH
        }),+];
    };
}

sources! {
    "checkpoint/body.rs",
    "checkpoint/cold.rs",
    "checkpoint/due.rs",
    "checkpoint/graphs.rs",
    "checkpoint/image.rs",
    "checkpoint/keys.rs",
    "checkpoint/pack.rs",
    "checkpoint/snapshot.rs",
    "coded.rs",
    "event/attempt.rs",
    "event/breaker.rs",
    "event/control.rs",
    "event/engine.rs",
    "event/kinds.rs",
    "event/mod.rs",
    "event/older.rs",
    "event/older/made_up.rs",
    "event/run.rs",
    "event/verdict.rs",
    "failure.rs",
    "failure/advice.rs",
    "failure/evidence.rs",
    "id.rs",
    "json.rs",
    "manifest.rs",
    "policy/breaker.rs",
    "policy/mod.rs",
    "policy/retry.rs",
    "state/apply.rs",
    "state/apply/attempt.rs",
    "state/apply/breaker.rs",
    "state/apply/control.rs",
    "state/apply/run.rs",
    "state/breaker.rs",
    "state/mod.rs",
    "state/residence.rs",
    "state/run.rs",
    "state/stats.rs",
    "state/step.rs",
    "state/transitions.rs",
    "state/trimmed.rs",
    "state/tuning.rs",
    "state/world.rs",
    "time.rs",
}

/// Fingerprint of the fold, made from its source files when this crate is compiled.
///
/// A checkpoint of another fold may say something else, and is ignored.
pub const FINGERPRINT: u64 = {
    let mut hash = SEED;
    let mut rest = HASHES;
    while let [first, others @ ..] = rest {
        hash = fnv(hash, &first.to_be_bytes());
        rest = others;
    }
    hash
};

/// FNV-1a over 64 bits.
pub(super) const fn fnv(seed: u64, bytes: &[u8]) -> u64 {
    let mut hash = seed;
    let mut rest = bytes;
    while let [first, others @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = others;
    }
    hash
}

pub(super) const SEED: u64 = 0xcbf2_9ce4_8422_2325;
