//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use resurge_dashboard::view::{Panel, Sort};
use serde_json::json;

use crate::top::app::{App, Effect, Engine, Pane};
use crate::top::ask::{Ask, BreakerVerb, Verb};
use crate::top::source::Heard;
use crate::top::testing::{
    BASE, CLIP, LORA, VAE, after, app, breaker, detail, key, merged, press, screen, view,
};

fn asked(name: &str, id: &str, verb: Verb) -> Vec<Effect> {
    let (id, name) = (id.to_owned(), name.to_owned());
    vec![Effect::Do(Ask::Operation { id, name, version: 118, verb })]
}

fn said(app: &App) -> &str {
    app.said.as_ref().map_or("", |said| said.text.as_str())
}

#[test]
fn what_ends_nothing_is_done_at_once() {
    let mut app = app(80, 24);
    press(&mut app, "jj");
    assert_eq!(press(&mut app, "n"), asked("vae", VAE, Verb::Retry));
    assert_eq!(press(&mut app, "p"), asked("vae", VAE, Verb::Pause));
    press(&mut app, "\n");
    assert_eq!(press(&mut app, "p"), asked("vae", VAE, Verb::Pause), "in the detail as well");
}

#[test]
fn what_ends_or_overrules_something_asks_first() {
    for (letter, verb) in
        [('c', Verb::Cancel), ('x', Verb::CancelRecovery), ('f', Verb::ForceRetry)]
    {
        let mut app = app(80, 24);
        press(&mut app, "jj");
        assert_eq!(press(&mut app, &letter.to_string()), []);
        let question = app.question.as_ref().map(|question| question.text.clone());
        assert!(question.is_some_and(|text| text.starts_with(&format!("{} vae?", verb.label()))));
        assert_eq!(press(&mut app, "n"), [], "anything but a yes is a no, and nothing else");
        assert_eq!(press(&mut app, "y"), []);
        assert_eq!(press(&mut app, &format!("{letter}y")), asked("vae", VAE, verb));
    }
}

#[test]
fn what_makes_no_sense_is_not_sent() {
    let mut app = app(80, 24);
    assert_eq!(press(&mut app, "n"), []);
    assert!(said(&app).starts_with("Retry now: lora-"), "{}", said(&app));
    assert!(said(&app).ends_with(" is failed"), "{}", said(&app));
    assert_eq!(press(&mut app, "fy").len(), 1, "this one can be forced");
    app.hear(Heard::Patch(json!({ "engine": { "read_only": true } })), after(0));
    assert_eq!(press(&mut app, "fy"), []);
    assert_eq!(said(&app), "this dashboard is served read-only");
    app.hear(Heard::Patch(json!({ "engine": { "read_only": false } })), after(0));
    app.hear(Heard::Lost("gone".to_owned()), after(0));
    assert_eq!(press(&mut app, "fy"), []);
    assert_eq!(said(&app), "nothing can be asked for until the engine is heard again");
}

#[test]
fn a_step_is_skipped_with_an_output_that_is_typed() {
    let skippable = json!({
        "list": { "rows": { VAE: { "can": ["skip", "cancel"] } } },
        "detail": merged(detail(), json!({ "actions": {
            "skip:verify": { "index": 9, "text": "skip verify", "step": "verify" },
            "skip:download": { "index": 8, "text": "skip download", "step": "download" },
        } })),
    });
    let mut app = app(80, 24);
    press(&mut app, "jjS");
    assert_eq!(said(&app), "Skip a step: vae is recovering");
    app.hear(Heard::Patch(json!({ "list": { "rows": { VAE: { "can": ["skip"] } } } })), after(0));
    press(&mut app, "S");
    assert_eq!(said(&app), "look at it in full first: Enter");
    app.hear(Heard::Patch(skippable), after(0));
    assert_eq!(press(&mut app, "S{q"), []);
    assert!(screen(&app, after(9_000)).ends_with("Skip download of vae; its output as JSON: {q▏"));
    assert_eq!(press(&mut app, "\n"), [], "it is no JSON yet");
    assert!(screen(&app, after(0)).contains("this is no JSON"));
    app.press(key(KeyCode::Backspace), after(0));
    let skip = Ask::Skip {
        id: VAE.to_owned(),
        name: "vae".to_owned(),
        version: 118,
        step: "download".to_owned(),
        output: "{\"n\":7}".to_owned(),
    };
    assert_eq!(press(&mut app, "\"n\":7}\n"), [Effect::Do(skip)]);
    press(&mut app, "S1\u{1b}");
    assert_eq!(press(&mut app, "q"), [Effect::Quit], "letters are keys again");
}

