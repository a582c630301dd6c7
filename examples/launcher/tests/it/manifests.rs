//! Broken manifests: refused with exit code 2 before anything is created.

use crate::bench::{Bench, MIB, finish, launcher, noise};

const SHA: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_broken_manifest_starts_nothing_and_creates_nothing() {
    let bench = Bench::new("");
    bench.server.file("x", noise(1, MIB), &[]);
    let url = bench.server.url("x");
    let good = format!("name = \"x\"\nurl = \"{url}\"\ninstall_to = \"x\"");
    for text in [
        String::new(),
        "[[artifact".to_owned(),
        "[settings]\nmax_retries = 1".to_owned(),
        format!("[[artifact]]\nurl = \"{url}\"\ninstall_to = \"x\""),
        format!("[[artifact]]\nname = \"x\"\nurl = \"{url}\"\ninstall_to = \"../x\""),
        format!("[[artifact]]\nname = \"x\"\nurl = \"{url}\"\ninstall_to = \"/tmp/x\""),
        format!("[[artifact]]\nname = \"x\"\nurl = \"{url}\"\ninstall_to = \"\""),
        "[[artifact]]\nname = \"x\"\nurl = \"ftp://h/x\"\ninstall_to = \"x\"".to_owned(),
        format!("[[artifact]]\n{good}\nsha256 = \"abc\""),
        format!("[[artifact]]\n{good}\nsha256 = \"{SHA}\"\nblake3 = \"{SHA}\""),
        format!("[[artifact]]\n{good}\nsize = 0"),
        format!("[[artifact]]\n{good}\nunpack = \"rar\""),
        format!("[[artifact]]\n{good}\nsurprise = 1"),
        format!("[[artifact]]\n{good}\n[[artifact]]\n{good}"),
        format!("[[artifact]]\n{good}\n[settings]\nbackoff_factor = 0.5"),
        format!("[[artifact]]\n{good}\n[settings]\ninitial_delay = \"soon\""),
    ] {
        let path = bench.write_manifest();
        std::fs::write(&path, &text).unwrap();
        let mut child = launcher();
        child.arg("install").arg(&path).arg("--data-dir").arg(bench.data());
        let done = finish(child.spawn().unwrap());
        done.assert_code(2);
        assert!(done.stderr.starts_with("error: the manifest"), "{text}\n{}", done.stderr);
        assert_eq!(done.stdout, "");
        assert!(!bench.data().exists(), "{text}");
    }
    assert!(bench.server.requests("x").is_empty());
}

#[test]
fn every_problem_is_told_at_once() {
    let mut bench = Bench::new("max_retries = -1");
    bench.section("a", "size = 0");
    bench.section("b", "unpack = \"rar\"");
    let done = bench.install();
    done.assert_code(2);
    for word in ["`a`", "size", "`b`", "rar", "settings", "max_retries"] {
        assert!(done.stderr.contains(word), "{word} in\n{}", done.stderr);
    }
}

#[test]
fn a_missing_manifest_and_wrong_usage_are_exit_code_2() {
    let bench = Bench::new("");
    for args in [
        &["install", "/nowhere/models.toml"][..],
        &["install", "/dev/zero"],
        &["install", "/"],
        &["install"],
        &["fly"],
        &["status", "-x"],
    ] {
        bench.command(args).assert_code(2);
        assert!(!bench.data().exists());
    }
}

#[test]
fn nothing_is_installed_over_what_the_launcher_needs() {
    for (place, word) in [
        ("journal/sled", "over the journal"),
        ("dashboard.token", "over the token"),
        ("dashboard.json", "over the address"),
    ] {
        let bench = Bench::new("");
        let path = bench.write_manifest();
        let url = bench.server.url("x");
        let text = format!("[[artifact]]\nname = \"x\"\nurl = \"{url}\"\ninstall_to = \"{place}\"");
        std::fs::write(&path, text).unwrap();
        let mut child = launcher();
        child.arg("install").arg(&path).arg("--data-dir").arg(bench.data());
        let done = finish(child.arg("--root").arg(bench.data()).spawn().unwrap());
        done.assert_code(2);
        assert!(done.stderr.contains(word), "{}", done.stderr);
        assert!(!bench.data().join("journal").exists());
    }
}
