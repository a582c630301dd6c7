//! Things in the folder of a journal that are no files.

use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use crate::id::Seq;
use crate::store::Store;
use crate::store::conformance::record;
use crate::store::disk::segment::{Place, Position};
use crate::store::disk::{DiskStore, Durability, OpenMode, Snapshot};
use crate::store::tail::Tail;

fn opened(dir: &Path, durability: Durability) -> Result<DiskStore, super::super::OpenError> {
    DiskStore::open(dir, OpenMode::CreateIfMissing, durability)
}

/// A journal with a body that is kept aside.
fn filled(dir: &Path) {
    let store = opened(dir, Durability::Power).expect("created");
    store.append(Seq::new(1), &[record(2, 20_000), record(3, 10)]).expect("appended");
}

#[test]
fn nothing_is_written_through_a_link() {
    let home = tempfile::tempdir().expect("a folder");
    let precious = home.path().join("precious");
    fs::write(&precious, "mine").expect("written");
    let link = |dir: &Path, name: &str| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let _ = fs::remove_file(&path);
        symlink(&precious, path).expect("linked");
    };
    let expect_untouched = |what: &str| {
        assert_eq!(fs::read(&precious).expect("there"), b"mine", "{what}");
    };

    for name in [super::super::lock::NAME, MARKER_DRAFT, CREATING] {
        let dir = home.path().join(format!("new-{name}"));
        link(&dir, name);
        if name == MARKER_DRAFT {
            fs::write(dir.join(CREATING), "").expect("written");
        }
        let refused = opened(&dir, Durability::Power);
        expect_untouched(name);
        assert!(refused.is_err(), "{name}");
    }

    let dir = home.path().join("journal");
    filled(&dir);
    link(&dir, "head");
    let refused = opened(&dir, Durability::Power);
    expect_untouched("head");
    assert!(refused.is_err());
    fs::remove_file(dir.join("head")).expect("there");

    link(&dir, "checkpoints/draft");
    let position = Position { tail: Tail::default(), end: Place::start_of(1) };
    let refused = checkpoint::save(&dir, position, b"image");
    expect_untouched("checkpoints/draft");
    assert!(refused.is_err());

    let store = opened(&dir, Durability::Process).expect("opened");
    link(&dir, "payloads/unsynced");
    let refused = store.append(Seq::new(3), &[record(4, 30_000)]);
    expect_untouched("payloads/unsynced");
    assert!(refused.is_err());
}

#[test]
fn nobody_waits_for_a_pipe() {
    let home = tempfile::tempdir().expect("a folder");
    let names = [
        (MARKER, false),
        ("lock", false),
        ("head", false),
        ("BASE", true),
        ("BASE.copy", true),
        ("segments/00000001.seg", true),
        ("checkpoints/00000000000000000002.checkpoint", true),
        ("payloads", true),
    ];
    for (number, (name, is_mended)) in names.into_iter().enumerate() {
        let dir = home.path().join(number.to_string());
        filled(&dir);
        let mut path = dir.join(name);
        if path.is_dir() {
            let mut bodies = fs::read_dir(&path).expect("there");
            path = bodies.next().expect("one").expect("readable").path();
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let _ = fs::remove_file(&path);
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("made");
        if let Ok(snapshot) = Snapshot::take(&dir) {
            assert!(snapshot.scan().count() > 0, "{name}");
        }
        let again = opened(&dir, Durability::Power);
        assert_eq!(again.is_ok(), is_mended, "{name}: {again:?}");
    }
}

#[test]
fn a_marker_without_an_end_is_none() {
    let home = tempfile::tempdir().expect("a folder");
    symlink("/dev/zero", home.path().join(MARKER)).expect("linked");
    assert!(matches!(look(home.path()), Ok(Folder::Foreign { .. })));
    fs::remove_file(home.path().join(MARKER)).expect("there");
    fs::write(home.path().join(MARKER), vec![b' '; 1024 * 1024]).expect("written");
    assert!(matches!(look(home.path()), Ok(Folder::Foreign { .. })));
}
