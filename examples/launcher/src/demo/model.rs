//! What the demo serves: pseudo-random bytes that are the same each time.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::time::Duration;

use sha2::{Digest, Sha256};
use zip::result::ZipResult;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::fault::Fault;

pub(super) const KIB: usize = 1024;
pub(super) const MIB: usize = 1024 * KIB;

/// One file with the faults that its requests meet, in order; later requests meet none.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) install_to: &'static str,
    pub(super) unpack: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) faults: Vec<Fault>,
    pub(super) pace: Pace,
}

/// How fast a file is sent: a block, then a pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) block: usize,
    pub(super) pause: Duration,
}

impl Pace {
    /// Slow enough to be watched: about 12 MiB/s a connection.
    const BRISK: Self = Self { block: 256 * KIB, pause: Duration::from_millis(20) };
}

/// Everything that the demo installs: 46 MiB in five artifacts.
pub(super) fn all() -> ZipResult<Vec<Model>> {
    let file = |name, install_to, mib: usize, faults| {
        Model::file(name, install_to, mib * MIB, Pace::BRISK, faults)
    };
    let think = Fault::Think(Duration::from_millis(700));
    Ok(vec![
        file(
            "base-model",
            "checkpoints/base.safetensors",
            24,
            vec![Fault::DropAt(9 * MIB), Fault::DropAt(17 * MIB)],
        ),
        file("vae", "vae/vae.safetensors", 8, vec![Fault::DropAt(3 * MIB), Fault::Busy(None)]),
        file(
            "text-encoder",
            "text_encoders/encoder.safetensors",
            8,
            vec![Fault::Busy(Some(1)), Fault::Busy(None)],
        ),
        file("lora", "loras/detail.safetensors", 4, vec![think]),
        Model::nodes(Pace::BRISK)?,
    ])
}

impl Model {
    /// A file of so many bytes.
    pub(super) fn file(
        name: &'static str,
        install_to: &'static str,
        len: usize,
        pace: Pace,
        faults: Vec<Fault>,
    ) -> Self {
        Self { name, install_to, unpack: "none", bytes: noise(name, len), faults, pace }
    }

    /// An archive of 2 MiB that is unpacked, and whose line drops once.
    pub(super) fn nodes(pace: Pace) -> ZipResult<Self> {
        let (name, install_to) = ("nodes", "custom_nodes/demo");
        let (bytes, faults) = (archive()?, vec![Fault::DropAt(MIB)]);
        Ok(Self { name, install_to, unpack: "zip", bytes, faults, pace })
    }

    /// Its section of the manifest.
    pub(super) fn section(&self, server: &str) -> String {
        let Self { name, install_to, unpack, .. } = self;
        let (sha256, size) = (sha256(&self.bytes), self.bytes.len());
        format!(
            "[[artifact]]\nname = \"{name}\"\nurl = \"{server}/{name}\"\nsha256 = \"{sha256}\"\n\
             size = {size}\ninstall_to = \"{install_to}\"\nunpack = \"{unpack}\"\n\n"
        )
    }
}

fn archive() -> ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (path, bytes) in [
        ("README.md", b"# Demo nodes\n".to_vec()),
        ("nodes/upscale.bin", noise("upscale", MIB)),
        ("nodes/sharpen.bin", noise("sharpen", MIB)),
    ] {
        zip.start_file(path, options)?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Bytes that no compression shortens, the same for the same seed.
fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut word = seed.bytes().fold(0_u64, |hash, byte| mix(hash ^ u64::from(byte)));
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        word = mix(word);
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The finaliser of splitmix64.
const fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
