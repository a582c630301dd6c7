//! Decisions: from the state and a command to facts. Nothing here changes anything.

mod attempt;
mod begin;
mod breaker;
mod call;
mod control;
mod dispatch;
mod failure;
mod follow;
mod gate;
mod gatekeeper;
mod recover;
mod start;
mod world;

pub(super) use begin::{begin, in_flight_max};
pub(super) use breaker::{breakers, would_open};
pub(crate) use call::CALL;
pub(super) use call::{is_call, refuse};
pub(crate) use control::Asked;
pub(super) use dispatch::decide;
pub(super) use follow::{overdue, settle};
pub(crate) use start::run_id;
pub(super) use world::World;
