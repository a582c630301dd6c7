//! Settings, breakers, statistics, buttons.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{Method, StatusCode};
use resurge::ResourceKey;
use resurge_dashboard::Button;
use serde_json::{Value, json};

use crate::house::{FLAKY, House};

#[tokio::test]
async fn settings_are_changed_and_taken_back() {
    let house = House::new().await;
    let patch = |body: Value| house.ask(Method::PATCH, "/api/v1/settings").json(&body).answer();
    let answer = patch(json!({ "changes": { "max_retries": 7, "backoff_factor": 1.5 } })).await;
    assert_eq!(answer.status, StatusCode::OK);
    let shown = &answer.json()["settings"]["max_retries"];
    assert_eq!((&shown["value"], &shown["changed"]), (&json!(7), &json!(true)));
    assert_eq!(house.engine.tuning().await.unwrap().max_retries, Some(7));
    patch(json!({ "changes": { "max_retries": null } })).await;
    assert_eq!(house.engine.tuning().await.unwrap().max_retries, None);
    let settings = house.get("/api/v1/settings").answer().await.json();
    assert_eq!(settings["settings"]["max_retries"]["changed"], false);
    assert_eq!(settings["settings"]["backoff_factor"]["value"], 1.5);
}

#[tokio::test]
async fn settings_change_together_or_not_at_all() {
    let house = House::new().await;
    for bad in
        [json!({ "backoff_factor": 0.5 }), json!({ "nonsense": 1 }), json!({ "max_delay_ms": "x" })]
    {
        let mut changes = json!({ "attempts_in_flight_max": 3 });
        changes.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        let ask = house.ask(Method::PATCH, "/api/v1/settings").json(&json!({ "changes": changes }));
        let answer = ask.answer().await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.code(), "invalid");
        assert_eq!(house.engine.tuning().await.unwrap().attempts_in_flight_max, None);
    }
}

#[tokio::test]
async fn a_change_of_settings_is_told_before_it_is_made() {
    let house = House::with(|builder| builder.read_only(true)).await;
    let run = house.start(FLAKY, "one").await;
    let ask = |changes: Value| {
        let body = json!({ "changes": changes });
        house.post("/api/v1/settings/preview").json(&body).answer()
    };
    let answer = ask(json!({ "max_retries": 1, "initial_delay_ms": null })).await;
    assert_eq!(answer.status, StatusCode::OK, "a reader may ask: {answer:?}");
    let effects = answer.json()["effects"].clone();
    let effects = effects.as_array().unwrap();
    assert!(!effects.is_empty());
    for effect in effects {
        assert!(effect["text"].as_str().unwrap().starts_with("1 run"), "{effect}");
        assert_eq!(
            (&effect["operations"], &effect["count"]),
            (&json!([run.to_string()]), &json!(1))
        );
    }
    assert_eq!(house.engine.tuning().await.unwrap().max_retries, None);
    assert_eq!(ask(json!({})).await.json(), json!({ "effects": [] }));
    for bad in [json!({ "nonsense": 1 }), json!({ "max_retries": "x" })] {
        assert_eq!(ask(bad).await.code(), "invalid");
    }
}

#[tokio::test]
async fn breakers_do_what_they_are_asked_to() {
    let house = House::new().await;
    let key = ResourceKey::host("http", "models.example", 80).unwrap();
    let path = |verb: &str| format!("/api/v1/breakers/{}/{verb}", key.as_str().replace('/', "%2F"));
    let ask = house.post(&path("isolate")).json(&json!({ "reason": "moving house" }));
    let answer = ask.with("x-resurge-actor", "anna").answer().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let view = house.engine.breakers().await.unwrap().remove(0);
    assert_eq!(view.mode_set, Some(("anna".to_owned(), "moving house".to_owned(), None)));
    let shown = house.get("/api/v1/breakers").answer().await.json();
    assert_eq!(shown["breakers"][key.as_str()]["mode"], "isolated");
    let ended = house.post(&path("enforce")).answer().await;
    assert_eq!(ended.status, StatusCode::ACCEPTED, "a body may be left out");
    let probe = house.post(&path("probe")).answer().await;
    assert_eq!(probe.status, StatusCode::CONFLICT);
    assert_eq!(probe.code(), "conflict");
    assert_eq!(house.post(&path("smash")).answer().await.code(), "not_found");
}

