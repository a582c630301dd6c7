//! Installing a file or a folder.

use std::fs;
use std::sync::Arc;

use resurge_journal::failure::Class;
use resurge_journal::{AttemptNo, Json, RunId, StepKey, Timestamp};
use resurge_steps::artifact::{Algorithm, Unpack, Verified};
use resurge_steps::install::{Install, Installed, Limits};
use resurge_steps::testing::{TestAttempt, TestRun};
use resurge_steps::{
    AttemptInfo, CheckpointError, CheckpointSink, Pace, Progress, Reports, Step, StepContext,
    StepError, StopHandle, StopReason,
};

use crate::archives::{TarFile, ZipFile, tar_gz, zip};
use crate::common::{Home, digest, expect_tree};

const BYTES: &[u8] = b"a model";

pub(crate) async fn attempt(
    home: &Home,
    run: &mut TestRun,
    verified: &Verified,
) -> Result<Installed, StepError> {
    Install::default().run(run.attempt().cx, (home.artifact.clone(), verified.clone())).await
}

pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    tar_gz(&files.iter().map(|(name, text)| TarFile::new(name, text)).collect::<Vec<_>>())
}

/// What attempts leave behind has a name of its own.
fn no_leftovers(home: &Home) {
    let names = home.root().into_keys().filter(|name| name.contains(".resurge-"));
    assert_eq!(names.collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_goes_to_its_place_and_the_staging_folder_goes_away() {
    let home = Home::new("models/big/a.bin", Unpack::No);
    let verified = home.verified(BYTES);
    let installed = attempt(&home, &mut home.run("install"), &verified).await.unwrap();
    assert_eq!(installed.path, home.target());
    assert_eq!((installed.files, installed.bytes), (1, 7));
    assert_eq!(installed.digest, Some(verified.digest));
    let expected = [("models/", ""), ("models/big/", ""), ("models/big/a.bin", "a model")];
    assert_eq!(home.root(), expect_tree(&expected));
    assert!(!home.artifact.staging.exists());
}

#[tokio::test]
async fn a_staging_folder_with_other_files_stays() {
    let home = Home::new("a.bin", Unpack::No);
    fs::write(home.artifact.staging.join("other.part"), "x").unwrap();
    attempt(&home, &mut home.run("install"), &home.verified(BYTES)).await.unwrap();
    assert!(home.artifact.staging.join("other.part").exists());
    assert!(!home.part().exists());
}

#[tokio::test]
async fn a_bad_file_of_an_earlier_download_goes_with_the_good_one() {
    let home = Home::new("a.bin", Unpack::No);
    fs::write(home.artifact.staging.join("file.part.bad"), "x").unwrap();
    attempt(&home, &mut home.run("install"), &home.verified(BYTES)).await.unwrap();
    assert!(!home.artifact.staging.exists());
}

#[tokio::test]
async fn a_file_replaces_a_file_and_a_link_but_not_what_the_link_points_to() {
    let home = Home::new("a.bin", Unpack::No);
    fs::write(home.target(), "old").unwrap();
    attempt(&home, &mut home.run("install"), &home.verified(BYTES)).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("a.bin", "a model")]));

    let elsewhere = home.dir.path().join("elsewhere");
    fs::write(&elsewhere, "untouched").unwrap();
    fs::remove_file(home.target()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, home.target()).unwrap();
    attempt(&home, &mut home.run("install"), &home.verified(BYTES)).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("a.bin", "a model")]));
    assert_eq!(fs::read(elsewhere).unwrap(), b"untouched");
}

