//! The token and its file.

use resurge_dashboard::{Token, TokenError};

#[test]
fn a_token_is_made_once_and_then_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let made = Token::load_or_create(&path).unwrap();
    assert_eq!(made.as_str().len(), 64);
    assert_ne!(made.as_str(), Token::random().unwrap().as_str());
    assert_eq!(Token::load_or_create(&path).unwrap().as_str(), made.as_str());
    assert!(!format!("{made:?}").contains(made.as_str()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = path.metadata().unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    Token::load_or_create(&path).unwrap();
    for text in ["", "short", &"g".repeat(64), &"a".repeat(65)] {
        std::fs::write(&path, text).unwrap();
        let refused = Token::load_or_create(&path);
        assert!(matches!(refused, Err(TokenError::Malformed { .. })), "{text}: {refused:?}");
    }
    std::fs::write(&path, format!("{}\n", "aB".repeat(32))).unwrap();
    Token::load_or_create(&path).unwrap();
    let nowhere = folder.path().join("nowhere").join("token");
    assert!(matches!(Token::load_or_create(nowhere), Err(TokenError::Io { .. })));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    Token::load_or_create(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o644] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = Token::load_or_create(&path);
        assert!(matches!(refused, Err(TokenError::Exposed { .. })), "{mode:o}: {refused:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_or_a_folder_is_no_token_file() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("token"), folder.path().join("link"));
    Token::load_or_create(&file).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let refused = Token::load_or_create(&link);
    assert!(matches!(refused, Err(TokenError::NotAFile { .. })), "{refused:?}");
    let dangling = folder.path().join("dangling");
    std::os::unix::fs::symlink(folder.path().join("nothing"), &dangling).unwrap();
    let refused = Token::load_or_create(&dangling);
    assert!(matches!(refused, Err(TokenError::NotAFile { .. })), "{refused:?}");
    let refused = Token::load_or_create(folder.path());
    assert!(matches!(refused, Err(TokenError::NotAFile { .. })), "{refused:?}");
}
