//! What stands on the terminal.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

use super::draw;
use crate::top::app::{App, Line};
use crate::top::ink::Ink;
use crate::top::screen::Screen;
use crate::top::source::Heard;
use crate::top::testing::{
    BASE, after, app, breaker, detail, merged, press, screen, view, waiting_in_full, with_stats,
};

fn stands(app: &App, expected: &str) {
    assert_eq!(format!("\n{}", screen(app, after(0))), expected);
}

#[test]
fn the_list_on_a_terminal_of_80_columns() {
    stands(&app(80, 24), LIST_80);
}

#[test]
fn the_list_on_a_terminal_of_40_columns() {
    stands(&app(40, 10), LIST_40);
}

#[test]
fn list_and_detail_stand_side_by_side_where_there_is_room() {
    stands(&waiting_in_full(130, 38), WIDE);
}

#[test]
fn the_detail_on_a_terminal_of_40_columns() {
    let mut app = waiting_in_full(40, 50);
    press(&mut app, "\n");
    stands(&app, DETAIL_40);
}

#[test]
fn breakers() {
    let mut app = waiting_in_full(80, 14);
    press(&mut app, "b");
    stands(&app, BREAKERS);
}

#[test]
fn statistics() {
    let mut app = with_stats(80, 28);
    press(&mut app, "s");
    stands(&app, STATS);
}

#[test]
fn help_names_every_key() {
    let mut app = app(100, 40);
    press(&mut app, "?");
    let screen = screen(&app, after(0));
    for line in [
        "  c Cancel: stop for good; this cannot be taken back (asks first)",
        "  o           another order",
    ] {
        assert!(screen.contains(line), "{screen}");
    }
}

#[test]
fn a_countdown_goes_on_between_two_messages() {
    let app = app(80, 24);
    for (millis, text) in [
        (0, "retry in 12 s"),
        (1, "retry in 12 s"),
        (1_000, "retry in 11 s"),
        (11_999, "retry in 1 s"),
        (12_000, "retry in a moment"),
        (99_000, "retry in a moment"),
    ] {
        assert!(screen(&app, after(millis)).contains(text), "after {millis} ms");
    }
}

#[test]
fn what_is_not_live_is_said_first() {
    let mut app = app(80, 24);
    app.hear(
        Heard::Lost("nobody answers at 127.0.0.1:1\u{1b}[2J; trying again".to_owned()),
        after(0),
    );
    let lost = screen(&app, after(0));
    assert!(
        lost.starts_with("launcher  ✗ not live: nobody answers at 127.0.0.1:1 [2J; trying again"),
        "{lost}"
    );
    assert!(lost.contains("retry in 12 s"), "what was there stays: {lost}");
    app.hear(Heard::Snapshot(view()), after(0));
    assert!(!screen(&app, after(0)).contains("not live"));
}

#[test]
fn a_view_of_another_release_is_not_guessed_at() {
    let mut app = app(80, 24);
    app.hear(Heard::Snapshot(merged(view(), json!({ "v": 2 }))), after(0));
    assert!(screen(&app, after(0)).contains("not live: the server speaks version 2 of the view"));
    app.hear(Heard::Snapshot(json!({ "v": 1, "seq": "many" })), after(0));
    assert!(screen(&app, after(0)).contains("not live: the server sends what is no view"));
}

#[test]
fn the_answer_to_a_question_is_in_sight_on_any_terminal() {
    let mut app = app(40, 10);
    press(&mut app, "jjc");
    let asked = screen(&app, after(0));
    assert!(asked.ends_with("\nCancel vae? st…  y yes, any other key no"), "{asked}");
}

#[test]
fn what_was_said_is_said_for_a_while() {
    let mut app = app(80, 24);
    app.hear(Heard::Done("Pause vae: done".to_owned()), after(0));
    assert!(screen(&app, after(7_999)).ends_with("Pause vae: done"));
    assert!(!screen(&app, after(8_000)).contains("Pause vae: done"));
}

#[test]
fn what_is_not_known_of_a_long_list_is_left_open() {
    let mut app = app(80, 10);
    let list = json!({ "list": { "total": 10_000 }, "counts": { "all": 10_000 } });
    app.hear(Heard::Patch(list), after(0));
    press(&mut app, "jjjj");
    let screen = screen(&app, after(0));
    assert!(screen.contains("1-6 of 10000"), "{screen}");
    assert_eq!(screen.matches("\n  …").count(), 2, "{screen}");
}

