//! Folders whose installation was broken off half-way.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use resurge_steps::artifact::{Unpack, Verified};
use resurge_steps::testing::TestRun;

use crate::common::{Home, expect_tree};
use crate::install::{archive, attempt};

/// The intent of a tree whose folder was staged and not published.
async fn staged_but_not_published(home: &Home, run: &mut TestRun, verified: &Verified) -> String {
    attempt(home, run, verified).await.unwrap();
    let intent: serde_json::Value = run.checkpoints().pop().unwrap().read().unwrap();
    let staged = intent["staged"].as_str().unwrap().to_owned();
    fs::rename(home.target(), home.target().with_file_name(&staged)).unwrap();
    staged
}

fn old_of(staged: &str) -> String {
    let (prefix, _) = staged.rsplit_once('-').unwrap();
    format!("{prefix}-old")
}

fn write_tree(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn every_state_between_intent_and_success_is_finished() {
    // Which of the three folders are there when the process dies.
    for (target, old) in [(true, false), (false, true), (false, false), (true, true)] {
        let home = Home::new("tool", Unpack::TarGz);
        let verified = home.verified(&archive(&[("new", "1")]));
        let mut run = home.run("install");
        let staged = staged_but_not_published(&home, &mut run, &verified).await;
        if target {
            write_tree(&home.target(), "old", "0");
        }
        if old {
            write_tree(&home.target().with_file_name(old_of(&staged)), "old", "0");
        }
        // The archive is not needed any more.
        let installed = attempt(&home, &mut run, &verified).await.unwrap();
        assert_eq!((installed.files, installed.bytes), (1, 1));
        assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/new", "1")]));
        assert_eq!(run.checkpoints().len(), 1);
    }
}

#[tokio::test]
async fn a_published_tree_is_recognised_and_the_old_one_removed() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("new", "1")]));
    let mut run = home.run("install");
    let staged = staged_but_not_published(&home, &mut run, &verified).await;
    fs::rename(home.target().with_file_name(&staged), home.target()).unwrap();
    // After a swap the old tree has the name of the new one.
    write_tree(&home.target().with_file_name(&staged), "old", "0");
    write_tree(&home.target().with_file_name(old_of(&staged)), "old", "0");
    attempt(&home, &mut run, &verified).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/new", "1")]));
}

#[tokio::test]
async fn half_a_swap_without_the_new_tree_is_undone() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("new", "1")]));
    let mut run = home.run("install");
    let staged = staged_but_not_published(&home, &mut run, &verified).await;
    // Held open, so that its number is not given to the other one.
    let _held = File::open(home.target().with_file_name(&staged)).unwrap();
    fs::remove_dir_all(home.target().with_file_name(&staged)).unwrap();
    write_tree(&home.target().with_file_name(old_of(&staged)), "old", "0");
    let error = attempt(&home, &mut run, &verified).await.unwrap_err();
    assert_eq!(error.kind(), "source_lost");
    assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/old", "0")]));
    // With the archive fetched again it goes on.
    let verified = home.verified(&archive(&[("new", "1")]));
    attempt(&home, &mut run, &verified).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/new", "1")]));
}

#[tokio::test]
async fn a_tree_of_another_archive_is_not_published() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("new", "1")]));
    let mut run = home.run("install");
    staged_but_not_published(&home, &mut run, &verified).await;
    let other = home.verified(&archive(&[("other", "2")]));
    attempt(&home, &mut run, &other).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/other", "2")]));
}

#[tokio::test]
async fn a_tree_that_was_being_unpacked_is_unpacked_anew() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("new", "1")]));
    let mut run = home.run("install");
    let staged = staged_but_not_published(&home, &mut run, &verified).await;
    run.forget_checkpoints_after(0);
    write_tree(&home.target().with_file_name(&staged), "half", "");
    write_tree(&home.target(), "old", "0");
    let verified = home.verified(&archive(&[("new", "1")]));
    attempt(&home, &mut run, &verified).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/new", "1")]));
}

#[tokio::test]
async fn folders_of_other_steps_and_later_attempts_are_left_alone() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("new", "1")]));
    let (mut run, mut longer) = (home.run("install"), home.run("install-2"));
    let staged = staged_but_not_published(&home, &mut run, &verified).await;
    let verified = home.verified(&archive(&[("new", "1")]));
    let other = staged_but_not_published(&home, &mut longer, &verified).await;
    let later = staged.replace("-1.new", "-9.new");
    for name in [&old_of(&other), &later, "a.new"] {
        write_tree(&home.target().with_file_name(name), "x", "");
    }
    let verified = home.verified(&archive(&[("new", "2")]));
    attempt(&home, &mut run, &verified).await.unwrap();
    for name in [&other, &old_of(&other), &later, "a.new"] {
        assert!(home.target().with_file_name(name).exists(), "{name}");
    }
    assert!(!home.target().with_file_name(&staged).exists());
}

#[tokio::test]
async fn a_folder_that_has_only_the_number_of_the_staged_one_is_not_taken_for_it() {
    for is_published in [true, false] {
        let home = Home::new("tool", Unpack::TarGz);
        let verified = home.verified(&archive(&[("new", "1")]));
        let mut run = home.run("install");
        let staged = staged_but_not_published(&home, &mut run, &verified).await;
        let staged = home.target().with_file_name(staged);
        // File systems give the number of a folder that is gone to the next one.
        fs::remove_file(staged.join("new")).unwrap();
        write_tree(&staged, "other", "0");
        let later = SystemTime::now() + Duration::from_secs(1);
        File::open(&staged).unwrap().set_modified(later).unwrap();
        if is_published {
            fs::rename(&staged, home.target()).unwrap();
        }
        let verified = home.verified(&archive(&[("new", "1")]));
        attempt(&home, &mut run, &verified).await.unwrap();
        assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/new", "1")]));
    }
}

#[tokio::test]
async fn what_an_older_version_has_staged_is_published() {
    let home = Home::new("tool", Unpack::TarGz);
    let verified = home.verified(&archive(&[("new", "1")]));
    let mut run = home.run("install");
    staged_but_not_published(&home, &mut run, &verified).await;
    let mut intent: serde_json::Value = run.checkpoints().pop().unwrap().read().unwrap();
    assert!(intent.as_object_mut().unwrap().remove("modified_ns").is_some());
    run.attempt().cx.save_checkpoint(&intent).await.unwrap();
    assert!(!verified.path.exists(), "nothing else is left to go on from");
    attempt(&home, &mut run, &verified).await.unwrap();
    assert_eq!(home.root(), expect_tree(&[("tool/", ""), ("tool/new", "1")]));
}
