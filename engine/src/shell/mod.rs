//! The imperative shell: the only async, the only I/O, the only clock.

mod alarm;
mod ambient;
mod answer;
mod attempt;
mod away;
mod commit;
mod drain;
mod driver;
mod ending;
mod feed;
mod held;
mod latency;
mod message;
mod observe;
mod open;
mod pace;
mod reach;
mod residence;
mod retention;
mod space;
mod tasks;
mod watches;

pub use ambient::{Clock, SystemClock};
pub(crate) use ambient::{
    Home, World, block_for, block_on, luck, real_now, sleep, spawn_blocking, steady_now,
    unique_name, within,
};
pub(crate) use answer::{Answer, Told};
#[cfg(test)]
pub(crate) use away::bring;
pub(crate) use driver::SHUT_DOWN;
pub(crate) use ending::Ended;
pub(crate) use feed::{Feed, Head};
pub use latency::Latency;
pub(crate) use message::{Census, Message, Reply, Sight};
pub(crate) use open::{Opened, Parts, ReplayError, open};
