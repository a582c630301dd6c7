//! What users hold: the engine, its runs, its events.

mod breaker_view;
mod builder;
mod call;
mod census;
mod control;
mod control_error;
mod engine;
mod error;
mod events;
mod insight;
mod journal_view;
mod past;
mod preview;
mod run;
mod sight;
mod start;
mod view;

pub use breaker_view::{BreakerState, BreakerView};
pub use builder::EngineBuilder;
pub(crate) use call::{Call, CallRefused, CallSpec, Calling, Ticket, Word};
pub use control::RunFilter;
pub use control_error::{BreakerError, ControlError, SettingError};
pub use engine::Engine;
pub use error::{EventsError, OpenError, RunError, StartError, Unavailable};
pub use events::EventStream;
pub use journal_view::JournalView;
pub use preview::Effect;
pub use run::RunHandle;
pub use sight::{SeenRun, Sighting, UnderWay};
pub use start::StartRun;
pub use view::{RunView, StepView};
