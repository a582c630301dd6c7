//! Too much, too slow, too many.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{House, at_last, only};

#[tokio::test]
async fn a_huge_body_is_refused_whether_or_not_it_says_so() {
    let house = House::new().await;
    let ask =
        || house.ask(Method::PATCH, "/api/v1/settings").with("content-type", "application/json");
    let announced = ask().body(vec![b' '; 64 * 1024 + 1]).answer().await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(announced.code(), "too_large");
    let pieces = (0..65).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1024])));
    let unannounced = ask().body(Body::from_stream(futures_util::stream::iter(pieces)));
    assert_eq!(unannounced.answer().await.code(), "too_large");
    let mut largest = json!({ "changes": {} }).to_string();
    largest.push_str(&" ".repeat(64 * 1024 - largest.len()));
    assert_eq!(ask().body(largest).answer().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_must_be_what_it_says() {
    let house = House::new().await;
    let ask = || house.ask(Method::PATCH, "/api/v1/settings");
    let form = ask().with("content-type", "text/plain").body("{\"changes\":{}}").answer().await;
    assert_eq!(form.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(form.code(), "not_json");
    let broken = ask().with("content-type", "application/json").body("{").answer().await;
    assert_eq!(broken.code(), "bad_request");
    for odd in [json!({}), json!({ "changes": 1 }), json!({ "changes": {}, "change": {} })] {
        assert_eq!(ask().json(&odd).answer().await.code(), "invalid", "{odd}");
    }
}

#[tokio::test]
async fn changes_are_taken_no_faster_than_allowed() {
    let house = House::with_limits(|limits| limits.controls = only(2)).await;
    let ask = || house.ask(Method::PATCH, "/api/v1/settings").json(&json!({ "changes": {} }));
    for _ in 0..2 {
        assert_eq!(ask().answer().await.status, StatusCode::OK);
    }
    let answer = ask().answer().await;
    assert_eq!(answer.code(), "too_many_requests");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 3_000);
    assert_eq!(house.get("/api/v1/settings").answer().await.status, StatusCode::OK);
}

#[tokio::test]
async fn streams_beyond_the_limit_are_put_off() {
    let house = House::with_limits(|limits| limits.streams_max = 2).await;
    let first = house.events("").await;
    let _second = house.events("").await;
    let third = house.get("/api/v1/events").answer().await;
    assert_eq!(third.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(third.code(), "too_many_streams");
    assert_eq!(third.header("retry-after"), "10");
    assert_eq!(house.get("/api/v1/stats").answer().await.status, StatusCode::OK);
    drop(first);
    at_last(a_free_place(&house)).await;
}

async fn a_free_place(house: &House) {
    while house.get("/api/v1/events").open().await.status() != StatusCode::OK {}
}

#[tokio::test]
async fn a_slow_head_ends_the_connection() {
    let house =
        House::with_limits(|limits| limits.request_timeout = Duration::from_millis(50)).await;
    for head in ["", "GET / HTTP/1.1\r\nhost: "] {
        let mut socket = TcpStream::connect(house.address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        // Returns when the other side closes.
        drop(at_last(socket.read_to_end(&mut said)).await);
        assert!(!String::from_utf8_lossy(&said).contains("200 OK"), "{said:?}");
    }
}

#[tokio::test]
async fn a_slow_body_is_not_waited_for() {
    let house =
        House::with_limits(|limits| limits.request_timeout = Duration::from_millis(50)).await;
    let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    let begun = futures_util::stream::iter([Ok(Bytes::from_static(b"{"))]).chain(never);
    let ask = house.ask(Method::PATCH, "/api/v1/settings").with("content-type", "application/json");
    let answer = at_last(ask.body(Body::from_stream(begun)).answer()).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.code(), "too_slow");
}

#[tokio::test]
async fn who_does_not_read_is_let_go() {
    let house = House::with_limits(|limits| {
        limits.streams_max = 1;
        limits.write_timeout = Duration::from_millis(50);
    })
    .await;
    let large = "x".repeat(900_000);
    for _ in 0..16 {
        house.run(&large).await;
    }
    let mut socket = TcpStream::connect(house.address).await.unwrap();
    let head = format!(
        "GET /api/v1/events?after=0 HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
        house.address,
        house.token.as_str()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.readable().await.unwrap();
    // The stream is open and nobody reads it; its place is free again once it is let go.
    at_last(a_free_place(&house)).await;
    let mut rest = Vec::new();
    drop(at_last(socket.read_to_end(&mut rest)).await);
    assert!(rest.len() < 16 * 900_000, "it did not get everything");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let house = House::with_limits(|limits| limits.connections_max = 2).await;
    let first = TcpStream::connect(house.address).await.unwrap();
    let _second = house.events("").await;
    let mut third = Box::pin(house.get("/api/v1/stats").answer());
    let mut other = Box::pin(house.run("meanwhile"));
    tokio::select! {
        biased;
        answer = &mut third => panic!("there was no place: {answer:?}"),
        _ = &mut other => {}
    }
    drop(first);
    assert_eq!(third.await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_streams_hold_nobody_up() {
    const IDLE: usize = 1_000;
    allow_files();
    let house = House::with_limits(|limits| {
        limits.streams_max = IDLE;
        limits.connections_max = 2 * IDLE + 10;
    })
    .await;
    let mut sockets = Vec::new();
    for _ in 0..IDLE {
        sockets.push(TcpStream::connect(house.address).await.unwrap());
    }
    let mut streams = Vec::new();
    for _ in 0..IDLE {
        streams.push(house.events("").await);
    }
    assert_eq!(house.get("/api/v1/stats").answer().await.status, StatusCode::OK);
    let next = house.engine.head().get() + 1;
    house.run("for all").await;
    for stream in &mut streams {
        assert_eq!(stream.event().await.id, Some(next));
    }
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let house = House::new().await;
    let ask = house.get("/api/v1/stats").with("x-padding", &"x".repeat(100 * 1024));
    let answer = ask.answer().await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(house.get("/api/v1/stats").answer().await.status, StatusCode::OK);
}

/// Lets this process have as many files open as it may at all: both ends of every connection.
fn allow_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).unwrap();
    }
}
