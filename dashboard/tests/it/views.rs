//! The live view over HTTP.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::client::{Event, Events};
use crate::house::{FLAKY, House};

async fn open(house: &House, query: &str) -> Events {
    house.get(&format!("/api/v1/view{query}")).events().await
}

fn merge(into: &mut Value, event: &Event) {
    match event.kind.as_str() {
        "snapshot" => *into = event.json(),
        "patch" => resurge_dashboard::view::merge(into, event.json()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_view_begins_with_a_snapshot_and_is_patched_from_then_on() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let mut events = open(&house, &format!("?operation={run}&panel=settings&count=1")).await;
    let first = events.event().await;
    assert_eq!(first.kind, "snapshot");
    let mut view = Value::Null;
    merge(&mut view, &first);
    assert_eq!(view["seq"], first.id.unwrap());
    assert_eq!(view["list"]["order"], json!([run.to_string()]));
    assert_eq!(view["detail"]["row"]["status"], "recovering");
    assert!(view["settings"]["max_retries"].is_object());

    house.post(&format!("/api/v1/operations/{run}/pause")).answer().await;
    let second = house.start(FLAKY, "two").await;
    while view["detail"]["row"]["status"] != "paused"
        || view["list"]["order"] != json!([second.to_string()])
    {
        let event = events.event().await;
        assert_eq!(event.kind, "patch");
        merge(&mut view, &event);
    }
    assert_eq!(view["list"]["total"], 2);
    house.stop().await;
    while let Some(event) = events.next().await {
        assert_eq!(event.kind, "patch");
    }
}

#[tokio::test]
async fn a_view_that_cannot_be_had_is_refused() {
    let house = House::with_limits(|limits| limits.streams_max = 1).await;
    for query in ["?state=nonsense", "?operation=x", "?panel=x", "?count=-1", "?from=x", "?x=1"] {
        let answer = house.get(&format!("/api/v1/view{query}")).answer().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.code(), "bad_request");
    }
    let _one = open(&house, "").await;
    let answer = house.get("/api/v1/view").answer().await;
    assert_eq!(answer.code(), "too_many_streams");
}
