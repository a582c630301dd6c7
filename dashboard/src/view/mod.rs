//! What people see, computed: from what the engine says to the object that is shown.
//!
//! Nothing in here waits, reads a clock or knows HTTP.

mod detail;
mod detail_model;
mod entry;
mod minutes;
mod model;
mod notices;
mod number;
pub(crate) mod panels;
mod patch;
mod query;
mod rate;
pub(crate) mod redact;
mod row;
mod scene;
mod tally;
mod words;

pub(crate) use detail::{Still, detail, downloaded};
pub use detail_model::*;
pub(crate) use entry::{Entry, Readings};
pub(crate) use minutes::Minutes;
pub use model::*;
pub(crate) use notices::Notices;
pub(crate) use number::whole;
pub use patch::{diff, merge};
pub(crate) use query::status_named;
pub use query::{Filter, Panel, STATES, Sort, Subscription};
pub(crate) use rate::Meter;
pub(crate) use scene::Scene;
pub(crate) use tally::{Histogram, OUTCOMES, Tally};
pub(crate) use words::{mode, tone};
