//! The language of facts of the Resurge workflow engine.
//!
//! Everything that happens to a run is an [`Event`](event::Event). Events stand in a journal as
//! [`Record`]s, and [`State`] is what they add up to: [`State::apply`] is the only way to change
//! it, for live work and for replay alike. It reads no clock, draws no luck and needs no workflow
//! definition, so that any journal can be folded by any program.
//!
//! A journal is kept behind the [`Store`](store::Store) trait, on a disk or in memory.
//!
//! | module | what it holds |
//! |---|---|
//! | [`event`] | the facts |
//! | [`state`] | what they add up to |
//! | [`manifest`], [`policy`] | the graph and the policies that a run pins |
//! | [`failure`] | classes of failures |
//! | [`store`] | where records are kept |
//! | [`checkpoint`] | the folded state between openings, and the runs that have left memory |
//! | [`retention`] | what is left once the oldest records are dropped |
//! | [`audit`] | whether a journal is what it should be |
//! | [`dump`] | records for other eyes |
//! | [`explain`] | why a run stands where it stands |
//! | [`graph`] | where the steps of a graph stand when it is drawn |
//! | [`timeline`] | the story of one run, for drawing |
//! | `testing` (feature of that name) | made-up records of every kind |

pub mod audit;
pub mod checkpoint;
pub mod dump;
pub mod event;
pub mod explain;
pub mod failure;
pub mod graph;
pub mod manifest;
pub mod policy;
pub mod retention;
pub mod state;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod timeline;

mod codec;
mod coded;
mod id;
mod json;
mod record;
mod time;

pub use id::{
    AttemptNo, BreakerEpoch, Epoch, InvalidName, KEY_BYTES_MAX, ResourceKey, RunId, RunKey, Seq,
    StepIndex, StepKey, WorkflowName,
};
pub use json::Json;
pub use record::Record;
pub use state::State;
pub use time::{InvalidTime, Timestamp};