#[test]
fn a_patch_of_the_list_before_moves_nothing_in_the_next_one() {
    let mut app = app(80, 24);
    press(&mut app, "jj");
    let deep = json!({ "list": { "total": 10_000, "from": 5_000 } });
    app.hear(Heard::Snapshot(merged(view(), deep)), after(0));
    assert!(app.wanted().from > 4_000, "the choice stays with its operation");
    press(&mut app, "o");
    assert_eq!(app.wanted().from, 0, "another order begins at its top");
    app.hear(Heard::Patch(json!({ "seq": 1_300 })), after(0));
    assert_eq!(app.wanted().from, 0);
    let turned = json!({ "list": { "order": [BASE, VAE, CLIP, LORA] } });
    app.hear(Heard::Snapshot(merged(view(), turned)), after(0));
    assert_eq!(app.window.selected(), Some(VAE), "the choice stays if it is in sight");
    app.hear(Heard::Patch(json!({ "list": { "order": [BASE, CLIP, LORA] } })), after(0));
    assert_eq!(app.window.selected(), Some(CLIP), "and else with its place");
}

#[test]
fn the_question_is_about_what_was_chosen_whatever_comes_meanwhile() {
    let mut app = app(80, 24);
    press(&mut app, "jjc");
    let list = json!({ "list": { "total": 1, "order": [LORA], "rows": { VAE: null } } });
    app.hear(Heard::Patch(list), after(0));
    assert_eq!(press(&mut app, "y"), asked("vae", VAE, Verb::Cancel));
}

#[test]
fn statuses_are_chosen_by_digit_and_tab() {
    let mut app = app(80, 24);
    let state = |app: &App| app.wanted().filter.state.unwrap_or_default();
    press(&mut app, "3");
    assert_eq!(state(&app), "recovering");
    press(&mut app, "\t");
    assert_eq!(state(&app), "waiting");
    press(&mut app, "9\t");
    assert_eq!(state(&app), "", "after the last one come all");
    app.press(key(KeyCode::BackTab), after(0));
    assert_eq!(state(&app), "cancelled");
    press(&mut app, "0");
    assert_eq!(state(&app), "");
    press(&mut app, "1/a");
    press(&mut app, "\n\u{1b}");
    assert_eq!(app.wanted().filter, resurge_dashboard::view::Filter::default());
}

#[test]
fn letters_go_into_the_search_while_it_is_open() {
    let mut app = app(80, 24);
    assert_eq!(press(&mut app, "/qcé"), []);
    app.press(key(KeyCode::Backspace), after(0));
    assert_eq!(app.wanted().filter.q.as_deref(), Some("qc"));
    press(&mut app, "\n");
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
    press(&mut app, "/x\u{1b}");
    assert_eq!(app.wanted().filter.q, None);
}

#[test]
fn orders_and_panels_are_asked_for() {
    let mut app = app(80, 24);
    press(&mut app, "oo");
    assert_eq!(app.wanted().sort, Sort::Name);
    press(&mut app, "oooo");
    assert_eq!(app.wanted().sort, Sort::Newest);
    press(&mut app, "s");
    assert_eq!((app.pane, app.wanted().panel), (Pane::Stats, Some(Panel::Stats)));
    press(&mut app, "b");
    assert_eq!((app.pane, app.wanted().panel), (Pane::Breakers, Some(Panel::Breakers)));
    press(&mut app, "b");
    assert_eq!((app.pane, app.wanted().panel), (Pane::List, None));
}

#[test]
fn breakers_are_steered_while_they_are_shown() {
    let mut app = app(80, 24);
    let ask = |verb| {
        Effect::Do(Ask::Breaker {
            key: "host:example.org:443".to_owned(),
            name: "example.org".to_owned(),
            verb,
        })
    };
    press(&mut app, "b");
    assert_eq!(press(&mut app, "p"), [ask(BreakerVerb::Probe)]);
    assert_eq!(press(&mut app, "i"), [], "it asks first");
    assert_eq!(press(&mut app, "y"), [ask(BreakerVerb::Isolate)]);
    assert_eq!(press(&mut app, "e"), []);
    assert_eq!(said(&app), "Enforce: example.org is open: too many failures in a row");
}

