//! Archives made byte by byte: hostile and damaged ones, and what little of a good one is kept.

use std::fs;

use proptest::prelude::*;
use resurge_journal::failure::Class;
use resurge_steps::StepError;
use resurge_steps::artifact::Unpack;
use resurge_steps::install::Limits;

use crate::archives::{TarFile, ZipFile, gz, tar, tar_gz, tar_open, with_directory, zip};
use crate::common::{Home, expect_tree, install, tree};

/// Installs over an old tree, and sees that it is refused without a trace.
async fn refused(what: &str, unpack: Unpack, archive: &[u8], limits: Limits) -> StepError {
    let home = Home::new("apps/tool", unpack);
    fs::create_dir_all(home.target()).unwrap();
    fs::write(home.target().join("old"), "kept").unwrap();
    let outside = tree(home.dir.path());
    let error = install(&home, archive, limits).await.expect_err(what);
    fs::remove_file(home.part()).unwrap();
    assert_eq!(tree(home.dir.path()), outside, "{what}");
    assert!(!error.is_retryable(), "{what}: {error}");
    assert!(matches!(error.class(), Class::Security | Class::Validation), "{what}: {error:?}");
    error
}

async fn refused_tar(what: &str, files: &[TarFile], kind: &str) {
    let error = refused(what, Unpack::TarGz, &tar_gz(files), Limits::default()).await;
    assert_eq!(error.kind(), kind, "{what}: {error}");
    let error = refused(what, Unpack::TarZst, &zst(&tar(files)), Limits::default()).await;
    assert_eq!(error.kind(), kind, "{what}: {error}");
}

