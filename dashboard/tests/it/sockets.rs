//! The same streams over a WebSocket.

use axum::http::StatusCode;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::house::{House, at_last};

type Socket = WebSocketStream<TcpStream>;

async fn open(house: &House) -> Socket {
    let address = format!("ws://{}/api/v1/ws", house.address);
    let mut request = address.into_client_request().unwrap();
    let bearer = format!("Bearer {}", house.token.as_str());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let stream = TcpStream::connect(house.address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

async fn say(socket: &mut Socket, wish: &Value) {
    socket.send(Message::text(wish.to_string())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// What the other side says as it closes.
async fn closed(socket: &mut Socket) -> CloseFrame {
    loop {
        if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
            return frame.unwrap();
        }
    }
}

#[tokio::test]
async fn records_come_contiguous_and_as_often_as_they_are_asked_for() {
    let house = House::new().await;
    house.run("one").await;
    let head = house.engine.head().get();
    let mut socket = open(&house).await;
    for after in [0, 2] {
        say(&mut socket, &json!({ "events": { "after": after } })).await;
        for seq in after + 1..=head {
            let frame = hear(&mut socket).await;
            assert_eq!((&frame["type"], &frame["seq"]), (&json!("record"), &json!(seq)));
            assert_eq!(frame["data"]["seq"], seq);
        }
    }
    house.run("two").await;
    assert_eq!(hear(&mut socket).await["seq"], head + 1);
}

#[tokio::test]
async fn what_cannot_be_had_is_told_and_the_socket_stays() {
    let house = House::new().await;
    let mut socket = open(&house).await;
    for (wish, code) in [
        (json!({ "nonsense": {} }), "bad_request"),
        (json!({ "view": [] }), "bad_request"),
        (json!({ "events": { "after": 1_000_000 } }), "ahead_of_journal"),
    ] {
        say(&mut socket, &wish).await;
        let frame = hear(&mut socket).await;
        assert_eq!(frame["type"], "problem");
        assert_eq!(frame["problem"]["code"], code);
    }
    say(&mut socket, &json!({ "events": { "after": 0 } })).await;
    assert_eq!(hear(&mut socket).await["type"], "record");
}

#[tokio::test]
async fn a_socket_is_closed_when_the_dashboard_stops() {
    let house = House::new().await;
    let mut socket = open(&house).await;
    say(&mut socket, &json!({ "events": { "after": 0 } })).await;
    hear(&mut socket).await;
    house.stop().await;
    assert_eq!(closed(&mut socket).await.reason, "the dashboard shuts down");
}

#[tokio::test]
async fn a_socket_is_closed_when_the_engine_stops() {
    for wish in [json!({ "view": {} }), json!({ "events": { "after": 0 } })] {
        let house = House::new().await;
        house.run("one").await;
        let mut socket = open(&house).await;
        say(&mut socket, &wish).await;
        hear(&mut socket).await;
        house.engine.shutdown(std::time::Duration::ZERO).await.unwrap();
        let frame = at_last(closed(&mut socket)).await;
        assert_eq!(frame.code, CloseCode::Away, "{wish}");
        assert!(frame.reason.starts_with("the engine has stopped"), "{}", frame.reason);
    }
}

#[tokio::test]
async fn a_foreign_page_gets_no_socket() {
    let house = House::new().await;
    let ask = house.get("/api/v1/ws").with("origin", "http://evil.example");
    let ask = ask.with("connection", "upgrade").with("upgrade", "websocket");
    assert_eq!(ask.answer().await.code(), "foreign_origin");
}

#[tokio::test]
async fn the_view_comes_over_the_same_socket() {
    let house = House::new().await;
    let run = house.start(crate::house::FLAKY, "one").await;
    let mut socket = open(&house).await;
    say(&mut socket, &json!({ "view": { "state": "recovering", "count": 5 } })).await;
    let frame = hear(&mut socket).await;
    assert_eq!(frame["type"], "snapshot");
    let mut view = frame["data"].clone();
    assert_eq!(view["list"]["order"], json!([run.to_string()]));
    house.post(&format!("/api/v1/operations/{run}/pause")).answer().await;
    while view["list"]["total"] != 0 {
        let frame = hear(&mut socket).await;
        assert_eq!(frame["type"], "patch");
        resurge_dashboard::view::merge(&mut view, frame["data"].clone());
    }
    say(&mut socket, &json!({ "view": { "state": "nonsense" } })).await;
    let frame = hear(&mut socket).await;
    assert_eq!(frame["problem"]["code"], "bad_request");
}

#[tokio::test]
async fn a_client_that_answers_nothing_is_let_go() {
    let house = House::with_limits(|limits| {
        limits.streams_max = 1;
        limits.heartbeat = std::time::Duration::from_millis(20);
    })
    .await;
    let mut socket = open(&house).await;
    // A socket that is not polled answers no ping; its place is free again after a while.
    let freed =
        async { while house.get("/api/v1/events").open().await.status() != StatusCode::OK {} };
    at_last(freed).await;
    let end = loop {
        match at_last(socket.next()).await {
            Some(Ok(Message::Ping(_))) => {}
            end => break end,
        }
    };
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
}