#[test]
fn without_colours_all_is_said_in_words_and_signs() {
    for (ink, has_colours) in [(Ink::Plain, false), (Ink::Colours, true)] {
        let mut app = waiting_in_full(130, 40);
        app.ink = ink;
        let mut terminal = Terminal::new(TestBackend::new(130, 40)).unwrap();
        terminal.draw(|frame| draw(frame, &app, after(0))).unwrap();
        let cells = &terminal.backend().buffer().content;
        let is_coloured =
            cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        assert_eq!(is_coloured, has_colours);
        assert!(cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
    }
    assert_eq!(Ink::wanted(None), Ink::Colours);
    assert_eq!(Ink::wanted(Some("".as_ref())), Ink::Colours);
    assert_eq!(Ink::wanted(Some("0".as_ref())), Ink::Plain);
}

#[test]
fn no_terminal_is_too_small() {
    for width in (0..60).step_by(3) {
        for height in [0, 1, 2, 3, 4, 7, 12] {
            for keys in ["", "\n", "b", "s", "?", "/vae", "c"] {
                let mut app = waiting_in_full(80, 24);
                press(&mut app, keys);
                app.resize(Screen { width, height }, after(0));
                let screen = screen(&app, after(0));
                assert!(screen.lines().count() <= height.into(), "{width}x{height} {keys:?}");
            }
        }
    }
}

/// Where in a value numbers and texts stand.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{place}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                leaves(item, &format!("{at}/{}", name.replace('/', "~1")), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

#[test]
fn whatever_a_server_sends_is_drawn() {
    let known = with_stats(130, 20);
    let stats = known.view().map_or(Value::Null, |view| json!({ "stats": view.stats }));
    let whole = merged(merged(view(), stats), json!({ "detail": detail() }));
    let mut found = Vec::new();
    leaves(&whole, "", &mut found);
    let mut drawn = 0;
    for place in &found {
        for odd in [json!(u64::MAX), json!(u32::MAX), json!("9999-12-31T23:59:59.999Z"), json!("é")]
        {
            let mut wild = whole.clone();
            *wild.pointer_mut(place).expect("it was found there") = odd;
            let mut app = app(120, 12);
            press(&mut app, "jj");
            app.hear(Heard::Snapshot(wild), after(0));
            // What is no view is not taken in.
            if app.line != Line::Live {
                continue;
            }
            drawn += 1;
            for keys in ["GjgG", "\n", "b", "s"] {
                press(&mut app, keys);
                screen(&app, after(0));
            }
        }
    }
    assert!(drawn > found.len(), "{drawn} of {} are views", found.len());
}

#[test]
fn nothing_of_the_journal_reaches_the_terminal_untamed() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}2J\r\n\u{202e}\u{200b}";
    let row = json!({ "name": evil, "label": evil, "step": evil, "wait": { "kind": evil, "text": evil } });
    let said = json!({ "text": evil, "set_by": { "actor": evil, "reason": evil } });
    let card = json!({ evil: merged(breaker(), said) });
    let wild = merged(
        view(),
        json!({ "engine": { "name": evil }, "breakers": card, "list": { "rows": { BASE: row } } }),
    );
    for keys in ["", "b"] {
        let mut app = app(130, 40);
        app.hear(Heard::Snapshot(wild.clone()), after(0));
        app.hear(Heard::Refused(evil.to_owned()), after(0));
        press(&mut app, keys);
        let screen = screen(&app, after(0));
        let found: Vec<char> = screen
            .chars()
            .filter(|c| {
                *c != '\n'
                    && (c.is_control()
                        || ('\u{2000}'..='\u{206f}').contains(c)
                            && *c != '…'
                            && *c != '–'
                            && *c != '‖')
            })
            .collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

const LIST_80: &str = r"
launcher  1 active  1.2 MiB/s 35 s left  1 breaker open
0:all 4  2:▶in progress 1  3:↻recovering 1  4:↻waiting 1  6:✓success 1  7:✗fail…
1-4 of 4, newest first
>✗ lora-模型-with-a-n… Failed      download  1/6   Access refused
 ✓ clip                Success     install   1/6   ended 09:59:50
 ↻ vae                 Recovering  download  3/6   retry in 12 s
 ▶ base-model          In progress download  1/6   ███░░░░░  42% 1.2 MiB/s 35 s
















? help  q quit  ↵ detail  / search  p pause  r resume  n retry  f force  c canc…";

const LIST_40: &str = r"
launcher  1 active  1.2 MiB/s 35 s left…
0:all 4  2:▶in progress 1  3:↻recoverin…
1-4 of 4, newest first
>✗ lora-模型-wit… Failed
 ✓ clip           Success
 ↻ vae            retry in 12 s
 ▶ base-model     42% 1.2 MiB/s 35 s


? help  q quit  ↵ detail  / search  p p…";

const WIDE: &str = r"
launcher  1 active  1.2 MiB/s 35 s left  1 breaker open
0:all 4  2:▶in progress 1  3:↻recovering 1  4:↻waiting 1  6:✓success 1  7:✗failed 1
1-4 of 4, newest first                                           │ vae
 ✗ lora-模型-with-a… Failed      1/6   Access refused            │ ↻ Recovering, attempt 3/6  0 of 3 steps
 ✓ clip              Success     1/6   ended 09:59:50            │ install-artifact 22222222-2222-4222-8222-222222222222
>↻ vae               Recovering  3/6   retry in 12 s             │
 ▶ base-model        In progress 1/6   42% 1.2 MiB/s 35 s        │ Why
                                                                 │   step download: retry 3 of 5 comes after a delay
                                                                 │   left: 12 s
                                                                 │     exponential, retry 3: 2 s × 2^2 = 8 s
                                                                 │     jitter 10 %: 7.6 s
                                                                 │
                                                                 │ Network problem (network/reset)
                                                                 │   the connection was [31mreset
                                                                 │   what to do: nothing: it is tried again
                                                                 │
                                                                 │ What you can do
                                                                 │   n retry now: the delay is skipped
                                                                 │   - nothing: it is tried again
                                                                 │   c cancel: it ends for good
                                                                 │
                                                                 │ Steps
                                                                 │   ↻ download     waiting    3/6
                                                                 │       retry 3 of 5 comes after a delay (12 s)
                                                                 │   · verify       blocked
                                                                 │   · install      blocked
                                                                 │
                                                                 │ From 09:59:30 to now (UTC)
                                                                 │   download   |████████✗░░░░░░░░░░████████!▒▒▒▒▒▒▒▒▒▒████✗░░░░░|
                                                                 │   █ attempt (✓ done ✗ failed ! cut > under way) ░ delay ▒ held
                                                                 │   back ‖ paused
                                                                 │
                                                                 │ Files
                                                                 │   /models/vae.bin 2.0 KiB
                                                                 │     sha256:ab
                                                                 │
                                                                 │ Events, the newest first (UTC)
? help  q quit  ↵ detail  / search  p pause  r resume  n retry  f force  c cancel  b breakers  s statistics  o order";

const DETAIL_40: &str = r"
launcher  1 active  1.2 MiB/s 35 s left…
0:all 4  2:▶in progress 1  3:↻recoverin…
vae
↻ Recovering, attempt 3/6  0 of 3 steps
install-artifact
22222222-2222-4222-8222-222222222222

Why
  step download: retry 3 of 5 comes
  after a delay
  left: 12 s
    exponential, retry 3: 2 s × 2^2 = 8
    s
    jitter 10 %: 7.6 s

Network problem (network/reset)
  the connection was [31mreset
  what to do: nothing: it is tried again

What you can do
  n retry now: the delay is skipped
  - nothing: it is tried again
  c cancel: it ends for good

Steps
  ↻ download     waiting    3/6
      retry 3 of 5 comes after a delay
      (12 s)
  · verify       blocked
  · install      blocked

From 09:59:30 to now (UTC)
  download   |████✗░░░░░████!▒▒▒▒▒█✗░░░|
  █ attempt (✓ done ✗ failed ! cut >
  under way) ░ delay ▒ held back ‖
  paused

Files
  /models/vae.bin 2.0 KiB
    sha256:ab

Events, the newest first (UTC)
  09:59:57 attempt 3 failed
  09:59:48 attempt 2 was cut off
  older ones: `journal-dump show`




? help  q quit  esc back  ↑↓ scroll  p …";

const BREAKERS: &str = r"
launcher  1 active  1.2 MiB/s 35 s left  1 breaker open
0:all 4  2:▶in progress 1  3:↻recovering 1  4:↻waiting 1  6:✓success 1  7:✗fail…
Breakers: what is down is left alone, and tried again by itself
> example.org  open: too many failures in a row (30 s)
    5 of 5 failures in a row, 4 wait
    p probe  c close  i isolate  d disable







? help  esc back  ↑↓ choose  p probe  c close  i isolate  d disable  e enforce";

const STATS: &str = r"
launcher  1 active  1.2 MiB/s 35 s left  1 breaker open
0:all 4  2:▶in progress 1  3:↻recovering 1  4:↻waiting 1  6:✓success 1  7:✗fail…
Statistics
  operations            4
  succeeded             1
    after a failure     1
  failed or exhausted   1
  cancelled             0
  retries               5
  breaker trips         1
  success rate          50.0 %
  time to recover       13 s

Failed attempts by cause
  network                    5, 4 tried again
  denied                     1, 0 tried again

Hosts
  example.org: 9 answered, 5 failed, 1 trips

The last minutes (UTC)
  09:59:00 1 succeeded, 1 failed, 5 retries
  09:57:00 1 succeeded, 0 failed, 0 retries
  09:49:00 2 succeeded, 0 failed, 0 retries



esc back  ↑↓ scroll  q quit";
