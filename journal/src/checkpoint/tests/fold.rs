//! The fingerprint against the folders that it speaks of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::checkpoint::fingerprint::PATHS;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                sources(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_fingerprint_covers_the_whole_fold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for folder in ["event", "failure", "policy", "state"] {
        sources(&root.join(folder), &mut found);
    }
    for file in ["coded.rs", "failure.rs", "id.rs", "json.rs", "manifest.rs", "time.rs"] {
        found.push(root.join(file));
    }
    let name = |path: &PathBuf| {
        let path = path.strip_prefix(&root).expect("below it").to_str().expect("plain");
        path.replace(std::path::MAIN_SEPARATOR, "/")
    };
    let found: BTreeSet<String> = found.iter().map(name).collect();
    let covered: BTreeSet<String> = PATHS
        .iter()
        .filter(|path| !path.starts_with("checkpoint/"))
        .map(|path| (*path).to_owned())
        .collect();
    assert_eq!(covered, found, "list every file of the fold in checkpoint/fingerprint.rs");
}