#[tokio::test]
async fn an_installation_done_before_a_crash_is_recognised() {
    let home = Home::new("a.bin", Unpack::No);
    let verified = home.verified(BYTES);
    let mut run = home.run("install");
    let first = attempt(&home, &mut run, &verified).await.unwrap();
    // The success was not recorded: the next attempt finds the effect, with its intent or without.
    assert_eq!(attempt(&home, &mut run, &verified).await.unwrap(), first);
    run.forget_checkpoints_after(0);
    assert_eq!(attempt(&home, &mut run, &verified).await.unwrap(), first);
    // Even when the file system has numbered the file anew.
    fs::write(home.dir.path().join("copy"), BYTES).unwrap();
    fs::rename(home.dir.path().join("copy"), home.target()).unwrap();
    assert_eq!(attempt(&home, &mut run, &verified).await.unwrap(), first);
}

#[tokio::test]
async fn another_file_of_the_same_size_is_not_taken_for_the_installed_one() {
    let home = Home::new("a.bin", Unpack::No);
    let verified = home.verified(BYTES);
    fs::remove_file(home.part()).unwrap();
    fs::write(home.target(), "A MODEL").unwrap();
    let error = attempt(&home, &mut home.run("install"), &verified).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Integrity, "source_lost"));
    assert!(error.is_retryable());
    assert_eq!(home.root(), expect_tree(&[("a.bin", "A MODEL")]));
}

#[tokio::test]
async fn a_source_that_was_written_since_its_check_is_not_installed() {
    for unpack in [Unpack::No, Unpack::TarGz] {
        let home = Home::new("a", unpack);
        let verified = home.verified(&archive(&[("x", "1")]));
        fs::write(home.part(), "something else").unwrap();
        let error = attempt(&home, &mut home.run("install"), &verified).await.unwrap_err();
        assert_eq!((error.class(), error.kind()), (Class::Integrity, "source_lost"));
        assert_eq!(home.root(), expect_tree(&[]));
    }
}

/// A journal that is closed.
#[derive(Debug)]
struct Closed;

#[async_trait::async_trait]
impl CheckpointSink for Closed {
    async fn save(&self, _checkpoint: Json) -> Result<(), CheckpointError> {
        Err(CheckpointError::Superseded)
    }
}

#[tokio::test]
async fn nothing_visible_happens_before_the_intent_is_saved() {
    for unpack in [Unpack::No, Unpack::TarGz] {
        let home = Home::new("a", unpack);
        let verified = home.verified(&archive(&[("x", "1")]));
        let mut run = home.run("install");
        let attempt_info = AttemptInfo {
            run: RunId::default(),
            step: StepKey::new("install").unwrap(),
            attempt: AttemptNo::new(1),
            max_attempts: 1,
            boot: None,
            scratch_dir: home.dir.path().join("scratch"),
            checkpoint: None,
            held: Vec::new(),
            pace: Pace::default(),
        };
        let (progress, _) = tokio::sync::watch::channel(Progress::default());
        let clock = || Timestamp::from_millis(0);
        let stop = StopHandle::default();
        let cx = StepContext::new(
            attempt_info,
            Arc::new(Closed),
            stop,
            clock,
            progress,
            Reports::default(),
        );
        let input = (home.artifact.clone(), verified.clone());
        Install::default().run(cx, input).await.unwrap_err();
        assert!(!home.target().exists() && home.part().exists());

        attempt(&home, &mut run, &verified).await.unwrap();
        assert_eq!(run.checkpoints().len(), 1);
        no_leftovers(&home);
    }
}

#[tokio::test]
async fn a_file_on_another_volume_is_copied() {
    let Ok(volume) = tempfile::tempdir_in("/dev/shm") else { return };
    let mut home = Home::new("a.bin", Unpack::No);
    home.artifact.staging = volume.path().join("staging");
    let verified = home.verified(BYTES);
    let mut run = home.run("install");
    let first = attempt(&home, &mut run, &verified).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("a.bin", "a model")]));
    assert!(!home.part().exists());
    // The process died after the rename and before it removed the source.
    fs::create_dir_all(&home.artifact.staging).unwrap();
    fs::write(home.part(), "not looked at any more").unwrap();
    assert_eq!(attempt(&home, &mut run, &verified).await.unwrap(), first);
    assert!(!home.part().exists());
    assert_eq!(home.root(), expect_tree(&[("a.bin", "a model")]));
}

