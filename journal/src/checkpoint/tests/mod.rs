//! Checkpoints against the whole journal.

mod damage;
mod figures;
mod fold;
mod lives;
mod store;
