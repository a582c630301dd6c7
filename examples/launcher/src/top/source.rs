//! What a terminal wants of an engine, and what it hears from it, wherever that engine is.

use resurge_dashboard::view::Subscription;
use serde_json::Value;
use tokio::sync::mpsc;

use super::ask::Ask;

/// What the terminal wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To be shown this instead of what was shown before.
    Show(Subscription),
    /// That something is done.
    Do(Ask),
}

/// What the terminal hears.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// The whole view.
    Snapshot(Value),
    /// A JSON merge patch of the view heard before.
    Patch(Value),
    /// Nothing can be heard any more, and why; a snapshot ends that.
    Lost(String),
    /// What became of something that was asked for.
    Done(String),
    /// Why something that was asked for is not done.
    Refused(String),
}

/// The two ends of the line to an engine, as the terminal holds them.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) wishes: mpsc::UnboundedSender<Wish>,
    pub(crate) heard: mpsc::Receiver<Heard>,
}

/// The two ends as whoever stands before the engine holds them.
#[derive(Debug)]
pub(crate) struct Far {
    pub(crate) wishes: mpsc::UnboundedReceiver<Wish>,
    pub(crate) heard: mpsc::Sender<Heard>,
}

impl Link {
    /// A line that nobody has spoken on yet.
    pub(crate) fn new() -> (Self, Far) {
        let (wishes, wanted) = mpsc::unbounded_channel();
        // A slow terminal is sent fewer, larger patches.
        let (tell, heard) = mpsc::channel(2);
        (Self { wishes, heard }, Far { wishes: wanted, heard: tell })
    }
}