#[test]
fn a_breaker_is_asked_for_by_its_very_key() {
    let mut app = app(80, 24);
    let card = json!({ "host:example.org:443": null, "account:a\u{200b}b": breaker() });
    app.hear(Heard::Patch(json!({ "breakers": card })), after(0));
    press(&mut app, "b");
    let (key, name) = ("account:a\u{200b}b".to_owned(), "example.org".to_owned());
    let ask = Ask::Breaker { key, name, verb: BreakerVerb::Probe };
    assert_eq!(press(&mut app, "p"), [Effect::Do(ask)]);
}

#[test]
fn the_operation_is_asked_for_in_full_where_it_is_shown() {
    let mut narrow = app(80, 24);
    assert_eq!(narrow.wanted().operation, None);
    press(&mut narrow, "jj\n");
    assert_eq!(narrow.wanted().operation, VAE.parse().ok());
    press(&mut narrow, "\u{1b}");
    assert_eq!(narrow.wanted().operation, None);
    assert_eq!(app(130, 24).wanted().operation, LORA.parse().ok());
}

#[test]
fn an_engine_that_would_stop_asks_before_it_is_left() {
    let mut app = app(80, 24);
    assert_eq!(press(&mut app, "q"), [Effect::Quit], "it goes on elsewhere");
    app.engine = Engine::Here;
    assert_eq!(press(&mut app, "q"), []);
    assert_eq!(press(&mut app, "n"), []);
    assert_eq!(press(&mut app, "qy"), [Effect::Quit]);
    let leave = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app.press(leave, after(0)), Some(Effect::Quit), "whoever insists is let go");
    let counts = json!({ "counts": { "in_progress": 0, "recovering": 0 } });
    app.hear(Heard::Patch(counts), after(0));
    assert_eq!(press(&mut app, "q"), [Effect::Quit]);
}

#[test]
fn what_happens_meanwhile_is_told_once() {
    let notice = |text: &str, kind: &str| {
        json!({ "operation": VAE, "name": "vae", "kind": kind, "text": text,
            "at": "2026-11-22T10:00:00.000Z" })
    };
    let mut app = app(80, 24);
    assert_eq!(said(&app), "");
    app.hear(
        Heard::Patch(json!({ "notices": { "999": notice("vae is done", "succeeded") } })),
        after(0),
    );
    assert_eq!(said(&app), "vae is done");
    let newer = notice("vae gave up", "gave_up");
    app.hear(Heard::Patch(json!({ "notices": { "1000": newer } })), after(0));
    assert_eq!(said(&app), "vae gave up");
    app.hear(Heard::Done("Pause vae: done".to_owned()), after(0));
    app.hear(Heard::Patch(json!({ "seq": 1_300 })), after(0));
    assert_eq!(said(&app), "Pause vae: done", "it is not told again");
    let mut late = App::new(Engine::There, crate::top::ink::Ink::Plain, app.screen);
    let known = json!({ "notices": { "7": notice("vae is done", "succeeded") } });
    late.hear(Heard::Snapshot(merged(view(), known)), after(0));
    assert_eq!(said(&late), "", "it was before anybody looked");
}

#[test]
fn keys_that_are_let_go_do_nothing() {
    let mut app = app(80, 24);
    let mut up = key(KeyCode::Char('q'));
    up.kind = KeyEventKind::Release;
    assert_eq!(app.press(up, after(0)), None);
    let held = KeyEvent::new(KeyCode::Char('n'), KeyModifiers::CONTROL);
    press(&mut app, "jj");
    assert_eq!(app.press(held, after(0)), None, "a control key is not its letter");
}

#[test]
fn nothing_is_scrolled_out_of_sight() {
    let mut app = app(80, 10);
    press(&mut app, "?G");
    let last = app.scroll;
    assert!(last > 0);
    press(&mut app, "j");
    assert_eq!(app.scroll, last);
    press(&mut app, "k");
    assert_eq!(app.scroll, last - 1);
}

#[test]
fn a_patch_without_a_snapshot_is_of_nothing() {
    let mut app = App::new(Engine::There, crate::top::ink::Ink::Plain, app(80, 24).screen);
    app.hear(Heard::Patch(view()), after(0));
    assert!(app.view().is_none());
}
