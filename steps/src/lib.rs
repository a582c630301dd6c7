//! The [`Step`] contract of the Resurge workflow engine, and ready-made steps.
//!
//! A step is an `async fn` from a typed input to a typed output. It may fail, be retried, be
//! killed in the middle and be started again in another process: [`StepContext`] gives it
//! checkpoints to go on from, and [`StepError`] says what kind of trouble ended it.
//!
//! | feature | step |
//! |---|---|
//! | `download` | [`download::Download`]: HTTP(S), resumed to the byte |
//! | `verify` | [`verify::Verify`]: sha256, sha512, blake3 |
//! | `install` | [`install::Install`]: atomic publish of a file or an unpacked archive |

pub mod artifact;
pub mod classify;
#[cfg(feature = "digest")]
pub mod digest;
#[cfg(feature = "download")]
pub mod download;
#[cfg(feature = "fs")]
pub mod fs;
#[cfg(feature = "install")]
pub mod install;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "verify")]
pub mod verify;

mod context;
mod erased;
mod error;
mod needs;
mod pace;
mod progress;
mod reports;
mod step;
mod stop;

pub use context::{AttemptInfo, CheckpointError, CheckpointSink, StepContext};
pub use erased::{ErasedStep, erase};
pub use error::StepError;
pub use needs::Needs;
pub use pace::{Pace, Toll};
pub use progress::{Meter, Progress};
pub use reports::{Health, Reports};
pub use resurge_journal::failure::Advice;
pub use step::{Payload, Step};
pub use stop::{StopHandle, StopReason};
