//! A drive that is too small for what is installed on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use resurge_journal::failure::{Advice, Class, Condition, Scope};
use resurge_steps::artifact::Unpack;
use resurge_steps::install::Install;
use resurge_steps::{Step, StepError};

use crate::archives::{TarFile, ZipFile, tar_gz, zip};
use crate::common::Home;

const MIB: u64 = 1024 * 1024;
const DIR: &str = "RESURGE_TEST_SMALL_DRIVE";

/// Two mebibytes that do not get smaller.
fn noise() -> String {
    let mut state = 7_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b' ' + u8::try_from(state >> 26).unwrap())
    };
    (0..2 * MIB).map(|_| letter()).collect()
}

async fn install(root: &Path, unpack: Unpack, bytes: &[u8]) -> StepError {
    let mut home = Home::new("target", unpack);
    home.artifact.root = root.to_owned();
    let verified = home.verified(bytes);
    let cx = home.run("install").attempt().cx;
    let error = Install::default().run(cx, (home.artifact.clone(), verified)).await.unwrap_err();
    assert_eq!(std::fs::read_dir(root).unwrap().count(), 0, "nothing is left behind: {error}");
    error
}

/// Folder and bytes that are waited for.
#[track_caller]
fn waits_for(error: &StepError) -> (PathBuf, u64) {
    let ruling = error.ruling();
    assert_eq!((ruling.class, ruling.kind.as_str()), (Class::Resource, "disk_full"), "{error:?}");
    assert_eq!(ruling.scope, Scope::Volume);
    match error.advice() {
        Advice::WhenReady(Condition::DiskSpace { path, bytes }) => (path.into(), *bytes),
        _ => unreachable!("{error:?}"),
    }
}

/// Does nothing unless it is run as a child, with a drive of one mebibyte.
#[tokio::test]
async fn child() {
    let Ok(root) = std::env::var(DIR) else { return };
    let (root, text) = (Path::new(&root), noise());
    let expected = (root.to_owned(), 18 * MIB);

    // The size of a file is known, and so is what a zip announces.
    let error = install(root, Unpack::No, text.as_bytes()).await;
    assert_eq!(waits_for(&error), expected);
    let error = install(root, Unpack::Zip, &zip(&[ZipFile::stored("a", text.as_bytes())])).await;
    assert_eq!(waits_for(&error), expected);
    // Of a tar it is known only how large the archive is.
    let archive = tar_gz(&[TarFile::new("a", &text)]);
    let error = install(root, Unpack::TarGz, &archive).await;
    assert_eq!(waits_for(&error), (root.to_owned(), archive.len() as u64 + 16 * MIB));
    println_waited();
}

#[expect(clippy::print_stdout, reason = "tells the parent that it came so far")]
fn println_waited() {
    println!("waited for space");
}

#[test]
fn a_full_drive_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$1\" || exit 77; \
                  exec \"$0\" --exact space::child --nocapture";
    let mut command = Command::new("unshare");
    command.args(["-rm", "/bin/sh", "-c", script]).arg(std::env::current_exe().unwrap());
    let output = command.arg(dir.path()).env(DIR, dir.path()).output();
    // Where nobody may mount anything there is no small drive to try it on.
    let Ok(output) = output else { return };
    let may_mount = output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare");
    let told = String::from_utf8_lossy(&output.stdout).contains("waited for space");
    assert!(!may_mount || (output.status.success() && told), "{output:?}");
}
