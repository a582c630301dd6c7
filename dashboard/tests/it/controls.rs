//! What operations can be asked to do.

use axum::http::StatusCode;
use resurge::RunStatus;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{FLAKY, HOPELESS, House};

async fn post(house: &House, path: &str, body: &Value) -> Answer {
    house.post(&format!("/api/v1/operations/{path}")).json(body).answer().await
}

#[tokio::test]
async fn every_control_has_its_effect() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let steps = [
        ("pause", RunStatus::Paused),
        ("resume", RunStatus::Recovering),
        ("retry", RunStatus::Recovering),
        ("cancel-recovery", RunStatus::Failed),
        ("force-retry", RunStatus::Recovering),
        ("cancel", RunStatus::Cancelled),
    ];
    let mut seq = 0;
    for (verb, status) in steps {
        let answer = house.post(&format!("/api/v1/operations/{run}/{verb}")).answer().await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{verb}: {answer:?}");
        let done = answer.json();
        assert_eq!(done["operation"], run.to_string());
        assert!(done["seq"].as_u64().unwrap() > seq, "{verb}: {done}");
        seq = done["seq"].as_u64().unwrap();
        house.until(run, |view| view.status == status).await;
    }
}

#[tokio::test]
async fn the_journal_says_who_asked_and_why() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let ask = house.post(&format!("/api/v1/operations/{run}/pause"));
    let ask = ask.with("x-resurge-actor", "anna").json(&json!({ "reason": "night" }));
    assert_eq!(ask.answer().await.status, StatusCode::ACCEPTED);
    let view = house.engine.run(run).view().await.unwrap();
    assert_eq!(view.paused.as_deref(), Some("paused by anna: night"));
    post(&house, &format!("{run}/resume"), &json!({})).await;
    post(&house, &format!("{run}/pause"), &json!({ "reason": " " })).await;
    let view = house.engine.run(run).view().await.unwrap();
    assert_eq!(view.paused.as_deref(), Some("paused by dashboard: asked on the dashboard"));
    let ask = house.post(&format!("/api/v1/operations/{run}/resume"));
    let long = ask.with("x-resurge-actor", &"a".repeat(65)).answer().await;
    assert_eq!(long.code(), "bad_request");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let house = House::new().await;
    let run = house.start(HOPELESS, "one").await;
    for (path, body, status, code) in [
        (format!("{run}/retry"), json!({}), 409, "not_retryable"),
        (format!("{run}/pause"), json!({}), 409, "ended"),
        (format!("{run}/steps/none/skip"), json!({ "output": 1 }), 404, "unknown_step"),
        (format!("{run}/steps/say/skip"), json!({ "output": 1 }), 422, "invalid"),
        (format!("{run}/steps/say/skip"), json!({}), 422, "invalid"),
        (format!("{run}/steps/repeat/skip"), json!({ "output": "x" }), 409, "step_blocked"),
        (format!("{run}/pause"), json!({ "freeze": true }), 422, "invalid"),
        (format!("{run}/smash"), json!({}), 404, "not_found"),
        ("nobody/pause".to_owned(), json!({}), 404, "unknown_operation"),
        (format!("{}/pause", uuid()), json!({}), 404, "unknown_operation"),
    ] {
        let answer = post(&house, &path, &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{path}");
        let is_about_run = answer.json()["operation_id"] == run.to_string();
        assert_eq!(
            is_about_run,
            status == 409
                || code == "unknown_step"
                || path.contains("say/skip") && body.get("output").is_some(),
            "{answer:?}"
        );
        assert_ne!(answer.json()["remedy"], Value::Null, "{answer:?}");
    }
}

fn uuid() -> &'static str {
    "01940000-0000-7000-8000-000000000000"
}

#[tokio::test]
async fn a_skipped_step_gives_what_it_is_told_to() {
    let house = House::new().await;
    let run = house.start(HOPELESS, "one").await;
    let answer = post(&house, &format!("{run}/steps/say/skip"), &json!({ "output": "said" })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(house.engine.run(run).outcome().await.unwrap().as_str(), "\"said\"");
}

#[tokio::test]
async fn a_control_is_for_what_somebody_saw() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let path = format!("/api/v1/operations/{run}");
    let seen = house.get(&path).answer().await;
    let (etag, version) = (seen.header("etag").to_owned(), seen.json()["row"]["version"].clone());
    assert!(etag.starts_with(&format!("W/\"{version}-")), "{etag}");
    assert_eq!(
        post(&house, &format!("{run}/pause"), &json!({})).await.status,
        StatusCode::ACCEPTED
    );

    let ask = |tag: &str| house.post(&format!("{path}/resume")).with("if-match", tag).answer();
    let moved = ask(&etag).await;
    assert_eq!(moved.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(moved.code(), "moved");
    let view = house.engine.run(run).view().await.unwrap();
    assert_eq!(moved.json()["seq"], view.version.get());
    assert_eq!(view.status, RunStatus::Paused, "nothing was done");
    for odd in ["x", "W/\"x\"", "\"1\", \"2\"", ""] {
        assert_eq!(ask(odd).await.code(), "bad_request", "{odd}");
    }
    let now = format!("\"{}\"", view.version);
    assert_eq!(ask(&now).await.status, StatusCode::ACCEPTED, "strong or weak is the same");
    assert_eq!(ask("*").await.status, StatusCode::ACCEPTED, "asking twice is as good as once");
}