#[tokio::test]
async fn statistics_count_what_was_run() {
    let house = House::new().await;
    house.run("a").await;
    house.run("b").await;
    let stats = house.get("/api/v1/stats").answer().await.json();
    assert_eq!((&stats["total"], &stats["succeeded"]), (&json!(2), &json!(2)));
    assert_eq!(stats["success_rate"], 1.0);
    assert!(stats.get("average_recovery_ms").is_none(), "nothing has recovered");
}

fn counting(pressed: &Arc<AtomicUsize>) -> Button {
    let pressed = Arc::clone(pressed);
    let count = move || {
        pressed.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    };
    Button::new("count", "Count", count).title("Counts").confirm("Really?")
}

#[tokio::test]
async fn buttons_do_what_the_program_says() {
    let pressed = Arc::new(AtomicUsize::new(0));
    let fails = Button::new("fail", "Fail", || async { Err(UNPLUGGED.to_owned()) });
    let house = House::with(|builder| builder.button(counting(&pressed)).button(fails)).await;
    let shown = house.get("/api/v1/buttons").answer().await.json();
    let count = json!({ "index": 0, "label": "Count", "title": "Counts", "confirm": "Really?" });
    assert_eq!(shown["buttons"]["count"], count);
    assert_eq!(shown["buttons"]["fail"], json!({ "index": 1, "label": "Fail" }));
    let answer = house.post("/api/v1/buttons/count").answer().await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(pressed.load(Ordering::SeqCst), 1);
    let answer = house.post("/api/v1/buttons/fail").answer().await;
    assert_eq!(answer.code(), "button_failed");
    let detail = "GET http://***@host/ with Bearer *** failed";
    assert_eq!(answer.json()["detail"], detail, "without secrets");
    assert_eq!(house.post("/api/v1/buttons/none").answer().await.code(), "not_found");
}

#[tokio::test]
async fn the_same_key_does_it_once() {
    let pressed = Arc::new(AtomicUsize::new(0));
    let house = House::with(|builder| builder.button(counting(&pressed))).await;
    let press =
        |key: &str| house.post("/api/v1/buttons/count").with("idempotency-key", key).answer();
    let first = press("one").await;
    let again = press("one").await;
    assert_eq!((first.status, again.status), (StatusCode::NO_CONTENT, StatusCode::NO_CONTENT));
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        ("", "true")
    );
    assert_eq!(pressed.load(Ordering::SeqCst), 1);
    press("two").await;
    assert_eq!(pressed.load(Ordering::SeqCst), 2);

    let other = house.post("/api/v1/buttons/none").with("idempotency-key", "one").answer().await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.code(), "key_reused");
    for _ in 0..2 {
        let missing = house.post("/api/v1/buttons/none").with("idempotency-key", "three");
        assert_eq!(missing.answer().await.code(), "not_found", "problems are answered again too");
    }
    for odd in ["", &"k".repeat(129)] {
        assert_eq!(press(odd).await.code(), "bad_request");
    }
}

#[tokio::test]
async fn only_the_newest_keys_are_remembered() {
    let pressed = Arc::new(AtomicUsize::new(0));
    let mut limits = resurge_dashboard::Limits::default();
    limits.answers_max = 2;
    let button = counting(&pressed);
    let house = House::with(|builder| builder.button(button).limits(limits)).await;
    for key in ["one", "two", "three", "one"] {
        house.post("/api/v1/buttons/count").with("idempotency-key", key).answer().await;
    }
    assert_eq!(pressed.load(Ordering::SeqCst), 4);
    house.post("/api/v1/buttons/count").with("idempotency-key", "one").answer().await;
    assert_eq!(pressed.load(Ordering::SeqCst), 4);
}

/// What a button says, with a password and a token that nobody is to see.
const UNPLUGGED: &str = "GET http://bob:hunter2@host/ with Bearer abc failed";
