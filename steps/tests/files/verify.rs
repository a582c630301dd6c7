//! Checking a downloaded file.

use std::fs;

use crate::common::{Home, digest};
use resurge_journal::failure::Class;
use resurge_steps::artifact::{Algorithm, Artifact, Checked, Downloaded, Unpack, Verified};
use resurge_steps::testing::TestRun;
use resurge_steps::verify::Verify;
use resurge_steps::{Step, StepError, StopReason};

const BYTES: &[u8] = b"forty-two bytes of a model that is checked";

fn home() -> Home {
    Home::new("models/a.bin", Unpack::No)
}

async fn attempt(
    step: &Verify,
    run: &mut TestRun,
    artifact: &Artifact,
    file: &Downloaded,
) -> Result<Verified, StepError> {
    step.run(run.attempt().cx, (artifact.clone(), file.clone())).await
}

#[tokio::test]
async fn the_digest_of_the_download_is_taken_over_without_reading() {
    let mut home = home();
    // The file holds something else than was hashed, and its stamp says that it is the same: only
    // who does not read it can take it for good.
    let mut file = home.download(b"what is really in the file, of other length");
    file.digest = digest(Algorithm::Sha256, BYTES);
    home.artifact.digest = Some(file.digest.clone());
    let verified =
        attempt(&Verify::default(), &mut home.run("verify"), &home.artifact, &file).await.unwrap();
    assert_eq!(verified.checked, Checked::Digest);
    assert_eq!(verified.digest, file.digest);
    assert_eq!(verified.stamp, file.stamp);
    assert_eq!(Verify::default().lost(&verified).await, None);
}

#[tokio::test]
async fn a_file_that_was_written_since_is_read() {
    let mut home = home();
    let file = home.download(BYTES);
    home.artifact.digest = Some(file.digest.clone());
    let mut run = home.run("verify");
    // The same content, but another file.
    fs::write(home.dir.path().join("copy"), BYTES).unwrap();
    fs::rename(home.dir.path().join("copy"), home.part()).unwrap();
    let verified = attempt(&Verify::sha256(), &mut run, &home.artifact, &file).await.unwrap();
    assert_eq!(verified.digest, file.digest);
    assert_ne!(verified.stamp, file.stamp);

    fs::write(home.dir.path().join("copy"), "other content").unwrap();
    fs::rename(home.dir.path().join("copy"), home.part()).unwrap();
    let error = attempt(&Verify::sha256(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Integrity, "digest_mismatch"));
    assert!(Verify::default().lost(&verified).await.is_some());
}

#[tokio::test]
async fn every_algorithm_is_computed_when_the_download_used_another() {
    for (step, algorithm) in [
        (Verify::sha512(), Algorithm::Sha512),
        (Verify::blake3(), Algorithm::Blake3),
        (Verify::expected(), Algorithm::Blake3),
    ] {
        let mut home = home();
        let file = home.download(BYTES);
        home.artifact.digest = Some(digest(algorithm, BYTES));
        let mut run = home.run("verify");
        let verified = attempt(&step, &mut run, &home.artifact, &file).await.unwrap();
        assert_eq!(verified.digest, digest(algorithm, BYTES));
    }
}

#[tokio::test]
async fn an_algorithm_that_the_artifact_does_not_state_is_refused() {
    let mut home = home();
    let file = home.download(BYTES);
    home.artifact.digest = Some(file.digest.clone());
    let mut run = home.run("verify");
    let error = attempt(&Verify::blake3(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Validation, "other_algorithm"));
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_bad_file_is_put_aside_and_the_same_one_again_is_the_publishers_fault() {
    let mut home = home();
    home.artifact.digest = Some(digest(Algorithm::Sha256, b"what was published"));
    let mut run = home.run("verify");
    let bad = home.artifact.staging.join("file.part.bad");

    let file = home.download(BYTES);
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Integrity, "digest_mismatch"));
    assert!(error.is_retryable());
    assert!(!home.part().exists());
    assert_eq!(fs::read(&bad).unwrap(), BYTES);

    // Another wrong file is another mishap.
    let other = home.download(b"something else that is wrong");
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &other).await.unwrap_err();
    assert_eq!(error.kind(), "digest_mismatch");
    assert_eq!(fs::read(&bad).unwrap(), b"something else that is wrong");

    let again = home.download(b"something else that is wrong");
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &again).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Validation, "published_hash"));
    assert!(!error.is_retryable());
    let message = error.to_string();
    assert!(message.contains(again.digest.hex()), "{message}");
    assert!(message.contains(home.artifact.digest.unwrap().hex()), "{message}");
}

#[tokio::test]
async fn a_bad_file_seen_twice_because_of_a_crash_is_not_the_publishers_fault() {
    let mut home = home();
    home.artifact.digest = Some(digest(Algorithm::Sha256, b"what was published"));
    let mut run = home.run("verify");
    let file = home.download(BYTES);
    attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap_err();
    run.forget_checkpoints_after(0);
    let file = home.download(BYTES);
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!(error.kind(), "digest_mismatch");
}

