//! What the benches and the program `figures` share: records and a workflow like those of real
//! programs.

mod flow;
mod records;

pub use flow::{STEPS_PER_RUN, payload, three_steps};
pub use records::{Mix, succeeded};
