//! What a journal that was trimmed begins with: the file that stands for the records that are gone.
//!
//! It is written whole under another name and gets its own by a rename, which is the moment at which
//! the journal is trimmed. A second copy of it is there to mend it from.

mod bases;
mod file;
mod format;
mod lost;
mod write;

pub(super) use bases::{
    Bases, NAME, NAMES, first_in, look, lose, orphaned, referenced, remove_drafts,
};
pub(super) use file::{Base, Kept};
pub(super) use format::{Head, Loss, Origin};
pub(super) use lost::Lost;
pub(super) use write::{adopt, replace};