#[tokio::test]
async fn a_wrong_size_is_treated_like_a_wrong_digest() {
    let mut home = home();
    home.artifact.size = Some(7);
    let mut run = home.run("verify");
    let file = home.download(BYTES);
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Integrity, "size_mismatch"));
    assert!(!home.part().exists());
    let file = home.download(BYTES);
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Validation, "published_size"));
}

#[tokio::test]
async fn the_output_says_what_was_checked() {
    let mut home = home();
    let file = home.download(BYTES);
    let mut run = home.run("verify");
    let verified = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap();
    assert_eq!(verified.checked, Checked::Nothing);
    home.artifact.size = Some(BYTES.len() as u64);
    let verified = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap();
    assert_eq!(verified.checked, Checked::Size);
}

#[tokio::test]
async fn a_file_that_changed_on_disk_is_noticed_without_a_published_digest() {
    let home = home();
    let mut file = home.download(BYTES);
    file.digest = digest(Algorithm::Sha256, b"what arrived");
    file.stamp = {
        fs::write(home.dir.path().join("other"), BYTES).unwrap();
        resurge_steps::fs::FileStamp::of(&home.dir.path().join("other")).unwrap()
    };
    let mut run = home.run("verify");
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Integrity, "changed_on_disk"));
}

#[tokio::test]
async fn a_missing_file_asks_for_another_download() {
    let home = home();
    let file = home.download(BYTES);
    fs::remove_file(home.part()).unwrap();
    let mut run = home.run("verify");
    let error = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Integrity, "file_missing"));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_stopped_check_goes_on_from_its_checkpoint() {
    for algorithm in [Algorithm::Sha512, Algorithm::Blake3] {
        let mut home = home();
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|i| i.to_le_bytes()[0] ^ 0x5a).collect();
        let file = home.download(&bytes);
        home.artifact.digest = Some(digest(algorithm, &bytes));
        let step = Verify::expected().checkpoint_every(1 << 20);
        let mut run = home.run("verify");
        attempt(&step, &mut run, &home.artifact, &file).await.unwrap();
        assert!(run.checkpoints().len() >= 4);

        // As if the process had died after the second checkpoint.
        run.forget_checkpoints_after(2);
        let third = run.attempt();
        let input = (home.artifact.clone(), file.clone());
        let verified = step.run(third.cx, input).await.unwrap();
        assert_eq!(verified.digest, digest(algorithm, &bytes));
        let progress = *third.progress.borrow();
        assert!(progress.began_at > 1_900_000, "{progress:?}");
        assert_eq!(progress.done, 5_000_000);
        assert_eq!(run.checkpoints().len(), 4);
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_file_or_an_unreadable_one_is_not_used() {
    let mut home = home();
    let bytes = vec![7; 3 << 20];
    let file = home.download(&bytes);
    home.artifact.digest = Some(digest(Algorithm::Blake3, &bytes));
    let step = Verify::expected().checkpoint_every(1 << 20);
    let mut run = home.run("verify");
    attempt(&step, &mut run, &home.artifact, &file).await.unwrap();
    let other = vec![8; 3 << 20];
    let file = home.download(&other);
    home.artifact.digest = Some(digest(Algorithm::Blake3, &other));
    let second = run.attempt();
    let verified = step.run(second.cx, (home.artifact.clone(), file)).await.unwrap();
    assert_eq!(verified.digest, digest(Algorithm::Blake3, &other));
    assert_eq!(second.progress.borrow().began_at, 0);
}

#[tokio::test]
async fn a_stop_ends_the_check_at_once_and_keeps_what_was_done() {
    for (reason, class, kept) in [
        (StopReason::Shutdown, Class::Interrupted, 1),
        (StopReason::Cancelled, Class::Cancelled, 0),
    ] {
        let mut home = home();
        let file = home.download(BYTES);
        home.artifact.digest = Some(digest(Algorithm::Blake3, BYTES));
        let mut run = home.run("verify");
        let attempt = run.attempt();
        attempt.stop.stop(reason);
        let error = Verify::default().run(attempt.cx, (home.artifact, file)).await.unwrap_err();
        assert_eq!(error.class(), class);
        assert_eq!(run.checkpoints().len(), kept);
    }
}

#[tokio::test]
async fn a_file_that_was_installed_already_is_not_lost() {
    let mut home = home();
    let file = home.download(BYTES);
    home.artifact.digest = Some(file.digest.clone());
    let mut run = home.run("verify");
    let verified = attempt(&Verify::default(), &mut run, &home.artifact, &file).await.unwrap();
    fs::create_dir_all(home.target().parent().unwrap()).unwrap();
    fs::rename(home.part(), home.target()).unwrap();
    assert_eq!(Verify::default().lost(&verified).await, None);
    fs::write(home.target(), "something of another size").unwrap();
    assert!(Verify::default().lost(&verified).await.is_some());
}
