//! Manifests, good and broken.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::Path;
use std::time::Duration;

use resurge::steps::artifact::Unpack;

use super::*;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(text, Path::new("models.toml"))
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Err(ManifestError::Invalid { problems, .. }) => {
            problems.iter().map(ToString::to_string).collect()
        }
        other => panic!("{text}\n{other:?}"),
    }
}

/// An artifact with one line put in the place of another, or added.
fn with(key: &str, line: &str) -> String {
    let lines = [
        ("name", "name = \"tiny\"".to_owned()),
        ("url", "url = \"http://h/x\"".to_owned()),
        ("sha256", format!("sha256 = \"{HEX}\"")),
        ("install_to", "install_to = \"models/x\"".to_owned()),
    ];
    let kept = lines.iter().filter(|(of, _)| *of != key).map(|(_, line)| line.as_str());
    let lines: Vec<&str> = ["[[artifact]]"].into_iter().chain(kept).chain([line]).collect();
    lines.join("\n")
}

#[test]
fn the_smallest_manifest_has_the_defaults_of_the_user_guide() {
    let manifest = parse(&with("", "")).unwrap();
    assert_eq!(manifest.artifacts.len(), 1);
    let recovery = manifest.recovery;
    assert_eq!(recovery.max_retries, 5);
    assert_eq!(recovery.initial_delay, Duration::from_secs(2));
    assert!((recovery.backoff_factor - 2.0).abs() < f64::EPSILON);
    assert_eq!(recovery.max_delay, Duration::from_secs(300));
    assert_eq!(recovery.circuit_breaker_threshold, 5);
    assert_eq!(recovery.circuit_breaker_timeout, Duration::from_secs(300));
    assert_eq!(recovery.bandwidth_limit, 0);
}

#[test]
fn everything_that_is_written_is_read() {
    let text = with("", "mirrors = [\"https://m/x\"]\nsize = 9\nunpack = \"tar.zst\"")
        + "\n[settings]\nmax_retries = 0\ninitial_delay = \"10ms\"\nbackoff_factor = 1\n\
           max_delay = \"1m\"\ncircuit_breaker_threshold = 1\ncircuit_breaker_timeout = \"1s\"\n\
           bandwidth_limit = \"2MiB/s\"\n";
    let manifest = parse(&text).unwrap();
    let artifact = manifest.artifacts.first().unwrap().artifact(Path::new("/r"));
    assert_eq!(artifact.mirrors, ["https://m/x"]);
    assert_eq!(artifact.size, Some(9));
    assert_eq!(artifact.unpack, Unpack::TarZst);
    assert_eq!(artifact.staging, Path::new("/r/.resurge"));
    assert_eq!(manifest.recovery.max_retries, 0);
    assert_eq!(manifest.recovery.initial_delay, Duration::from_millis(10));
    assert!(manifest.recovery.circuit_breaker);
    assert_eq!(manifest.recovery.bandwidth_limit, 2 * 1024 * 1024);
    let off = "\n[settings]\ncircuit_breaker = false\ncircuit_breaker_timeout = \"0s\"\n";
    assert!(!parse(&(with("", "") + off)).unwrap().recovery.circuit_breaker);
}

#[test]
fn every_broken_value_is_named_with_its_artifact() {
    let long = "a".repeat(300);
    for (key, line, word) in [
        ("name", "", "name is missing"),
        ("name", "name = \" \"", "name: it is empty"),
        ("name", "name = 7", "name: a text"),
        ("name", "name = \"a\\nb\"", "name:"),
        ("name", &format!("name = \"{long}\""), "name:"),
        ("url", "", "url is missing"),
        ("url", "url = \"ftp://h/x\"", "`ftp` is not supported"),
        ("url", "url = \"file:///etc/passwd\"", "`file` is not supported"),
        ("url", "url = \"h/x\"", "not an address"),
        ("url", "url = \"http://\"", "not an address"),
        ("mirrors", "mirrors = \"http://h/x\"", "a list of texts"),
        ("mirrors", "mirrors = [\"ftp://h/x\"]", "`ftp` is not supported"),
        ("sha256", "sha256 = \"abc\"", "sha256:"),
        ("sha256", &format!("sha512 = \"{HEX}\""), "sha512:"),
        ("sha256", &format!("blake3 = \"{HEX}0\""), "blake3:"),
        ("", &format!("blake3 = \"{HEX}\""), "several digests"),
        ("", "size = 0", "size: a whole number"),
        ("", "size = -1", "size: a whole number"),
        ("", "size = \"9\"", "size: a whole number"),
        ("install_to", "", "install_to is missing"),
        ("install_to", "install_to = \"\"", "empty"),
        ("install_to", "install_to = \"/etc/x\"", "absolute"),
        ("install_to", "install_to = \"../x\"", "`..`"),
        ("install_to", "install_to = \"a/../../x\"", "`..`"),
        ("install_to", "install_to = \"a\\\\b\"", "backslash"),
        ("install_to", "install_to = \"c:/x\"", "colon"),
        ("install_to", "install_to = \"a//b\"", "empty component"),
        ("install_to", "install_to = \".resurge/x\"", ".resurge"),
        ("install_to", "install_to = \".RESURGE\"", ".resurge"),
        ("", "unpack = \"rar\"", "`rar` is not known"),
        ("", "unpack = true", "unpack: a text"),
        ("", &format!("mirrors = [\"http://h/{}\"]", "x".repeat(1_600)), "together"),
        ("", "colour = \"red\"", "unknown key `colour`"),
    ] {
        let found = problems(&with(key, line));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        let first = found.first().unwrap();
        assert!(first.contains(word), "{line}: {first}");
        assert!(first.starts_with("artifact "), "{first}");
    }
}

