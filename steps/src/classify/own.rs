//! Rules for `serde_json`, tokio, and the errors of this crate.

use std::error::Error;

use resurge_journal::failure::Class;

use super::chain::{Says, Verdict};
use super::io;
use crate::artifact::InvalidArtifact;
use crate::context::CheckpointError;

/// What these rules know about one link.
pub(super) fn says(link: &(dyn Error + 'static)) -> Says {
    let verdict = json(link).or_else(|| task(link)).or_else(|| own(link));
    verdict.map_or(Says::Nothing, Says::Sure)
}

fn json(link: &(dyn Error + 'static)) -> Option<Verdict> {
    let error = link.downcast_ref::<serde_json::Error>()?;
    // The error of the reader or writer below is kept by its kind only.
    Some(error.io_error_kind().and_then(io::by_kind).unwrap_or(io::FORMAT))
}

fn task(link: &(dyn Error + 'static)) -> Option<Verdict> {
    if link.is::<tokio::time::error::Elapsed>() {
        return Some(Verdict::retry(
            Class::Timeout,
            "elapsed",
            "it took longer than it may; allow more time if it is merely slow",
        ));
    }
    let error = link.downcast_ref::<tokio::task::JoinError>()?;
    Some(if error.is_panic() {
        Verdict::never(Class::Internal, "panic", "report this as a defect of the step")
    } else {
        Verdict::never(Class::Cancelled, "cancelled", "the work was called off")
    })
}

fn own(link: &(dyn Error + 'static)) -> Option<Verdict> {
    if link.is::<InvalidArtifact>() {
        return Some(Verdict::never(Class::Validation, "artifact", "correct the artifact"));
    }
    Some(match link.downcast_ref::<CheckpointError>()? {
        CheckpointError::Superseded => Verdict::never(
            Class::Interrupted,
            "superseded",
            "nothing to do: another attempt took its place",
        ),
        CheckpointError::TooLarge { .. } => Verdict::never(
            Class::Internal,
            "checkpoint_too_large",
            "keep large data in a file and its name in the checkpoint",
        ),
        CheckpointError::Unavailable => Verdict::retry(
            Class::Interrupted,
            "journal_unavailable",
            "the journal cannot be written; open the engine again",
        ),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::{self, Read};
    use std::time::Duration;

    use super::super::classify;
    use super::*;

    fn kind(error: &(dyn Error + 'static)) -> (Class, &'static str) {
        let verdict = classify(error);
        (verdict.class, verdict.kind)
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }

    #[test]
    fn json_that_could_not_be_read_is_told_from_json_that_is_wrong() {
        let wrong = serde_json::from_str::<u8>("[]").unwrap_err();
        assert_eq!(kind(&wrong), (Class::Validation, "format"));
        let broken = serde_json::from_reader::<_, u8>(Broken).unwrap_err();
        assert_eq!(kind(&broken), (Class::Network, "dropped"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_too_long_is_a_timeout() {
        let never = std::future::pending::<()>();
        let error = tokio::time::timeout(Duration::from_secs(1), never).await.unwrap_err();
        assert_eq!(kind(&error), (Class::Timeout, "elapsed"));
    }

    #[tokio::test]
    async fn a_task_panics_or_is_called_off() {
        let task = tokio::spawn(async { std::panic::resume_unwind(Box::new(())) });
        let error: tokio::task::JoinError = task.await.map(|(): ()| ()).unwrap_err();
        assert_eq!(kind(&error), (Class::Internal, "panic"));
        let task = tokio::spawn(std::future::pending::<()>());
        task.abort();
        assert_eq!(kind(&task.await.unwrap_err()), (Class::Cancelled, "cancelled"));
    }

    #[test]
    fn errors_of_this_crate_have_their_own_rules() {
        let bad = crate::artifact::InstallPath::new("/etc").unwrap_err();
        assert_eq!(kind(&bad), (Class::Validation, "artifact"));
        assert_eq!(kind(&CheckpointError::Superseded), (Class::Interrupted, "superseded"));
        assert_eq!(kind(&CheckpointError::Unavailable).0, Class::Interrupted);
    }
}
