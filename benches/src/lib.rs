//! What the benches and the program `figures` share: records and workflows like those of real
//! programs.

mod flow;
mod records;

pub use flow::{ATTEMPTS_PER_RUN, STEPS_PER_RUN, fails_thrice, payload, three_steps, waits};
pub use records::{Mix, succeeded};
