//! The view as it was heard: snapshots and patches put together, and made safe to draw.

use resurge_dashboard::view::{VIEW_VERSION, View, merge};
use serde_json::{Map, Value};

use crate::ui::words::tame;

/// What has been heard of the view.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// As it was sent: patches are of that.
    sent: Value,
    view: Option<View>,
}

/// A view that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    /// It is of another release.
    #[error(
        "the server speaks version {0} of the view, this launcher version {VIEW_VERSION}; start both from the same release"
    )]
    Version(u64),
    /// It is no view.
    #[error("the server sends what is no view; start both from the same release")]
    Malformed(#[source] serde_json::Error),
}

impl Feed {
    /// The view, once there is one.
    pub(crate) const fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// Begins anew with a whole view.
    pub(crate) fn snapshot(&mut self, data: Value) -> Result<(), FeedError> {
        self.sent = data;
        self.read()
    }

    /// Takes in what has changed.
    pub(crate) fn patch(&mut self, data: Value) -> Result<(), FeedError> {
        // Without a snapshot there is nothing that it could be a patch of.
        if self.view.is_none() {
            return Ok(());
        }
        merge(&mut self.sent, data);
        self.read()
    }

    fn read(&mut self) -> Result<(), FeedError> {
        let version = self.sent.get("v").and_then(Value::as_u64);
        if let Some(version) = version.filter(|version| *version != u64::from(VIEW_VERSION)) {
            return Err(FeedError::Version(version));
        }
        let mut view = tamed(&self.sent);
        let cards = self.sent.get("breakers").and_then(Value::as_object);
        if let (Some(shown), Some(cards)) = (view.get_mut("breakers"), cards) {
            // They are asked for by their keys, and shown by other names.
            let cards = cards.iter().map(|(key, card)| (key.clone(), tamed(card)));
            *shown = Value::Object(cards.collect());
        }
        self.view = Some(serde_json::from_value(view).map_err(FeedError::Malformed)?);
        Ok(())
    }
}

/// The same without anything that moves a cursor, whatever wrote it.
fn tamed(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(tame(text)),
        Value::Array(items) => Value::Array(items.iter().map(tamed).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (tame(name), tamed(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        plain => plain.clone(),
    }
}
