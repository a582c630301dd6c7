//! Digests with a state that can be saved and restored.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use resurge_steps::artifact::{Algorithm, Expected};
use resurge_steps::digest::{Hasher, HasherState, RestoreError};
use sha2::Digest as _;

const ALL: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Blake3];
const KIB: usize = 1024;

fn plain(algorithm: Algorithm, bytes: &[u8]) -> Expected {
    let hex = match algorithm {
        Algorithm::Sha256 => hex(&sha2::Sha256::digest(bytes)),
        Algorithm::Sha512 => hex(&sha2::Sha512::digest(bytes)),
        Algorithm::Blake3 => blake3::hash(bytes).to_hex().to_string(),
    };
    Expected::new(algorithm, &hex).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    digits.map(|d| char::from_digit(d.into(), 16).unwrap()).collect()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from(i.wrapping_mul(31) % 251).unwrap()).collect()
}

/// Hashes in pieces; after each piece the hasher dies and another goes on from what it saved.
fn in_pieces(algorithm: Algorithm, bytes: &[u8], pieces: &[usize]) -> Expected {
    let mut hasher = Hasher::new(algorithm);
    for piece in pieces {
        let at = usize::try_from(hasher.position()).unwrap();
        let end = bytes.len().min(at + piece);
        hasher.update(bytes.get(at..end).unwrap());
        assert_eq!(hasher.position(), u64::try_from(end).unwrap());
        let text = serde_json::to_string(&hasher.save()).unwrap();
        assert!(text.len() < 2 * KIB);
        hasher = Hasher::restore(&serde_json::from_str::<HasherState>(&text).unwrap()).unwrap();
        let lost = end - usize::try_from(hasher.position()).unwrap();
        assert!(lost <= if algorithm == Algorithm::Blake3 { 64 * KIB } else { 0 });
    }
    let at = usize::try_from(hasher.position()).unwrap();
    hasher.update(bytes.get(at..).unwrap());
    hasher.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_digest_is_the_same_however_often_it_was_saved(
        len in 0..900 * KIB,
        pieces in prop::collection::vec(1..200 * KIB, 0..12),
    ) {
        let bytes = bytes(len);
        for algorithm in ALL {
            prop_assert_eq!(in_pieces(algorithm, &bytes, &pieces), plain(algorithm, &bytes));
        }
    }

    #[test]
    fn any_text_is_refused_or_restored_but_never_panics(text in "(1:)?(sha256:|blake3:)?[0-9]{0,6}:?[0-9a-f]{0,300}") {
        let state: HasherState = serde_json::from_value(serde_json::json!(text)).unwrap();
        if let Ok(hasher) = Hasher::restore(&state) {
            hasher.finish();
        }
    }
}

#[test]
fn lengths_at_the_edges_of_the_tree_have_the_plain_digest() {
    let all = bytes(9 * 64 * KIB);
    for leaves in 0..=8 {
        for extra in [0, 1, 63, 64, 65, 1023, KIB, KIB + 1, 64 * KIB - 1] {
            let bytes = all.get(..leaves * 64 * KIB + extra).unwrap();
            for algorithm in ALL {
                let expected = plain(algorithm, bytes);
                assert_eq!(
                    in_pieces(algorithm, bytes, &[]),
                    expected,
                    "{algorithm} {leaves} {extra}"
                );
                assert_eq!(in_pieces(algorithm, bytes, &[usize::MAX / 2]), expected);
            }
        }
    }
}

#[test]
fn a_state_of_another_version_or_a_damaged_one_is_refused() {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"abc");
    let text: String =
        serde_json::from_value(serde_json::to_value(hasher.save()).unwrap()).unwrap();
    let restore = |text: &str| {
        let state: HasherState = serde_json::from_value(serde_json::json!(text)).unwrap();
        Hasher::restore(&state).map(|_| ())
    };
    assert_eq!(restore(&text), Ok(()));
    assert_eq!(restore(&text.replacen('1', "2", 1)), Err(RestoreError::Format));
    assert_eq!(restore(text.trim_end_matches(|_: char| true)), Err(RestoreError::Format));
    assert_eq!(restore(text.get(..text.len() - 1).unwrap()), Err(RestoreError::Damaged));
    assert_eq!(restore(&text.replace("sha256", "sha512")), Err(RestoreError::Damaged));
    assert_eq!(restore("1:blake3:65536:00"), Err(RestoreError::Damaged));
    assert_eq!(restore("1:blake3:65535:"), Err(RestoreError::Damaged));
}
