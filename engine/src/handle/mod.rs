//! What users hold: the engine, its runs, its events.

mod builder;
mod engine;
mod error;
mod events;
mod run;
mod start;
mod view;

pub use builder::EngineBuilder;
pub use engine::Engine;
pub use error::{ControlError, EventsError, OpenError, RunError, StartError, Unavailable};
pub use events::EventStream;
pub use run::RunHandle;
pub use start::StartRun;
pub use view::{RunView, StepView};
