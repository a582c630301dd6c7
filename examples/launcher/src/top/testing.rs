//! A view to look at in tests.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use resurge::Timestamp;
use resurge_dashboard::view::{Detail, View};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::app::{App, Effect, Engine};
use super::draw::draw;
use super::ink::Ink;
use super::screen::Screen;
use super::source::Heard;

pub(crate) const BASE: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const VAE: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const CLIP: &str = "33333333-3333-4333-8333-333333333333";
pub(crate) const LORA: &str = "44444444-4444-4444-8444-444444444444";
/// Our own clock, some hours off that of the engine.
pub(crate) const HERE: &str = "2026-11-22T07:00:00.000Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So many milliseconds after [`HERE`].
pub(crate) fn after(millis: i64) -> Timestamp {
    Timestamp::from_millis(at(HERE).as_millis() + millis)
}

fn row(name: &str, status: &str, label: &str, more: &Value) -> Value {
    let row = json!({
        "name": name, "workflow": "install-artifact", "status": status, "label": label,
        "version": 118, "step": "download", "steps_done": 0, "steps_total": 3, "attempt": 1,
        "attempts_max": 6, "started_at": "2026-11-22T09:59:30.000Z", "can": ["pause", "cancel"],
    });
    merged(row, more.clone())
}

fn error() -> Value {
    json!({
        "class": "network", "group": "network", "kind": "reset", "title": "Network problem",
        "message": "the connection was \u{1b}[31mreset\u{202e}", "hint": "nothing: it is tried again",
        "host": "example.org:443",
    })
}

/// Four operations: one under way, one that waits, one done, one failed.
pub(crate) fn view() -> Value {
    let base = row(
        "base-model",
        "in_progress",
        "In progress",
        &json!({
            "percent": 42.7, "progress": { "done": 44_040_192, "total": 104_857_600 },
            "rate": 1_258_291, "eta_ms": 34_500,
        }),
    );
    let vae = waiting();
    let clip = row(
        "clip",
        "success",
        "Success",
        &json!({
            "step": "install", "steps_done": 3, "ended_at": "2026-11-22T09:59:50.000Z", "can": [],
        }),
    );
    let lora = row(
        "lora-模型-with-a-name-that-is-long",
        "failed",
        "Failed",
        &json!({
            "error": { "class": "denied", "group": "permission", "kind": "403",
                "title": "Access refused", "message": "the server refuses" },
            "ended_at": "2026-11-22T09:59:40.000Z", "can": ["force-retry"],
        }),
    );
    checked::<View>(json!({
        "v": 1, "seq": 1234, "now": "2026-11-22T10:00:00.000Z",
        "engine": { "name": "launcher", "version": "0.1.0", "read_only": false, "state": "running",
            "started_at": "2026-11-22T09:59:00.000Z" },
        "counts": { "all": 4, "pending": 0, "in_progress": 1, "recovering": 1, "waiting": 1,
            "paused": 0, "success": 1, "failed": 1, "exhausted": 0, "cancelled": 0 },
        "totals": { "active": 1, "done": 44_040_192, "total": 104_857_600, "rate": 1_258_291,
            "eta_ms": 34_500 },
        "breakers": { "host:example.org:443": breaker() },
        "stats": { "total": 4, "succeeded": 1, "recovered": 1, "failed": 1, "cancelled": 0,
            "retry_attempts": 5, "breaker_trips": 1, "average_recovery_ms": 12_300,
            "success_rate": 0.5 },
        "list": { "total": 4, "from": 0, "order": [LORA, CLIP, VAE, BASE],
            "rows": { BASE: base, VAE: vae, CLIP: clip, LORA: lora } },
        "notices": {}, "buttons": {},
    }))
}

/// A fixture that is read as what it stands for: one that fell behind the model says so itself.
fn checked<T: DeserializeOwned>(value: Value) -> Value {
    T::deserialize(&value).map(drop).unwrap();
    value
}

fn waiting() -> Value {
    row(
        "vae",
        "recovering",
        "Recovering",
        &json!({
            "attempt": 3, "can": ["pause", "retry", "force-retry", "cancel-recovery", "cancel"],
            "wait": { "kind": "backoff", "text": "retry 3 of 5 comes after a delay",
                "due_at": "2026-11-22T10:00:12.000Z" },
            "error": error(),
        }),
    )
}

pub(crate) fn breaker() -> Value {
    json!({
        "index": 0, "name": "example.org", "state": "open", "mode": "enforced", "text": "open: too many failures in a row",
        "until": "2026-11-22T10:00:30.000Z", "failures_in_row": 5, "threshold": 5, "trips": 1,
        "held": 4, "can": ["probe", "close", "isolate", "disable"],
    })
}

/// An attempt or a wait from second to second after 09:59; it goes on if it ends at 0.
fn segment(kind: &str, from: u32, to: u32, outcome: &str) -> Value {
    let time = |second: u32| {
        Timestamp::from_millis(at("2026-11-22T09:59:00Z").as_millis() + i64::from(second) * 1_000)
    };
    let mut segment = json!({ "kind": kind, "from": time(from).to_string(), "text": "" });
    if to > 0 {
        segment = merged(segment, json!({ "to": time(to).to_string() }));
    }
    if !outcome.is_empty() {
        segment = merged(segment, json!({ "outcome": outcome, "attempt": 1 }));
    }
    segment
}