#[test]
fn broken_settings_are_named() {
    for (line, word) in [
        ("max_retries = -1", "max_retries"),
        ("max_retries = 1.5", "max_retries"),
        ("max_retries = 99999999999", "at most"),
        ("initial_delay = 2", "initial_delay: a text"),
        ("initial_delay = \"2\"", "not a duration"),
        ("initial_delay = \"-2s\"", "not a duration"),
        ("initial_delay = \"301s\"", "max_delay (300s) lies below"),
        ("max_delay = \"1s\"", "max_delay (1s) lies below"),
        ("backoff_factor = 0.5", "at least 1"),
        ("backoff_factor = nan", "at least 1"),
        ("backoff_factor = inf", "at least 1"),
        ("circuit_breaker_threshold = 0", "at least 1"),
        ("circuit_breaker_timeout = \"x\"", "not a duration"),
        ("circuit_breaker_timeout = \"0s\"", "circuit_breaker = false"),
        ("circuit_breaker = \"no\"", "true or false"),
        ("initial_delay = \"25h\"\nmax_delay = \"26h\"", "does not fit into"),
        ("bandwidth_limit = \"2MiB\"", "not a rate"),
        ("bandwidth_limit = -1", "a number of bytes a second"),
        ("retries = 3", "unknown key `retries`"),
    ] {
        let found = problems(&format!("{}\n[settings]\n{line}", with("", "")));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        let first = found.first().unwrap();
        assert!(first.starts_with("settings: ") && first.contains(word), "{line}: {first}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = "colour = 1\n[settings]\nmax_retries = \"x\"\n[[artifact]]\nurl = \"x\"\n";
    let found = problems(text).join("\n");
    for word in ["`colour`", "max_retries", "no. 1: name is missing", "url:", "install_to"] {
        assert!(found.contains(word), "{word} in\n{found}");
    }
}

#[test]
fn two_artifacts_do_not_share_a_name_or_a_place() {
    let two = |name: &str, place: &str| {
        let second = format!("name = \"{name}\"\nurl = \"http://h/y\"\ninstall_to = \"{place}\"");
        format!("{}\n[[artifact]]\n{second}", with("", ""))
    };
    assert!(parse(&two("other", "models/y")).is_ok());
    assert!(parse(&two("other", "models/xy")).is_ok());
    for (name, place, word) in [
        ("tiny", "models/y", "same name"),
        ("other", "models/x", "overlaps"),
        ("other", "Models/X", "overlaps"),
        ("other", "models/x/y", "overlaps"),
        ("other", "models", "overlaps"),
    ] {
        let found = problems(&two(name, place));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.first().unwrap().contains(word), "{found:?}");
    }
}

#[test]
fn a_manifest_lists_something() {
    for text in ["", "artifact = []", "[settings]\nmax_retries = 1"] {
        assert!(problems(text).join("").contains("lists nothing"), "{text}");
    }
    for text in ["artifact = 1", "artifact = [1]", "[artifact]\nname = \"x\""] {
        assert_eq!(problems(text).len(), 1, "{text}");
    }
    assert!(matches!(parse("[[artifact"), Err(ManifestError::Syntax { .. })));
    assert!(matches!(
        Manifest::load(Path::new("/nowhere/models.toml")),
        Err(ManifestError::Read { .. })
    ));
}