#[tokio::test]
async fn an_installed_file_is_recognised_without_reading_it() {
    let home = Home::new("a.bin", Unpack::No);
    let mut verified = home.verified(BYTES);
    verified.digest = digest(Algorithm::Sha256, b"what a reader would miss");
    let mut run = home.run("install");
    attempt(&home, &mut run, &verified).await.unwrap();
    run.forget_checkpoints_after(0);
    attempt(&home, &mut run, &verified).await.unwrap();
}

#[tokio::test]
async fn a_missing_root_is_not_created() {
    let home = Home::new("a.bin", Unpack::No);
    let verified = home.verified(BYTES);
    fs::remove_dir(&home.artifact.root).unwrap();
    let error = attempt(&home, &mut home.run("install"), &verified).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::NotFound, "root_missing"));
    assert!(!home.artifact.root.exists() && home.part().exists());
}

#[tokio::test]
async fn a_link_below_the_root_is_not_followed() {
    for unpack in [Unpack::No, Unpack::TarGz] {
        let home = Home::new("models/deep/a", unpack);
        let outside = home.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, home.artifact.root.join("models")).unwrap();
        let verified = home.verified(&archive(&[("x", "1")]));
        let error = attempt(&home, &mut home.run("install"), &verified).await.unwrap_err();
        assert_eq!((error.class(), error.kind()), (Class::Security, "link"));
        assert!(!error.is_retryable());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_left_alone() {
    let cases = [
        (Unpack::No, "a", "a/b", "target_is_not_a_file"),
        (Unpack::TarGz, "a", "a", "target_is_not_a_folder"),
        (Unpack::No, "a/b", "a", "not_a_folder"),
    ];
    for (unpack, target, obstacle, kind) in cases {
        let home = Home::new(target, unpack);
        let obstacle = home.artifact.root.join(obstacle);
        fs::create_dir_all(obstacle.parent().unwrap()).unwrap();
        fs::write(obstacle, "mine").unwrap();
        let before = home.root();
        let verified = home.verified(&archive(&[("x", "1")]));
        let error = attempt(&home, &mut home.run("install"), &verified).await.unwrap_err();
        assert_eq!((error.class(), error.kind()), (Class::Validation, kind));
        assert_eq!(home.root(), before);
    }
}

#[tokio::test]
async fn a_tree_is_unpacked_and_replaces_the_old_one_as_a_whole() {
    let home = Home::new("apps/tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("bin/run", "one"), ("old", "x")]));
    let installed = attempt(&home, &mut home.run("install"), &verified).await.unwrap();
    assert_eq!((installed.files, installed.bytes, installed.digest), (2, 4, None));
    let verified = home.verified(&archive(&[("bin/run", "two"), ("new", "y")]));
    attempt(&home, &mut home.run("install"), &verified).await.unwrap();
    let expected = [
        ("apps/", ""),
        ("apps/tool/", ""),
        ("apps/tool/bin/", ""),
        ("apps/tool/bin/run", "two"),
        ("apps/tool/new", "y"),
    ];
    assert_eq!(home.root(), expect_tree(&expected));
    assert!(!home.artifact.staging.exists());
}

/// Polls an attempt until it has unpacked something, then lets `then` have it.
async fn until_it_unpacks(
    home: &Home,
    run: &mut TestRun,
    verified: &Verified,
    then: impl FnOnce(&TestAttempt),
) -> Option<Result<Installed, StepError>> {
    let mut attempt = run.attempt();
    let input = (home.artifact.clone(), verified.clone());
    let step = Install::default();
    let mut work = std::pin::pin!(step.run(attempt.cx.clone(), input));
    tokio::select! {
        biased;
        changed = attempt.progress.changed() => changed.unwrap(),
        done = &mut work => panic!("ended without any progress: {done:?}"),
    }
    then(&attempt);
    if attempt.stop.reason().is_some() { Some(work.await) } else { None }
}

fn many_files() -> Vec<u8> {
    let names: Vec<_> = (0..500).map(|i| format!("folder-{}/{i}", i % 7)).collect();
    archive(&names.iter().map(|name| (name.as_str(), "content")).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_cancelled_unpacking_leaves_nothing() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&many_files());
    let stop = |attempt: &TestAttempt| attempt.stop.stop(StopReason::Cancelled);
    let ended = until_it_unpacks(&home, &mut home.run("install"), &verified, stop).await;
    assert_eq!(ended.unwrap().unwrap_err().class(), Class::Cancelled);
    assert_eq!(home.root(), expect_tree(&[]));
}

#[test]
fn a_dropped_attempt_publishes_nothing_later() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&many_files());
    let mut run = home.run("install");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async { until_it_unpacks(&home, &mut run, &verified, |_| ()).await });
    // Waits for the thread that was unpacking.
    drop(first);
    assert!(!home.target().exists());
    assert!(home.part().exists());
    let second = runtime();
    second.block_on(async { attempt(&home, &mut run, &verified).await.unwrap() });
    assert_eq!(home.root().keys().filter(|name| !name.ends_with('/')).count(), 500);
    no_leftovers(&home);
}

