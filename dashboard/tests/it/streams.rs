//! Server-sent events.

use std::time::Duration;

use axum::http::StatusCode;

use resurge::{Engine, Settings};
use resurge_dashboard::Token;

use crate::house::{House, echo};

#[tokio::test]
async fn records_come_contiguous_from_where_the_client_is() {
    let house = House::new().await;
    house.run("first").await;
    let head = house.engine.head().get();
    let mut all = house.events("?after=0").await;
    for seq in 1..=head {
        let event = all.event().await;
        assert_eq!((event.id, event.kind.as_str()), (Some(seq), "record"));
        assert_eq!(event.json()["seq"], seq);
    }
    let mut rest = house.get("/api/v1/events?after=0").with("last-event-id", "2").events().await;
    assert_eq!(rest.event().await.id, Some(3), "the header beats the query");
    let mut new = house.events("").await;
    house.run("second").await;
    for seq in head + 1..=house.engine.head().get() {
        assert_eq!(all.event().await.id, Some(seq));
        assert_eq!(new.event().await.id, Some(seq), "without a position only what is new");
    }
}

#[tokio::test]
async fn a_position_that_is_none_is_refused() {
    let house = House::new().await;
    let answer = house.get("/api/v1/events?after=1000000").answer().await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.code(), "ahead_of_journal");
    assert_eq!(answer.json()["seq"], house.engine.head().get());
    for query in ["?after=x", "?after=-1", "?before=1"] {
        let answer = house.get(&format!("/api/v1/events{query}")).answer().await;
        assert_eq!(answer.code(), "bad_request", "{query}");
    }
    let answer = house.get("/api/v1/events").with("last-event-id", "x").answer().await;
    assert_eq!(answer.code(), "bad_request");
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_is_there() {
    let house = House::with_limits(|limits| limits.heartbeat = Duration::from_millis(10)).await;
    let mut events = house.events("").await;
    for _ in 0..3 {
        assert!(events.block().await.unwrap().starts_with(':'), "a comment");
    }
}

#[tokio::test]
async fn streams_end_at_once_when_the_dashboard_or_the_engine_stops() {
    let house = House::new().await;
    let mut events = house.events("").await;
    let engine = house.engine.clone();
    house.stop().await;
    let event = events.event().await;
    assert_eq!(event.kind, "end");
    assert_eq!(event.json()["reason"], "the dashboard shuts down");
    assert_eq!(events.next().await, None);
    assert!(engine.now().await.is_ok(), "the engine goes on");

    let house = House::new().await;
    let mut events = house.events("").await;
    house.engine.shutdown(Duration::ZERO).await.unwrap();
    let last = loop {
        let event = events.event().await;
        if event.kind != "record" {
            break event;
        }
    };
    assert_eq!(last.json()["reason"], "the engine has stopped");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn no_secret_leaves_with_a_record() {
    let house = House::new().await;
    house.run("http://bob:hunter2@host/x?sig=s3cret").await;
    let mut events = house.events("?after=0").await;
    let (mut shown, head) = (0, house.engine.head().get());
    for _ in 1..=head {
        let event = events.event().await;
        assert!(!event.data.contains("hunter2") && !event.data.contains("s3cret"), "{event:?}");
        shown += usize::from(event.data.contains("http://***@host/x?***"));
    }
    assert_eq!(shown, 3, "the input and two outputs");
}

#[tokio::test]
async fn what_retention_dropped_is_told_as_a_gap() {
    let mut settings = Settings::default();
    (settings.checkpoint_records, settings.retention_runs) = (10, Some(1));
    settings.rest_after = Duration::ZERO;
    let flow = echo();
    let engine = Engine::in_memory().settings(settings).register(&flow).start().await.unwrap();
    let house = House::over(engine, flow, Token::random().unwrap(), |builder| builder).await;
    loop {
        house.run("until the first ones are dropped").await;
        // Also while they are being dropped nothing is missed without a word.
        if house.events("?after=0").await.event().await.kind == "gap" {
            break;
        }
    }
    let head = house.engine.head().get();
    let mut events = house.events("?after=0").await;
    let mut expected = 1;
    let mut gaps = 0;
    while expected <= head {
        let event = events.event().await;
        let from = if event.kind == "gap" { &event.json()["from"] } else { &event.json()["seq"] };
        assert_eq!(*from, expected, "contiguous or told: {event:?}");
        gaps += usize::from(event.kind == "gap");
        expected = event.id.unwrap() + 1;
        assert!(event.kind == "record" || event.json()["to"] == event.id.unwrap());
    }
    assert!(gaps > 0);
}
