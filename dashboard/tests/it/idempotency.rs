//! The same request twice is done once, whatever becomes of the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{Method, StatusCode};
use resurge_dashboard::Button;
use tokio::sync::Notify;

use crate::house::{FLAKY, House};

/// A button that says when it is pressed, and goes on when it is told to.
#[derive(Debug, Clone, Default)]
struct Slow {
    pressed: Arc<Notify>,
    go_on: Arc<Notify>,
    done: Arc<AtomicUsize>,
}

impl Slow {
    fn button(&self) -> Button {
        let slow = self.clone();
        Button::new("slow", "Slow", move || {
            let slow = slow.clone();
            async move {
                slow.pressed.notify_one();
                slow.go_on.notified().await;
                slow.done.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        })
    }
}

#[tokio::test]
async fn a_request_under_way_is_not_begun_again() {
    let slow = Slow::default();
    let house = House::with(|builder| builder.button(slow.button())).await;
    let press = || house.post("/api/v1/buttons/slow").with("idempotency-key", "one").answer();
    let first = tokio::spawn(press());
    slow.pressed.notified().await;
    let second = press().await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert_eq!(second.code(), "in_progress");
    assert_eq!(second.header("retry-after"), "1");
    slow.go_on.notify_one();
    assert_eq!(first.await.unwrap().status, StatusCode::NO_CONTENT);
    let third = press().await;
    assert_eq!(third.header("idempotency-replayed"), "true");
    assert_eq!(slow.done.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_was_begun_is_ended_although_the_client_is_gone() {
    let slow = Slow::default();
    let house = House::with(|builder| builder.button(slow.button())).await;
    let press = || house.post("/api/v1/buttons/slow").with("idempotency-key", "one").answer();
    let first = tokio::spawn(press());
    slow.pressed.notified().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    slow.go_on.notify_one();
    let again = loop {
        let again = press().await;
        if again.status != StatusCode::CONFLICT {
            break again;
        }
    };
    assert_eq!(again.status, StatusCode::NO_CONTENT);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(slow.done.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let house = House::new().await;
    let head = house.engine.head();
    house.engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    let press = || {
        let ask = house.post("/api/recovery/test").with("idempotency-key", "one");
        ask.answer()
    };
    for _ in 0..2 {
        let answer = press().await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{head}");
        assert_eq!(answer.header("idempotency-replayed"), "");
    }
}

#[tokio::test]
async fn a_request_that_panics_hurts_nobody_else() {
    let panics = Button::new("panic", "Panic", || async { panic!("as it was told to") });
    let house = House::with(|builder| builder.button(panics)).await;
    for _ in 0..2 {
        let ask = house.post("/api/v1/buttons/panic").with("idempotency-key", "one");
        let answer = ask.answer().await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.code(), "internal");
    }
    assert_eq!(house.get("/api/v1/stats").answer().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_cookie_is_given_each_time() {
    let house = House::new().await;
    for _ in 0..2 {
        let ask = house.post("/api/v1/session").with("idempotency-key", "one");
        let answer = ask.answer().await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert!(answer.header("set-cookie").starts_with("resurge_"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_key_under_way_is_not_forgotten_for_newer_ones() {
    let slow = Slow::default();
    let mut limits = resurge_dashboard::Limits::default();
    limits.answers_max = 2;
    let house = House::with(|builder| builder.button(slow.button()).limits(limits)).await;
    let press = || house.post("/api/v1/buttons/slow").with("idempotency-key", "one").answer();
    let first = tokio::spawn(press());
    slow.pressed.notified().await;
    for key in ["two", "three", "four"] {
        house.post("/api/v1/buttons/none").with("idempotency-key", key).answer().await;
    }
    assert_eq!(press().await.code(), "in_progress");
    slow.go_on.notify_one();
    assert_eq!(first.await.unwrap().status, StatusCode::NO_CONTENT);
    assert_eq!(slow.done.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_not_taken_with_a_used_key_either() {
    let house = House::new().await;
    let run = house.start(FLAKY, "a").await;
    let path = format!("/api/v1/operations/{run}/pause");
    let ask = |method| house.ask(method, &path).with("idempotency-key", "k");
    assert_eq!(ask(Method::POST).answer().await.status, StatusCode::ACCEPTED);
    for method in [Method::TRACE, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = ask(method.clone()).answer().await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}