#[tokio::test]
async fn an_archive_that_would_not_fit_is_not_begun() {
    let home = Home::new("tool", Unpack::Zip);
    let announced = u32::MAX - 1;
    let file = |i: u32| {
        let name = format!("f{i}");
        ZipFile { size: announced, local_size: announced, ..ZipFile::new(&name, b"x") }
    };
    let verified = home.verified(&zip(&(0..30_000).map(file).collect::<Vec<_>>()));
    let limits = Limits::default().bytes(u64::MAX).ratio(u64::MAX, 0);
    let input = (home.artifact.clone(), verified);
    let step = Install::default().limits(limits);
    let error = step.run(home.run("install").attempt().cx, input).await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Resource, "disk_full"));
    assert!(error.is_retryable());
    assert_eq!(home.root(), expect_tree(&[]));
}

#[tokio::test]
async fn a_stopped_installation_leaves_everything_as_it_was() {
    for (reason, class) in
        [(StopReason::Shutdown, Class::Interrupted), (StopReason::Cancelled, Class::Cancelled)]
    {
        for unpack in [Unpack::No, Unpack::TarGz] {
            let home = Home::new("tool", unpack);
            let verified = home.verified(&archive(&[("new", "1")]));
            let mut run = home.run("install");
            let attempt = run.attempt();
            attempt.stop.stop(reason);
            let input = (home.artifact.clone(), verified.clone());
            let error = Install::default().run(attempt.cx, input).await.unwrap_err();
            assert_eq!(error.class(), class);
            assert_eq!(home.root(), expect_tree(&[]));
            assert!(home.part().exists());
        }
    }
}

#[tokio::test]
async fn an_installed_thing_is_lost_when_it_is_gone() {
    let home = Home::new("a.bin", Unpack::No);
    let step = Install::default();
    let file = attempt(&home, &mut home.run("install"), &home.verified(BYTES)).await.unwrap();
    assert_eq!(step.lost(&file).await, None);
    fs::write(home.target(), "of another size").unwrap();
    assert!(step.lost(&file).await.is_some());
    fs::remove_file(home.target()).unwrap();
    assert!(step.lost(&file).await.is_some());

    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("new", "1")]));
    let tree = attempt(&home, &mut home.run("install"), &verified).await.unwrap();
    assert_eq!(step.lost(&tree).await, None);
    fs::write(home.target().join("more"), "a user's own file").unwrap();
    assert_eq!(step.lost(&tree).await, None);
    fs::remove_dir_all(home.target()).unwrap();
    assert!(step.lost(&tree).await.is_some());
    no_leftovers(&home);
}
