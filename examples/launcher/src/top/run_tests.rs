//! The loop, driven by a script: keys on one side, an engine on the other.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;
use tokio::task::JoinHandle;

use super::*;
use crate::top::ask::{Ask, Verb};
use crate::top::source::{Far, Heard};
use crate::top::testing::{VAE, after, detail, key, merged, shown, view};

/// A terminal with a person in front of it and an engine behind it.
struct Theatre {
    far: Far,
    keys: mpsc::Sender<Event>,
    drive: JoinHandle<String>,
}

impl Theatre {
    fn open(width: u16, height: u16) -> Self {
        let (link, far) = Link::new();
        let (keys, events) = mpsc::channel(8);
        let drive = tokio::spawn(async move {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let app = App::new(app::Engine::There, Ink::Plain, Screen { width: 1, height: 1 });
            let started = Instant::now();
            let clock = move || after(i64::try_from(started.elapsed().as_millis()).unwrap());
            drive(app, &mut terminal, link, events, clock).await.unwrap();
            shown(terminal.backend())
        });
        Self { far, keys, drive }
    }

    async fn press(&self, letters: &str) {
        for letter in letters.chars() {
            self.keys.send(Event::Key(key(KeyCode::Char(letter)))).await.unwrap();
        }
    }

    async fn hear(&self, heard: Heard) {
        self.far.heard.send(heard).await.unwrap();
    }

    /// What is asked of the engine next. The clock is virtual: nothing waits a minute for this.
    async fn wish(&mut self) -> Wish {
        let wish = tokio::time::timeout(Duration::from_secs(60), self.far.wishes.recv()).await;
        wish.expect("something is asked of the engine within a minute").unwrap()
    }

    /// Leaves, and gives what stood on the terminal last.
    async fn close(self) -> String {
        let leave = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        self.keys.send(Event::Key(leave)).await.unwrap();
        self.drive.await.unwrap()
    }
}

fn shows(wish: Wish) -> resurge_dashboard::view::Subscription {
    match wish {
        Wish::Show(wanted) => wanted,
        Wish::Do(ask) => panic!("{ask:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn keys_become_wishes_and_views_become_frames() {
    let mut theatre = Theatre::open(130, 40);
    let first = shows(theatre.wish().await);
    assert_eq!((first.from, first.count, first.operation), (0, 108, None));
    theatre.hear(Heard::Snapshot(view())).await;
    let chosen = shows(theatre.wish().await);
    assert!(chosen.operation.is_some(), "the first one is shown in full beside the list");
    theatre.press("jj").await;
    let mut wanted = shows(theatre.wish().await);
    while wanted.operation != Some(VAE.parse().unwrap()) {
        wanted = shows(theatre.wish().await);
    }
    theatre.hear(Heard::Snapshot(merged(view(), json!({ "detail": detail() })))).await;
    theatre.press("n").await;
    let ask = Ask::Operation {
        id: VAE.to_owned(),
        name: "vae".to_owned(),
        version: 118,
        verb: Verb::Retry,
    };
    assert_eq!(theatre.wish().await, Wish::Do(ask));
    theatre.hear(Heard::Done("Retry now vae: done".to_owned())).await;
    let row = json!({ "list": { "rows": { VAE: { "wait": null, "label": "Running again" } } } });
    theatre.hear(Heard::Patch(row)).await;
    // Once this is shown all that was heard before is.
    theatre.press("/x").await;
    assert_eq!(shows(theatre.wish().await).filter.q.as_deref(), Some("x"));
    theatre.keys.send(Event::Key(key(KeyCode::Esc))).await.unwrap();
    assert_eq!(shows(theatre.wish().await).filter.q, None);
    let screen = theatre.close().await;
    assert!(screen.contains("Running ag"), "{screen}");
    assert!(screen.contains("retry now: the delay is skipped"), "{screen}");
    assert!(screen.ends_with("Retry now vae: done"), "{screen}");
}

#[tokio::test(start_paused = true)]
async fn a_held_key_asks_for_few_parts() {
    let mut theatre = Theatre::open(130, 40);
    theatre.hear(Heard::Snapshot(view())).await;
    theatre.press(&"jk".repeat(500)).await;
    theatre.press("jj").await;
    let mut asked = 1;
    while shows(theatre.wish().await).operation != Some(VAE.parse().unwrap()) {
        asked += 1;
    }
    assert!(asked < 10, "{asked} parts were asked for");
    theatre.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_is_gone_ends_it() {
    let theatre = Theatre::open(80, 24);
    drop(theatre.keys);
    theatre.drive.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_countdown_is_drawn_while_nothing_is_heard() {
    let theatre = Theatre::open(80, 24);
    theatre.hear(Heard::Snapshot(view())).await;
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    let screen = theatre.close().await;
    assert!(screen.contains("retry in 7 s"), "{screen}");
}
