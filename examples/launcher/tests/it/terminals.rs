//! `top` on a terminal, which is as it was before however it ends.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use crate::bench::{Bench, noise};

/// How long it may take until the terminal is given back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says how the terminal is set, before `top` and after it.
const LOOKS: &str =
    r#"stty -g; sh -c 'echo "pid $$ ."; exec "$LAUNCHER" top --data-dir "$DATA"'; echo; stty -g"#;

/// `top` on a terminal of its own.
fn top(bench: &Bench) -> Child {
    let mut script = Command::new("script");
    script.args(["-qec", LOOKS, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
    script.env("LAUNCHER", env!("CARGO_BIN_EXE_launcher")).env("DATA", bench.data());
    script.env_remove("RUST_LOG");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    script.spawn().unwrap()
}

/// Ends a terminal that nobody gives back.
fn watch_over(terminal: &Child) -> Sender<()> {
    let (over, is_over) = mpsc::channel();
    let id = terminal.id().to_string();
    std::thread::spawn(move || {
        if is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    over
}

/// How the terminal was set before and after, when a signal has ended `top`.
fn settings_around(bench: &Bench, signal: &str) -> (String, String) {
    let mut terminal = top(bench);
    let _over = watch_over(&terminal);
    let mut stdout = terminal.stdout.take().unwrap();
    let mut shown = Vec::new();
    let mut piece = [0; 4_096];
    let mut is_sent = false;
    loop {
        let count = stdout.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        shown.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&shown);
        // It is in the other screen from here on.
        if !is_sent && text.contains("\u{1b}[?1049h") {
            let pid = text.split_once("pid ").unwrap().1.split_once(" .").unwrap().0.to_owned();
            let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status();
            assert!(sent.unwrap().success());
            is_sent = true;
        }
    }
    terminal.wait().unwrap();
    let text = String::from_utf8(shown).unwrap();
    assert!(is_sent, "{text:?}");
    let mut lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    (lines.next().unwrap().to_owned(), lines.next_back().unwrap().to_owned())
}

#[test]
fn whatever_ends_it_the_terminal_is_as_it_was() {
    let mut bench = Bench::new("");
    bench.artifact("model", noise(1, 1_000), &[]);
    bench.install().assert_code(0);
    for signal in ["INT", "TERM", "HUP", "QUIT"] {
        let (before, after) = settings_around(&bench, signal);
        assert!(before.contains(':'), "{before}");
        assert_eq!(after, before, "after {signal}");
    }
}