/// The one that waits, in full.
pub(crate) fn detail() -> Value {
    let step = |index: u32, status: &str| {
        json!({ "index": index, "kind": "download", "status": status, "attempt": 0,
            "attempts_max": 6, "attempts": 0, "since": "2026-11-22T09:59:30.000Z" })
    };
    let download = merged(
        step(0, "waiting"),
        json!({
            "attempt": 3, "attempts": 3, "due_at": "2026-11-22T10:00:12.000Z",
            "text": "retry 3 of 5 comes after a delay", "error": error(),
        }),
    );
    checked::<Detail>(json!({
        "id": VAE, "row": waiting(),
        "why": { "text": "step download: retry 3 of 5 comes after a delay",
            "arithmetic": ["exponential, retry 3: 2 s × 2^2 = 8 s", "jitter 10 %: 7.6 s"] },
        "actions": {
            "retry": { "index": 0, "text": "retry now: the delay is skipped" },
            "cancel": { "index": 2, "text": "cancel: it ends for good" },
            "heed:download": { "index": 1, "text": "nothing: it is tried again", "step": "download" },
        },
        "steps": { "download": download, "verify": step(1, "blocked"), "install": step(2, "blocked") },
        "timeline": { "from": "2026-11-22T09:59:30.000Z", "lanes": { "download": { "index": 0, "segments": [
            segment("attempt", 30, 36, "failed"), segment("delay", 36, 42, ""),
            segment("attempt", 42, 48, "interrupted"), segment("hold", 48, 54, ""),
            segment("attempt", 54, 57, "failed"), segment("delay", 57, 0, ""),
        ] } } },
        "events": {
            "998": { "at": "2026-11-22T09:59:48.000Z", "event": "attempt_interrupted", "text": "attempt 2 was cut off" },
            "1002": { "at": "2026-11-22T09:59:57.000Z", "event": "attempt_failed", "text": "attempt 3 failed" },
        },
        "more_events": true,
        "artifacts": { "0": { "step": "install", "name": "vae.bin", "path": "/models/vae.bin",
            "bytes": 2_048, "digest": "sha256:ab" } },
    }))
}

pub(crate) fn app(width: u16, height: u16) -> App {
    let mut app = App::new(Engine::There, Ink::Colours, Screen { width, height });
    app.hear(Heard::Snapshot(view()), at(HERE));
    app
}

pub(crate) fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// Presses the keys of these letters; gives what they had done.
pub(crate) fn press(app: &mut App, letters: &str) -> Vec<Effect> {
    let keys = letters.chars().map(|letter| match letter {
        '\n' => key(KeyCode::Enter),
        '\t' => key(KeyCode::Tab),
        '\u{1b}' => key(KeyCode::Esc),
        letter => key(KeyCode::Char(letter)),
    });
    keys.filter_map(|key| app.press(key, at(HERE))).collect()
}

/// What stands on the terminal, without blanks at the ends of lines.
pub(crate) fn screen(app: &App, here: Timestamp) -> String {
    let Screen { width, height } = app.screen;
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, app, here)).unwrap();
    shown(terminal.backend())
}

/// What stands on a terminal.
pub(crate) fn shown(backend: &TestBackend) -> String {
    let buffer = backend.buffer();
    let lines = (0..buffer.area.height).map(|y| {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer.cell((x, y)).unwrap().symbol();
            line.push_str(symbol);
            x += u16::try_from(super::text::width(symbol)).unwrap().max(1);
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// The one that waits is chosen, and shown in full.
pub(crate) fn waiting_in_full(width: u16, height: u16) -> App {
    let mut app = app(width, height);
    press(&mut app, "jj");
    let view = merged(view(), json!({ "detail": detail() }));
    app.hear(Heard::Snapshot(view), at(HERE));
    app
}

/// All figures are there.
pub(crate) fn with_stats(width: u16, height: u16) -> App {
    let mut app = app(width, height);
    let stats = json!({
        "causes": { "network": { "index": 0, "failures": 5, "retried": 4 },
            "denied": { "index": 1, "failures": 1, "retried": 0 } },
        "hosts": { "host:example.org:443": { "index": 0, "name": "example.org", "alive": 9,
            "failing": 5, "trips": 1 } },
        "recent": {
            "0": { "from": "2026-11-22T09:59:00.000Z", "succeeded": 1, "failed": 1, "retries": 5 },
            "1": { "from": "2026-11-22T09:58:00.000Z", "succeeded": 0, "failed": 0, "retries": 0 },
            "10": { "from": "2026-11-22T09:49:00.000Z", "succeeded": 2, "failed": 0, "retries": 0 },
            "2": { "from": "2026-11-22T09:57:00.000Z", "succeeded": 1, "failed": 0, "retries": 0 },
        },
    });
    app.hear(Heard::Patch(json!({ "stats": stats })), at(HERE));
    app
}

/// A value with a patch carried out.
pub(crate) fn merged(mut value: Value, patch: Value) -> Value {
    resurge_dashboard::view::merge(&mut value, patch);
    value
}
