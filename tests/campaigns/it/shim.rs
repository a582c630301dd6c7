//! A library between the writer and the system, which makes calls go wrong.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Every call that changes something.
pub(crate) const ALL: &str =
    "write,pwrite64,fsync,fdatasync,sync_file_range,ftruncate,rename,unlink,open,mkdir";
/// Calls that can run out of space.
pub(crate) const SPACE: &str = "write,pwrite64,open,mkdir";
/// Calls that make things durable.
pub(crate) const SYNCS: &str = "fsync,fdatasync,sync_file_range";

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) calls: &'static str,
    pub(crate) action: &'static str,
    /// Every later call goes wrong as well.
    pub(crate) always: bool,
}

/// What was compiled from C.
#[derive(Debug)]
pub(crate) struct Tools {
    dir: TempDir,
}

impl Tools {
    /// Compiles them once; none without a compiler.
    pub(crate) fn get() -> Option<&'static Self> {
        static TOOLS: OnceLock<Option<Tools>> = OnceLock::new();
        TOOLS.get_or_init(Self::compile).as_ref()
    }

    fn compile() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("it");
        let shared: &[&str] = &["-shared", "-fPIC"];
        for (source, made, options) in
            [("shim.c", "shim.so", shared), ("powercut.c", "powercut", &[])]
        {
            let mut cc = Command::new("cc");
            cc.args(["-O1", "-Wall"]).args(options).arg("-o").arg(dir.path().join(made));
            let status = cc.arg(from.join(source)).arg("-ldl").status().ok()?;
            assert!(status.success(), "{source} does not compile");
        }
        Some(Self { dir })
    }

    /// Makes the n-th call on a folder go wrong.
    pub(crate) fn preload(&self, command: &mut Command, dir: &Path, fault: Fault, nth: u64) {
        command.env("LD_PRELOAD", self.dir.path().join("shim.so"));
        command.env("SHIM_DIR", dir).env("SHIM_CALLS", fault.calls);
        command.env("SHIM_ACTION", fault.action).env("SHIM_NTH", nth.to_string());
        if fault.always {
            command.env("SHIM_ALWAYS", "1");
        }
    }

    /// Cuts the power of a file system that is mounted somewhere.
    pub(crate) fn cut_power(&self, mount: &Path) {
        let status = Command::new(self.dir.path().join("powercut")).arg(mount).status();
        assert!(status.unwrap().success(), "FS_IOC_SHUTDOWN failed");
    }
}

/// Whether the shim did anything, by what the child complained about.
pub(crate) fn fired(errors: &str) -> bool {
    errors.contains("shim: ")
}

/// A folder in memory where there is one: what only has to survive a process needs no disk.
pub(crate) fn quick_home() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}
