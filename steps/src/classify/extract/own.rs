//! `serde_json`, tokio, and the errors of this crate.

use std::error::Error;

use super::chain::Facts;
use super::kinds;
use crate::artifact::InvalidArtifact;
use crate::context::CheckpointError;

/// What one link is.
pub(super) fn facts(link: &(dyn Error + 'static)) -> Facts {
    if let Some(error) = link.downcast_ref::<serde_json::Error>() {
        return json(error);
    }
    task(link)
        .map(|what| ("tokio", what.to_owned()))
        .or_else(|| own(link).map(|what| ("resurge", what.to_owned())))
        .into_iter()
        .collect()
}

fn json(error: &serde_json::Error) -> Facts {
    // The error of the reader or writer below is kept by its kind only.
    let below = error.io_error_kind().map(|kind| ("io", kinds::name(kind).to_owned()));
    let what = match error.classify() {
        serde_json::error::Category::Io => "io",
        serde_json::error::Category::Syntax => "syntax",
        serde_json::error::Category::Data => "data",
        serde_json::error::Category::Eof => "eof",
    };
    below.into_iter().chain([("json", what.to_owned())]).collect()
}

fn task(link: &(dyn Error + 'static)) -> Option<&'static str> {
    if link.is::<tokio::time::error::Elapsed>() {
        return Some("elapsed");
    }
    let error = link.downcast_ref::<tokio::task::JoinError>()?;
    Some(if error.is_panic() { "panic" } else { "cancelled" })
}

fn own(link: &(dyn Error + 'static)) -> Option<&'static str> {
    if link.is::<InvalidArtifact>() {
        return Some("artifact");
    }
    Some(match link.downcast_ref::<CheckpointError>()? {
        CheckpointError::Superseded => "superseded",
        CheckpointError::TooLarge { .. } => "checkpoint_too_large",
        CheckpointError::Unavailable => "journal_unavailable",
    })
}
