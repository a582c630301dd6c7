//! Errors as this machine really gives them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use resurge_journal::failure::{Advice, Class, Scope};
use resurge_steps::StepError;
use resurge_steps::classify::exit_status;

#[track_caller]
fn is(error: io::Error, number: i32, class: Class, rule: &str) -> StepError {
    assert_eq!(error.raw_os_error(), Some(number), "{error}");
    let error = StepError::from(error);
    assert_eq!((error.class(), error.rule()), (class, rule), "{error:?}");
    error
}

#[test]
fn a_full_device_is_out_of_space() {
    let mut full = File::options().write(true).open("/dev/full").unwrap();
    let error = full.write_all(b"x").unwrap_err();
    let error = is(error, libc::ENOSPC, Class::Resource, "io.disk_full");
    assert_eq!(error.ruling().scope, Scope::Volume);
}

#[test]
fn paths_that_lead_nowhere_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("file"), "x").unwrap();
    symlink(path("loop"), path("loop")).unwrap();
    let wrong = |path: &Path, number, class, rule| {
        is(File::options().write(true).open(path).unwrap_err(), number, class, rule);
    };
    wrong(&path("missing"), libc::ENOENT, Class::NotFound, "io.missing");
    wrong(&path("file/below"), libc::ENOTDIR, Class::Validation, "io.path");
    wrong(&path("loop"), libc::ELOOP, Class::Validation, "io.path");
    wrong(&path(&"n".repeat(300)), libc::ENAMETOOLONG, Class::Validation, "io.path");
    wrong(dir.path(), libc::EISDIR, Class::Validation, "io.path");
    let taken = File::create_new(path("file")).unwrap_err();
    is(taken, libc::EEXIST, Class::Validation, "io.path");
    fs::create_dir(path("full")).unwrap();
    fs::write(path("full/file"), "x").unwrap();
    let full = fs::remove_dir(path("full")).unwrap_err();
    is(full, libc::ENOTEMPTY, Class::Validation, "io.path");
}

#[test]
fn a_file_that_may_not_be_read_is_denied() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything; it may not remove the kernel's own files.
    let error = File::open(&path).err();
    let error = error.unwrap_or_else(|| fs::remove_file("/proc/version").unwrap_err());
    assert_eq!(StepError::from(error).rule(), "io.denied");
}

#[test]
fn a_port_without_a_server_refuses() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = TcpStream::connect(("127.0.0.1", port)).unwrap_err();
    is(error, libc::ECONNREFUSED, Class::Network, "io.refused");
}

#[test]
fn a_peer_that_throws_bytes_away_resets_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"two bytes and more").unwrap();
    server.read_exact(&mut [0; 2]).unwrap();
    drop(server);
    let error = client.read(&mut [0; 1]).unwrap_err();
    let error = is(error, libc::ECONNRESET, Class::Network, "io.dropped");
    assert_eq!(error.advice(), &Advice::Now);
    let error = client.write_all(b"x").unwrap_err();
    is(error, libc::EPIPE, Class::Network, "io.dropped");
}

#[test]
fn addresses_that_cannot_be_used_are_told_apart() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = TcpListener::bind(taken.local_addr().unwrap()).unwrap_err();
    is(error, libc::EADDRINUSE, Class::Conflict, "io.address_in_use");
    // Reserved for documentation: no machine has it.
    let error = TcpListener::bind("192.0.2.1:0").unwrap_err();
    is(error, libc::EADDRNOTAVAIL, Class::Resource, "io.ports");
}

#[test]
fn a_program_that_is_being_run_is_busy() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("program");
    fs::copy("/bin/sleep", &program).unwrap();
    let mut running = Command::new(&program).arg("60").spawn().unwrap();
    let error = File::options().write(true).open(&program).map(drop);
    running.kill().unwrap();
    let killed = running.wait().unwrap();
    // Some kernels allow it by now.
    if let Err(error) = error {
        is(error, libc::ETXTBSY, Class::Conflict, "io.busy");
    }
    let error = StepError::from_evidence(&exit_status(killed), "killed");
    assert_eq!((error.rule(), error.kind()), ("io.memory", "memory"));
    let failed = Command::new("/bin/sh").args(["-c", "exit 7"]).status().unwrap();
    let error = StepError::from_evidence(&exit_status(failed), "failed");
    assert_eq!((error.rule(), error.evidence().find("exit")), ("program.failed", Some("7")));
}

#[test]
fn another_volume_is_told_apart() {
    let (here, there) = (tempfile::tempdir().unwrap(), Path::new("/dev/shm"));
    let from = here.path().join("file");
    fs::write(&from, "x").unwrap();
    let to = there.join(format!("resurge-{}", std::process::id()));
    // On a machine that keeps both on one volume there is nothing to see.
    match fs::hard_link(&from, &to) {
        Err(error) if there.exists() => {
            is(error, libc::EXDEV, Class::Internal, "io.cross_device");
        }
        _ => drop(fs::remove_file(&to)),
    }
}

/// The environment tells the child what to do.
const TASK: &str = "RESURGE_TEST_PROVOKE";

/// Runs the test `child` of this program in a process of its own, under a shell command.
fn in_child(task: &str, before: &str) -> std::process::Output {
    let program = std::env::current_exe().unwrap();
    let script = format!("{before} exec \"$0\" --exact provoked::child --nocapture");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(program).env(TASK, task);
    command.output().unwrap()
}

/// Does nothing unless it is run as a child.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    if task == "handles" {
        let mut open = Vec::new();
        let error = loop {
            match File::open("/dev/null") {
                Ok(file) => open.push(file),
                Err(error) => break error,
            }
        };
        drop(open);
        is(error, libc::EMFILE, Class::Resource, "io.handles");
    } else if task == "large" {
        let mut file = tempfile::tempfile().unwrap();
        let error = file.write_all(&vec![0; 64 * 1024]).unwrap_err();
        is(error, libc::EFBIG, Class::Validation, "io.file_too_large");
    } else {
        let error = File::create(Path::new(&task).join("file")).unwrap_err();
        is(error, libc::EROFS, Class::Permission, "io.read_only");
    }
    println_provoked();
}

#[expect(clippy::print_stdout, reason = "tells the parent that it came so far")]
fn println_provoked() {
    println!("provoked");
}

fn provoked(output: &std::process::Output) -> bool {
    output.status.success() && String::from_utf8_lossy(&output.stdout).contains("provoked")
}

#[test]
fn too_many_open_files_are_a_matter_of_the_process() {
    let output = in_child("handles", "ulimit -n 64;");
    assert!(provoked(&output), "{output:?}");
}

#[test]
fn a_file_beyond_the_limit_of_its_drive_is_too_large() {
    // Without its signal the limit is an error like any other.
    let output = in_child("large", "trap '' XFSZ; ulimit -f 8;");
    assert!(provoked(&output), "{output:?}");
}

#[test]
fn a_drive_that_is_mounted_for_reading_is_read_only() {
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o ro none \"$1\" || exit 77; \
                  exec \"$0\" --exact provoked::child --nocapture";
    let mut command = Command::new("unshare");
    command.args(["-rm", "/bin/sh", "-c", script]).arg(std::env::current_exe().unwrap());
    let output = command.arg(dir.path()).env(TASK, dir.path()).output();
    // Where nobody may mount anything, the line in the table has to do.
    let Ok(output) = output else { return };
    let may_mount = output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare");
    assert!(!may_mount || provoked(&output), "{output:?}");
}
