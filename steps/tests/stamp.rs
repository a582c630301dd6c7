//! How files are recognised again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use resurge_steps::fs::FileStamp;

#[test]
fn a_file_keeps_its_stamp_until_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("a"), dir.path().join("b"));
    fs::write(&path, "one").unwrap();
    let stamp = FileStamp::of(&path).unwrap();
    assert_eq!(stamp.size(), 3);
    fs::rename(&path, &moved).unwrap();
    assert_eq!(FileStamp::of(&moved).unwrap(), stamp);
    assert_eq!(FileStamp::of_file(&fs::File::open(&moved).unwrap()).unwrap(), stamp);
    let text = serde_json::to_string(&stamp).unwrap();
    assert_eq!(serde_json::from_str::<FileStamp>(&text).unwrap(), stamp);

    let file = fs::File::options().write(true).open(&moved).unwrap();
    let earlier = std::time::SystemTime::UNIX_EPOCH;
    file.set_modified(earlier).unwrap();
    assert_ne!(FileStamp::of(&moved).unwrap(), stamp);
}

#[test]
fn another_file_of_the_same_size_and_time_has_another_stamp() {
    let dir = tempfile::tempdir().unwrap();
    let stamp = |name: &str| {
        let path = dir.path().join(name);
        fs::write(&path, "one").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        FileStamp::of(&path).unwrap()
    };
    let (a, b) = (stamp("a"), stamp("b"));
    if cfg!(unix) {
        assert_ne!(a, b);
    }
}

#[test]
fn only_regular_files_have_a_stamp() {
    let dir = tempfile::tempdir().unwrap();
    FileStamp::of(dir.path()).unwrap_err();
    FileStamp::of(&dir.path().join("missing")).unwrap_err();
    #[cfg(unix)]
    {
        fs::write(dir.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
        FileStamp::of(&dir.path().join("link")).unwrap_err();
    }
}
