//! Numbers that look drawn and follow from a seed.

/// A source of numbers: the same seed, the same numbers.
#[derive(Debug, Clone)]
pub struct Luck(u64);

impl Luck {
    /// A source of its own for each seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (splitmix64).
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a limit; 0 if the limit is 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        let next = self.next();
        if limit == 0 { 0 } else { next % limit }
    }

    /// An index into something with so many parts.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }
}
