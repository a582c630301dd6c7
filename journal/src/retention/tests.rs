//! Random journals, cut at every record and trimmed again and again.

mod bereft;
mod cuts;
mod frozen;
mod trims;
