//! Made-up records of every kind, for tests of this crate and of what reads its journals.

mod arbitrary;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod docs;
mod made_up;
#[cfg(test)]
mod shape;

#[cfg(test)]
pub(crate) use arbitrary::records;
pub use made_up::made_up;
