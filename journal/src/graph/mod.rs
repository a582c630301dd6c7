//! Where the steps of a graph stand when it is drawn, from left to right.
//!
//! [`layout`] puts every step into the column after the last one that it needs, orders columns so
//! that few edges cross, and leads edges over several columns past the steps between. Nothing but
//! the manifest decides: the same graph is drawn in the same way everywhere.

mod columns;
mod draw;
mod order;
mod place;
#[cfg(test)]
mod tests;

pub use draw::{Edge, Layout, Node, layout};
