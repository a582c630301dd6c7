//! Both ends of the line to a real engine: in this process, and behind its dashboard.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use resurge::{Class, Engine, Jitter, RetryPolicy, StepContext, StepError, Workflow};
use resurge_dashboard::view::{Row, Subscription};
use resurge_dashboard::{Dashboard, Token};
use tokio::net::TcpListener;

use super::app::{self, App};
use super::ask::{Ask, BreakerVerb, Verb};
use super::ink::Ink;
use super::remote::Door;
use super::screen::Screen;
use super::source::{Heard, Link, Wish};
use super::testing::after;
use super::{local, remote};
use crate::place::DataDir;
use crate::running::Running;

/// Fails, and waits an hour before it tries again.
fn patient() -> Workflow<u32, u32> {
    let mut flow = Workflow::builder::<u32>("patient");
    let input = flow.input();
    let fetch = flow
        .step_fn("fetch", input, |_: StepContext, _: u32| async move {
            Err::<u32, _>(StepError::new(Class::Network, "reset", "the line \u{1b}[2Jbroke"))
        })
        .retry(RetryPolicy::fixed(Duration::from_secs(3_600)).jitter(Jitter::None).max_retries(5))
        .add();
    flow.build(fetch).unwrap()
}

/// A terminal that looks at an engine.
struct Looker {
    link: Link,
    app: App,
}

impl Looker {
    fn new(link: Link) -> Self {
        let screen = Screen { width: 80, height: 24 };
        Self { link, app: App::new(app::Engine::There, Ink::Plain, screen) }
    }

    async fn hear(&mut self) -> Heard {
        let heard = self.link.heard.recv();
        let heard = tokio::time::timeout(Duration::from_secs(60), heard).await.unwrap().unwrap();
        self.app.hear(heard.clone(), after(0));
        heard
    }

    /// The row of the only operation, once it is as wanted.
    async fn row(&mut self, is_wanted: impl Fn(&Row) -> bool) -> (String, Row) {
        loop {
            let rows = self.app.view().into_iter().flat_map(|view| &view.list.rows);
            if let Some((id, row)) = rows.clone().find(|(_, row)| is_wanted(row)) {
                return (id.clone(), row.as_ref().clone());
            }
            self.hear().await;
        }
    }

    /// What becomes of something.
    async fn ask(&mut self, ask: Ask) -> Heard {
        self.link.wishes.send(Wish::Do(ask)).unwrap();
        loop {
            match self.hear().await {
                Heard::Snapshot(_) | Heard::Patch(_) => {}
                told => return told,
            }
        }
    }
}

/// What a person sees and does, whichever end the engine is at.
async fn look_and_steer(engine: &Engine, flow: &Workflow<u32, u32>, link: Link) {
    let mut looker = Looker::new(link);
    let wanted = Subscription { count: 20, ..Subscription::default() };
    looker.link.wishes.send(Wish::Show(wanted)).unwrap();
    engine.start(flow, 1).key("vae").await.unwrap();
    let (id, row) = looker.row(|row| row.wait.is_some()).await;
    assert_eq!((row.name.as_str(), row.attempt, row.attempts_max), ("vae", 2, 6));
    assert_eq!(row.error.unwrap().message, "the line  [2Jbroke");
    let ask =
        |version, verb| Ask::Operation { id: id.clone(), name: row.name.clone(), version, verb };

    let told = looker.ask(ask(row.version, Verb::Pause)).await;
    assert_eq!(told, Heard::Done("Pause vae: done".to_owned()));
    let told = looker.ask(ask(row.version, Verb::Cancel)).await;
    let Heard::Refused(why) = told else { panic!("{told:?}") };
    assert!(why.starts_with("Cancel vae: ") && why.contains("has moved"), "{why}");
    let (_, paused) = looker.row(|row| row.status == "paused").await;
    let told = looker.ask(ask(paused.version, Verb::Resume)).await;
    assert_eq!(told, Heard::Done("Resume vae: done".to_owned()));

    let can_skip = |row: &Row| row.can.iter().any(|verb| verb == "skip");
    let (_, waiting) = looker.row(|row| row.status != "paused" && can_skip(row)).await;
    let skip = |output: &str| Ask::Skip {
        id: id.clone(),
        name: "vae".to_owned(),
        version: waiting.version,
        step: "fetch".to_owned(),
        output: output.to_owned(),
    };
    let told = looker.ask(skip("7")).await;
    assert_eq!(told, Heard::Done("Skip fetch of vae: done".to_owned()));
    looker.row(|row| row.status == "success").await;

    let breaker = |verb| Ask::Breaker { key: "host:a/b".to_owned(), name: "a".to_owned(), verb };
    let told = looker.ask(breaker(BreakerVerb::Isolate)).await;
    assert_eq!(told, Heard::Done("Isolate a: done".to_owned()));
    while looker.app.view().is_none_or(|view| !view.breakers.contains_key("host:a/b")) {
        looker.hear().await;
    }

    engine.shutdown(Duration::from_secs(5)).await.unwrap();
    loop {
        if let Heard::Lost(_) = looker.hear().await {
            break;
        }
    }
}

#[tokio::test]
async fn an_engine_in_this_process_is_seen_and_steered() {
    let flow = patient();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let dashboard = Dashboard::builder(engine.clone()).build().unwrap();
    let (link, far) = Link::new();
    tokio::spawn(local::follow(engine.clone(), dashboard, far));
    look_and_steer(&engine, &flow, link).await;
}

#[tokio::test]
async fn an_engine_behind_its_dashboard_is_seen_and_steered() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::prepare(folder.path()).unwrap();
    let flow = patient();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let token = Token::load_or_create(data.token()).unwrap();
    let dashboard = Dashboard::builder(engine.clone()).token(token).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Running::here(listener.local_addr().unwrap()).write(&data).unwrap();
    tokio::spawn(async move { dashboard.serve(listener, std::future::pending()).await });
    let (link, far) = Link::new();
    tokio::spawn(remote::follow(Door { data, address: None }, far));
    look_and_steer(&engine, &flow, link).await;
}
