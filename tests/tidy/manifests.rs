//! Rules about packages.

use super::{files, none};

/// Who may import whom: the direction of the house.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("journal/Cargo.toml", &["resurge-journal"]),
    ("steps/Cargo.toml", &["resurge-journal", "resurge-steps"]),
    // The attribute is re-exported by the engine; its tests need what it expands to.
    ("macros/Cargo.toml", &["resurge"]),
    ("engine/Cargo.toml", &["resurge-journal", "resurge-macros", "resurge-steps"]),
    ("dashboard/Cargo.toml", &["resurge"]),
    ("journal/dump/Cargo.toml", &["resurge-journal", "resurge-journal-dump", "resurge"]),
];

#[test]
fn packages_import_only_what_lies_below_them() {
    let manifests = files("Cargo.toml");
    let mut findings = Vec::new();
    for (path, allowed) in MAY_IMPORT {
        let manifest = manifests.iter().find(|source| source.path == *path);
        let text = &manifest.unwrap_or_else(|| panic!("{path} is gone")).text;
        for line in text.lines().filter(|line| line.starts_with("resurge")) {
            let name: String =
                line.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect();
            if !allowed.contains(&name.as_str()) {
                findings.push(format!("{path} imports {name}"));
            }
        }
    }
    none("imports go from journal-dump to engine to steps to journal, never back", &findings);
}

#[test]
fn every_package_shares_the_lints_and_is_licensed() {
    let mut findings = Vec::new();
    for manifest in files("Cargo.toml").into_iter().filter(|m| m.path != "Cargo.toml") {
        // One that stands apart cannot share anything.
        let rules: &[&str] = if manifest.text.contains("\n[workspace]\n") {
            &["license = \"MIT OR Apache-2.0\"", "description = \"", "publish = false"]
        } else {
            &["[lints]\nworkspace = true", "license.workspace = true", "description = \""]
        };
        for line in rules {
            if !manifest.text.contains(line) {
                findings.push(format!("{} lacks `{}`", manifest.path, line.replace('\n', " ")));
            }
        }
    }
    none("every package follows the rules of the root", &findings);
}

#[test]
fn every_exception_of_the_supply_chain_has_a_reason() {
    let rules = files("deny.toml");
    let text = &rules.first().unwrap().text;
    let exceptions =
        text.lines().filter(|line| line.contains("RUSTSEC-") || line.contains("crate ="));
    let silent: Vec<String> =
        exceptions.filter(|line| !line.contains("reason = \"")).map(str::to_owned).collect();
    none("say why", &silent);
}
