//! What an archive may ask for.

/// What an archive may ask for; one that asks for more is refused before anything is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) ratio: u64,
    pub(super) ratio_free_bytes: u64,
    pub(super) depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 200_000,
            bytes: 256 << 30,
            file_bytes: 64 << 30,
            ratio: 200,
            ratio_free_bytes: 100_000_000,
            depth: 32,
        }
    }
}

impl Limits {
    /// Most files and folders; 200 000 by default.
    #[must_use]
    pub const fn entries(mut self, entries: u64) -> Self {
        self.entries = entries;
        self
    }

    /// Most bytes of all files together; 256 GiB by default.
    #[must_use]
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// Most bytes of one file; 64 GiB by default.
    #[must_use]
    pub const fn file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = bytes;
        self
    }

    /// Most unpacked bytes per packed byte, once `beyond` bytes are unpacked.
    ///
    /// By default 200, beyond 100 MB: honest text seldom packs better than 30 to 1, bombs reach
    /// 1000 to 1.
    #[must_use]
    pub const fn ratio(mut self, ratio: u64, beyond: u64) -> Self {
        self.ratio = ratio;
        self.ratio_free_bytes = beyond;
        self
    }

    /// Most components of a path inside the archive; 32 by default.
    #[must_use]
    pub const fn depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }
}