async fn refused_zip(what: &str, files: &[ZipFile], kind: &str) {
    let error = refused(what, Unpack::Zip, &zip(files), Limits::default()).await;
    assert_eq!(error.kind(), kind, "{what}: {error}");
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

const BAD_NAMES: [&str; 19] = [
    "../evil",
    "a/../../evil",
    "a/..",
    "/etc/evil",
    "//server/share",
    "..\\evil",
    "a\\b",
    "C:/evil",
    "C:evil",
    "file:stream",
    "a//b",
    "a/./b",
    "nul",
    "aux.txt",
    "dir/COM1",
    "dot.",
    "space ",
    "new\nline",
    "escape\u{1b}[2J",
];

#[tokio::test]
async fn a_name_that_leaves_the_folder_or_means_something_else_elsewhere_is_refused() {
    let innocent = || TarFile::new("innocent", "x");
    for name in BAD_NAMES {
        refused_tar(name, &[innocent(), TarFile::new(name, "x")], "hostile_archive").await;
        let zipped = [ZipFile::new("innocent", b"x"), ZipFile::new(name, b"x")];
        refused_zip(name, &zipped, "hostile_archive").await;
    }
    let long = "x".repeat(256);
    let long = TarFile::pax(&[("path", long.as_str())]);
    refused_tar("long component", &[long, innocent()], "hostile_archive").await;
    for bad in [b"a\xff".to_vec(), b"caf\xe9".to_vec()] {
        let name = TarFile { name: bad.clone(), ..innocent() };
        refused_tar("not UTF-8", &[name], "hostile_archive").await;
        let name = ZipFile { name: bad.clone(), local_name: bad, ..ZipFile::new("a", b"x") };
        refused_zip("not UTF-8", &[name], "hostile_archive").await;
    }
    let name = ZipFile::new("a\0.txt", b"x");
    refused_zip("NUL", &[name], "hostile_archive").await;
    let name = TarFile::of_kind(b'L', "././@LongLink", b"a\0b");
    refused_tar("NUL in a long name", &[name, innocent()], "hostile_archive").await;
}

#[tokio::test]
async fn the_message_does_not_carry_control_characters() {
    let archive = tar_gz(&[TarFile::new("\u{1b}[2J", "x")]);
    let error = refused("escape", Unpack::TarGz, &archive, Limits::default()).await;
    assert!(!error.to_string().chars().any(char::is_control));
}

#[tokio::test]
async fn links_and_devices_are_refused() {
    let through = [TarFile::link(b'2', "out", "/tmp"), TarFile::new("out/evil", "x")];
    refused_tar("write through a symbolic link", &through, "hostile_archive").await;
    refused_tar("symbolic link", &[TarFile::link(b'2', "a", "b")], "hostile_archive").await;
    refused_tar("hard link", &[TarFile::link(b'1', "a", "/etc/passwd")], "hostile_archive").await;
    for kind in [b'3', b'4', b'6', b'S', b'V', b'?'] {
        let special = TarFile::of_kind(kind, "special", b"");
        refused_tar("special", &[special], "hostile_archive").await;
    }
    for mode in [0o120_777, 0o010_644, 0o020_644, 0o060_644, 0o140_644] {
        let special = ZipFile { mode, ..ZipFile::stored("special", b"/etc/passwd") };
        refused_zip("special", &[special], "hostile_archive").await;
    }
}

#[tokio::test]
async fn two_entries_of_one_name_are_refused() {
    let cases = [
        ("same", ["a", "a"]),
        ("case", ["File", "fILE"]),
        ("case of a folder", ["Dir/a", "dir/b"]),
        ("case beyond ASCII", ["\u{c4}", "\u{e4}"]),
        ("a file, then a folder", ["a", "a/b"]),
        ("a folder, then a file", ["a/b", "a"]),
    ];
    for (what, names) in cases {
        refused_tar(what, &names.map(|name| TarFile::new(name, "x")), "hostile_archive").await;
        refused_zip(what, &names.map(|name| ZipFile::new(name, b"x")), "hostile_archive").await;
    }
}

#[tokio::test]
async fn limits_hold_for_what_is_announced_and_for_what_comes() {
    let limits = Limits::default();
    let many: Vec<_> = (0..11).map(|i| TarFile::new(&format!("f{i}"), "12345678")).collect();
    let deep = "a/".repeat(4) + "f";
    let cases = [
        ("entries", limits.entries(10)),
        ("bytes", limits.bytes(80)),
        ("bytes of a file", limits.file_bytes(7)),
        ("depth", limits.depth(3)),
    ];
    for (what, limits) in cases {
        let mut files = many.clone();
        files.push(TarFile::new(&deep, "12345678"));
        let error = refused(what, Unpack::TarGz, &tar_gz(&files), limits).await;
        assert_eq!(error.kind(), "archive_limit", "{what}: {error}");
        let name = |file: &TarFile| String::from_utf8(file.name.clone()).unwrap();
        let files: Vec<_> =
            files.iter().map(|file| ZipFile::new(&name(file), &file.content)).collect();
        let error = refused(what, Unpack::Zip, &zip(&files), limits).await;
        assert_eq!(error.kind(), "archive_limit", "{what}: {error}");
    }
}

#[tokio::test]
async fn a_bomb_is_refused() {
    let limits = Limits::default().ratio(200, 1_000_000);
    let zeros = vec![0; 4_000_000];
    let bomb = tar_gz(&[TarFile::of_kind(b'0', "zeros", &zeros)]);
    assert_eq!(refused("tar", Unpack::TarGz, &bomb, limits).await.kind(), "archive_limit");
    let bomb = zip(&[ZipFile::new("zeros", &zeros)]);
    assert_eq!(refused("zip", Unpack::Zip, &bomb, limits).await.kind(), "archive_limit");
    // Many small parts add up.
    let parts: Vec<_> =
        (0..8).map(|i| TarFile::of_kind(b'0', &format!("f{i}"), &zeros[..500_000])).collect();
    let bomb = tar_gz(&parts);
    assert_eq!(refused("parts", Unpack::TarGz, &bomb, limits).await.kind(), "archive_limit");
    // Folders that no entry names count as well.
    let folders: Vec<_> = (0..9).map(|i| TarFile::new(&format!("{i}/a/b/c/d/e/f"), "")).collect();
    let error = refused("folders", Unpack::TarGz, &tar_gz(&folders), limits.entries(20)).await;
    assert_eq!(error.kind(), "archive_limit");
}

#[tokio::test]
async fn a_tar_that_contradicts_itself_is_refused() {
    let file = || TarFile::new("a", "content");
    let size = TarFile::pax(&[("size", "3")]);
    refused_tar("two sizes", &[size, file()], "bad_archive").await;
    let size = TarFile::pax(&[("size", "999999999999999")]);
    refused_tar("a huge size", &[size, file()], "bad_archive").await;
    let size = TarFile::pax(&[("size", "7"), ("size", "8")]);
    refused_tar("a size twice", &[size, file()], "bad_archive").await;
    let path = TarFile::pax(&[("path", "b"), ("path", "c")]);
    refused_tar("a path twice", &[path, file()], "bad_archive").await;
    let long = TarFile::of_kind(b'L', "././@LongLink", b"b\0");
    let path = TarFile::pax(&[("path", "b")]);
    refused_tar("a path and a long name", &[long, path, file()], "bad_archive").await;
    let global = TarFile { kind: b'g', ..TarFile::pax(&[("path", "b")]) };
    refused_tar("a path for all", &[global, file()], "bad_archive").await;
    let sparse = TarFile::pax(&[("GNU.sparse.major", "1")]);
    refused_tar("sparse", &[sparse, file()], "bad_archive").await;
    let broken = TarFile::of_kind(b'x', "pax", b"99 path=b\n");
    refused_tar("a malformed extension", &[broken, file()], "bad_archive").await;
    let huge = TarFile { size: 0o7_777_777_777, ..TarFile::pax(&[("path", "b")]) };
    refused_tar("a huge extension", &[huge, file()], "archive_limit").await;
    let lie = TarFile { size: 5_000, ..file() };
    refused_tar("a size beyond the end", &[lie], "bad_archive").await;
    let folder = TarFile::of_kind(b'5', "a/", b"content");
    refused_tar("a folder with content", &[folder], "hostile_archive").await;
    refused_tar("an extension of nothing", &[TarFile::pax(&[("path", "b")])], "bad_archive").await;
}

#[tokio::test]
async fn a_damaged_tar_is_refused() {
    let files = [TarFile::new("a", &"content ".repeat(200)), TarFile::new("b", "x")];
    let (whole, packed) = (tar(&files), tar_gz(&files));
    let mut wrong_sum = whole.clone();
    wrong_sum[150] ^= 1;
    let cases = [
        ("nothing", Vec::new()),
        ("not an archive", b"<html>not found</html>".to_vec()),
        ("cut in the stream", packed[..packed.len() - 12].to_vec()),
        ("without an end", gz(&tar_open(&files))),
        ("cut at a header", gz(&whole[..512])),
        ("a wrong checksum", gz(&wrong_sum)),
        ("a second archive", [packed.clone(), packed.clone()].concat()),
        ("something after the end", [packed.clone(), b"more".to_vec()].concat()),
        ("something after the end, packed", gz(&[whole.clone(), vec![1; 512]].concat())),
        ("a wrong stream checksum", {
            let mut bytes = packed.clone();
            let at = bytes.len() - 6;
            bytes[at] ^= 1;
            bytes
        }),
    ];
    for (what, bytes) in cases {
        let error = refused(what, Unpack::TarGz, &bytes, Limits::default()).await;
        assert_eq!(error.kind(), "bad_archive", "{what}: {error}");
    }
    let packed = zst(&whole);
    for bytes in [packed[..packed.len() - 3].to_vec(), [packed, b"more".to_vec()].concat()] {
        let error = refused("zst", Unpack::TarZst, &bytes, Limits::default()).await;
        assert_eq!(error.kind(), "bad_archive", "{error}");
    }
}

#[tokio::test]
async fn a_zip_that_contradicts_itself_is_refused() {
    let file = || ZipFile::new("a", b"content content content");
    let cases = [
        ("another name", ZipFile { local_name: b"b".to_vec(), ..file() }),
        ("another size", ZipFile { local_size: 5, ..file() }),
        ("a wrong checksum", ZipFile { crc: 1, ..file() }),
        ("a size too small", ZipFile { size: 5, local_size: 5, ..file() }),
        ("a size too large", ZipFile { size: 500, local_size: 500, ..file() }),
        ("two sizes", ZipFile { size: 5, local_size: 5, ..ZipFile::stored("a", b"content") }),
        ("encrypted", ZipFile { flags: 1, ..file() }),
        ("masked", ZipFile { flags: 1 << 13, ..file() }),
        ("an unknown method", ZipFile { method: 12, ..file() }),
        ("data after the data", ZipFile { packed: [file().packed, vec![0; 9]].concat(), ..file() }),
        ("something between", ZipFile { after: vec![0; 3], ..file() }),
        ("a false descriptor", ZipFile { flags: 8, after: vec![0; 16], ..file() }),
        ("a missing descriptor", ZipFile { flags: 8, ..file() }),
    ];
    for (what, bad) in cases {
        refused_zip(what, &[file(), ZipFile { name: b"z".to_vec(), ..bad.clone() }], "bad_archive")
            .await;
        if bad.local_name == b"a" {
            let bad = ZipFile { local_name: b"z".to_vec(), name: b"z".to_vec(), ..bad };
            refused_zip(what, &[bad, file()], "bad_archive").await;
        }
    }
    let folder = ZipFile::stored("a/", b"content");
    refused_zip("a folder with content", &[folder], "hostile_archive").await;
    let folder = ZipFile { mode: 0o040_755, ..ZipFile::stored("a", b"") };
    refused_zip("a folder by mode only", &[folder], "hostile_archive").await;
}

#[tokio::test]
async fn a_zip_with_more_than_its_entries_is_refused() {
    let whole = zip(&[ZipFile::new("a", b"content")]);
    let other = zip(&[ZipFile::new("b", b"evil")]);
    let end = whole.len() - 22;
    let entries = |n: u8| {
        let mut bytes = whole.clone();
        bytes[end + 8] = n;
        bytes[end + 10] = n;
        bytes
    };
    let cases = [
        ("nothing", Vec::new()),
        ("not an archive", b"<html>not found</html>".to_vec()),
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("cut in front", whole[1..].to_vec()),
        ("something in front", [b"#!/bin/sh\n".to_vec(), whole.clone()].concat()),
        ("something behind", [whole.clone(), b"more".to_vec()].concat()),
        ("another zip behind", [whole.clone(), other.clone()].concat()),
        ("another zip in the comment", {
            let mut bytes = whole.clone();
            bytes[end + 20] = u8::try_from(other.len()).unwrap();
            [bytes, other].concat()
        }),
        ("fewer entries than there are", entries(0)),
        ("more entries than there are", entries(2)),
        ("something in front of nothing", with_directory(b"evil".to_vec(), b"", 0, b"")),
    ];
    for (what, bytes) in cases {
        let error = refused(what, Unpack::Zip, &bytes, Limits::default()).await;
        assert_eq!(error.kind(), "bad_archive", "{what}: {error}");
    }
}

#[tokio::test]
async fn every_cut_and_every_flipped_byte_is_refused_or_harmless() {
    let files = [ZipFile::new("dir/a", b"content content"), ZipFile::stored("b", b"x")];
    let zipped = zip(&files);
    let tarred = zst(&tar(&[TarFile::new("dir/a", "content"), TarFile::new("b", "x")]));
    for (unpack, whole) in [(Unpack::Zip, zipped), (Unpack::TarZst, tarred)] {
        for at in 0..whole.len() {
            let what = format!("cut at {at}");
            refused(&what, unpack, &whole[..at], Limits::default()).await;
            let mut flipped = whole.clone();
            flipped[at] ^= 0x41;
            let home = Home::new("tool", unpack);
            // A time or a version may be anything; whatever happens, it stays in its place.
            match install(&home, &flipped, Limits::default()).await {
                Ok(_) => assert!(home.root().keys().all(|name| name.starts_with("tool/"))),
                Err(_) => assert_eq!(home.root(), expect_tree(&[]), "byte {at}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_an_archive_says_nothing_happens_outside_its_folder(
        entries in prop::collection::vec(
            (
                "(\\.\\./|/|\\./)?[aAb\u{e9}](/|/\\.\\./|//|\\\\|:|\0)?[aAb.]{0,2}/?",
                prop::sample::select(b"000005512LKxgS7?\0".to_vec()),
                0_u64..1_100,
                "[aAb./]{0,6}",
            ),
            1..6,
        ),
    ) {
        let tarred: Vec<_> = entries
            .iter()
            .map(|(name, kind, size, link)| TarFile {
                // Some sizes are lies; what follows is then read as something else.
                size: if *size < 900 { 3 } else { *size },
                link: link.clone(),
                ..TarFile::of_kind(*kind, name, b"abc")
            })
            .collect();
        let zipped: Vec<_> = entries
            .iter()
            .map(|(name, _, size, _)| ZipFile {
                local_size: if *size < 1_000 { 3 } else { 4 },
                ..ZipFile::new(name, b"abc")
            })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (unpack, bytes) in [(Unpack::TarZst, zst(&tar(&tarred))), (Unpack::Zip, zip(&zipped))] {
            let home = Home::new("tool", unpack);
            let installed = runtime.block_on(install(&home, &bytes, Limits::default()));
            let mut left = tree(home.dir.path());
            left.retain(|name, _| !name.starts_with("root/tool/"));
            let expected: &[&str] =
                if installed.is_ok() { &["root/"] } else { &["root/", "staging/", "staging/file.part"] };
            prop_assert_eq!(left.keys().map(String::as_str).collect::<Vec<_>>(), expected);
            prop_assert_eq!(installed.is_ok(), home.target().exists());
            if let Err(error) = installed {
                prop_assert!(!error.is_retryable());
            }
        }
    }
}

#[tokio::test]
async fn only_the_executable_bit_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let modes = |home: &Home| {
        ["plain", "run"].map(|name| {
            fs::metadata(home.target().join(name)).unwrap().permissions().mode() & 0o7777
        })
    };
    let home = Home::new("tool", Unpack::TarGz);
    let files = [
        TarFile { mode: 0o6666, ..TarFile::new("plain", "x") },
        TarFile { mode: 0o7711, ..TarFile::new("run", "x") },
    ];
    install(&home, &tar_gz(&files), Limits::default()).await.unwrap();
    let [plain, run] = modes(&home);
    assert_eq!((plain & 0o7133, run & 0o7100), (0, 0o100), "{plain:o} {run:o}");

    let home = Home::new("tool", Unpack::Zip);
    let files = [
        ZipFile { mode: 0o106_666, ..ZipFile::new("plain", b"x") },
        ZipFile { mode: 0o107_711, ..ZipFile::new("run", b"x") },
    ];
    install(&home, &zip(&files), Limits::default()).await.unwrap();
    assert_eq!(modes(&home), [plain, run]);
}

#[tokio::test]
async fn the_unpacked_bytes_of_our_own_archives_are_right_too() {
    let home = Home::new("tool", Unpack::Zip);
    let files = [
        ZipFile::stored("dir/", b""),
        ZipFile::new("dir/a", b"one"),
        ZipFile::stored("b", b"two"),
        ZipFile { packed: zst(b"three"), method: 93, ..ZipFile::stored("c", b"three") },
        // A zip inside the zip, stored: its end is not ours.
        ZipFile::stored("d.zip", &zip(&[])),
    ];
    install(&home, &zip(&files), Limits::default()).await.unwrap();
    let inner = zip(&[]);
    let mut expected = expect_tree(&[("dir/", ""), ("dir/a", "one"), ("b", "two"), ("c", "three")]);
    expected.insert("d.zip".to_owned(), inner);
    assert_eq!(tree(&home.target()), expected);
}

#[tokio::test]
async fn an_empty_archive_gives_an_empty_folder() {
    for (unpack, bytes) in [(Unpack::Zip, zip(&[])), (Unpack::TarGz, tar_gz(&[]))] {
        let home = Home::new("tool", unpack);
        let installed = install(&home, &bytes, Limits::default()).await.unwrap();
        assert_eq!(installed.files, 0);
        assert_eq!(home.root(), expect_tree(&[("tool/", "")]));
    }
}
