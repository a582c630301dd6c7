//! Archives made by the tools that people pack with.

use std::fs;
use std::path::Path;
use std::process::Command;

use resurge_steps::artifact::Unpack;
use resurge_steps::install::Limits;

use crate::common::{Home, install, tree};

/// What the tools are asked to pack.
fn sample(folder: &Path) {
    fs::create_dir_all(folder.join("bin/empty")).unwrap();
    fs::write(folder.join("bin/tool"), "#!/bin/sh\n").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::write(folder.join("gr\u{fc}\u{df}e.txt"), "hello").unwrap();
    let big: Vec<u8> = (0..3_000_000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
    fs::write(folder.join("big.bin"), big).unwrap();
    let long = "long-name-".repeat(12);
    fs::create_dir_all(folder.join(&long)).unwrap();
    fs::write(folder.join(&long).join(&long), "deep").unwrap();
}

/// Packs the sample with a tool, and compares what comes out; false if there is no such tool.
async fn round_trip(unpack: Unpack, program: &str, args: &[&str]) -> bool {
    let home = Home::new("tool", unpack);
    let source = home.dir.path().join("source");
    sample(&source);
    let archive = home.dir.path().join("archive");
    let mut command = Command::new(program);
    let args = args.iter().map(|arg| arg.replace("OUT", archive.to_str().unwrap()));
    let Ok(output) = command.args(args).current_dir(&source).output() else { return false };
    assert!(output.status.success(), "{output:?}");
    let archive = fs::read(archive).unwrap();
    let installed = install(&home, &archive, Limits::default()).await.unwrap();
    assert_eq!(tree(&home.target()), tree(&source), "{program}");
    assert_eq!(installed.files, 5);
    true
}

const PYTHON_TAR: &str = "
import sys, tarfile
format = getattr(tarfile, sys.argv[2])
with tarfile.open(sys.argv[1], 'w:gz', format=format) as t: t.add('.')
";

const PYTHON_ZIP: &str = "
import os, sys, zipfile
class Pipe:
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): self.f.flush()
out = open(sys.argv[1], 'wb')
out = Pipe(out) if sys.argv[2] == 'stream' else out
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
    z.comment = b'made by a test'
    for folder, _, files in os.walk('.'):
        if folder != '.': z.write(folder)
        for name in files:
            path = os.path.join(folder, name)
            info = zipfile.ZipInfo.from_file(path)
            info.compress_type = zipfile.ZIP_DEFLATED
            with open(path, 'rb') as source, z.open(info, 'w', force_zip64=sys.argv[2] == 'zip64') as d: d.write(source.read())
";

#[tokio::test]
async fn archives_of_real_tools_unpack_to_what_was_packed() {
    let mut tools = 0;
    let cases: [(Unpack, &str, &[&str]); 9] = [
        (Unpack::TarGz, "tar", &["-czf", "OUT", "."]),
        (Unpack::TarGz, "tar", &["--format=posix", "-czf", "OUT", "."]),
        (Unpack::TarGz, "tar", &["--format=gnu", "-czf", "OUT", "."]),
        (Unpack::TarZst, "tar", &["--zstd", "-cf", "OUT", "."]),
        (Unpack::TarGz, "python3", &["-c", PYTHON_TAR, "OUT", "PAX_FORMAT"]),
        (Unpack::TarGz, "python3", &["-c", PYTHON_TAR, "OUT", "GNU_FORMAT"]),
        (Unpack::Zip, "python3", &["-c", PYTHON_ZIP, "OUT", "file"]),
        (Unpack::Zip, "python3", &["-c", PYTHON_ZIP, "OUT", "stream"]),
        (Unpack::Zip, "python3", &["-c", PYTHON_ZIP, "OUT", "zip64"]),
    ];
    for (unpack, program, args) in cases {
        tools += usize::from(round_trip(unpack, program, args).await);
    }
    assert!(tools > 0, "none of the tools is installed");
}
