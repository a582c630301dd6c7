//! How the terminal is divided.

/// The size of the terminal, and what fits where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// Lines above the body: totals, statuses.
pub(crate) const HEAD: u16 = 2;
/// Lines below the body.
pub(crate) const FOOT: u16 = 1;
/// From here on list and detail stand side by side.
const WIDE: u16 = 120;

impl Screen {
    /// Whether list and detail stand side by side.
    pub(crate) const fn is_wide(self) -> bool {
        self.width >= WIDE
    }

    /// Lines between head and foot.
    pub(crate) const fn body(self) -> u16 {
        self.height.saturating_sub(HEAD + FOOT)
    }

    /// Operations that fit into the list, below its heading.
    pub(crate) const fn rows(self) -> usize {
        self.body().saturating_sub(1) as usize
    }

    /// Columns of the list.
    pub(crate) const fn list(self) -> u16 {
        if self.is_wide() { self.width / 2 } else { self.width }
    }

    /// Columns of the detail, without the line before it.
    pub(crate) const fn detail(self) -> u16 {
        if self.is_wide() { self.width - self.list() - 2 } else { self.width }
    }
}
