//! `launcher demo --dashboard`: servers with troubles in this process, the engine and its dashboard in
//! another one, which may be killed.

mod cast;
mod child;
mod keep;
mod line;
mod play;
mod process;
mod tempo;

pub(crate) use child::play_engine;
pub(crate) use play::{Show, play};
pub(crate) use tempo::Tempo;
