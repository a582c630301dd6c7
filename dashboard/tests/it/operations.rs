//! Operations: lists, one in full, its events.

use std::time::Duration;

use axum::http::StatusCode;
use resurge::journal::Record;
use resurge::{Breaker, Engine, ResourceKey, RunId, StepStatus, Workflow};
use resurge_dashboard::Token;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{FLAKY, HOPELESS, House};

async fn list(house: &House, query: &str) -> Value {
    let answer = house.get(&format!("/api/v1/operations{query}")).answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json()
}

fn names(list: &Value) -> Vec<String> {
    let operations = list["operations"].as_array().unwrap();
    operations.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn lists_are_filtered_and_ordered() {
    let house = House::new().await;
    let flaky = house.start(FLAKY, "lima").await;
    let hopeless = house.start(HOPELESS, "kilo").await;
    let fine = house.start("fine", "mike").await;
    house.until(fine, |view| view.ended_at.is_some()).await;
    // Within a millisecond it is luck which one is the newer.
    let mut oldest = [(flaky, "lima"), (hopeless, "kilo"), (fine, "mike")];
    oldest.sort();
    let [oldest, middle, newest] = oldest.map(|(_, name)| name);
    for (query, expected) in [
        ("", vec![newest, middle, oldest]),
        ("?sort=started", vec![oldest, middle, newest]),
        ("?sort=-name", vec!["mike", "lima", "kilo"]),
        ("?state=recovering", vec!["lima"]),
        ("?state=recovering,failed&sort=name", vec!["kilo", "lima"]),
        ("?state=waiting", vec!["lima"]),
        ("?error=not_found", vec!["kilo"]),
        ("?workflow=other", vec![]),
        ("?q=MIK", vec!["mike"]),
    ] {
        let list = list(&house, query).await;
        assert_eq!(names(&list), expected, "{query}");
        assert_eq!(list["total"], expected.len());
        assert!(list.get("next").is_none());
    }
    for query in
        ["?state=nonsense", "?sort=nonsense", "?limit=x", "?limit=0", "?limit=501", "?nonsense=1"]
    {
        let answer = house.get(&format!("/api/v1/operations{query}")).answer().await;
        assert_eq!(answer.code(), "bad_request", "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_while_the_list_moves() {
    let house = House::new().await;
    let mut all = Vec::new();
    for n in 0..7 {
        house.start(FLAKY, &format!("run {n}")).await;
        all.push(format!("run {n}"));
    }
    for sort in ["-started", "started", "name", "-name", "status", "-updated"] {
        let mut seen = Vec::new();
        let mut query = format!("?sort={sort}&state=recovering&limit=3");
        loop {
            let answer = house.get(&format!("/api/v1/operations{query}")).answer().await;
            let page = answer.json();
            seen.extend(names(&page));
            assert!(seen.len() <= all.len(), "{sort}: {seen:?}");
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?sort={sort}&state=recovering&limit=3&cursor={next}");
            assert_eq!(answer.header("link"), format!("<{query}>; rel=\"next\""));
        }
        seen.sort();
        assert_eq!(seen, all, "{sort}");
    }
    let page = list(&house, "?sort=name&limit=3").await;
    house.start(FLAKY, "a first one").await;
    let next = page["next"].as_str().unwrap();
    let rest = list(&house, &format!("?sort=name&limit=10&cursor={next}")).await;
    assert_eq!(names(&rest), ["run 3", "run 4", "run 5", "run 6"]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_query_only() {
    let house = House::new().await;
    for key in ["a", "b"] {
        house.start(FLAKY, key).await;
    }
    let page = list(&house, "?limit=1&sort=name").await;
    let next = page["next"].as_str().unwrap();
    for query in [
        format!("?sort=started&cursor={next}"),
        format!("?sort=name&state=failed&cursor={next}"),
        format!("?sort=name&cursor=x{next}"),
        "?cursor=00".to_owned(),
        "?cursor=".to_owned(),
        "?cursor=%F0%9F%A6%80".to_owned(),
    ] {
        let answer = house.get(&format!("/api/v1/operations{query}")).answer().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.code(), "bad_cursor", "{query}");
    }
}

#[tokio::test]
async fn an_operation_is_shown_in_full_and_known_again() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let path = format!("/api/v1/operations/{run}");
    let answer = house.get(&path).answer().await;
    let detail = answer.json();
    assert_eq!(detail["row"]["name"], "one");
    assert_eq!(detail["steps"]["repeat"]["needs"], serde_json::json!(["say"]));
    assert!(detail.get("events").is_none());
    let etag = answer.header("etag").to_owned();
    let again = house.get(&path).with("if-none-match", &etag).answer().await;
    assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(again.header("etag"), etag);
    house.post(&format!("{path}/pause")).answer().await;
    let moved = house.get(&path).with("if-none-match", &etag).answer().await;
    assert_eq!(moved.status, StatusCode::OK);
    assert_eq!(moved.json()["row"]["status"], "paused", "whoever asked for it sees it");
    for path in
        ["/api/v1/operations/x", "/api/v1/operations/x/events", "/api/v1/operations/x/explanation"]
    {
        assert_eq!(house.get(path).answer().await.code(), "unknown_operation");
    }
}

#[tokio::test]
async fn events_of_an_operation_come_in_words_and_in_windows() {
    let house = House::new().await;
    house.start(FLAKY, "other").await;
    let run = house.start(FLAKY, "one").await;
    for verb in ["pause", "resume", "retry"] {
        house.post(&format!("/api/v1/operations/{run}/{verb}")).answer().await;
    }
    house.until(run, |view| view.steps[0].attempts.get() == 2).await;
    let get = async |query: &str| {
        let path = format!("/api/v1/operations/{run}/events{query}");
        let page = house.get(&path).answer().await.json();
        let events = page["events"].as_array().unwrap();
        let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        (page, seqs)
    };
    let (page, all) = get("").await;
    assert!(page.get("next").is_none());
    assert!(all.is_sorted() && all.len() > 5, "{all:?}");
    for event in page["events"].as_array().unwrap() {
        assert_eq!(event["run"], run.to_string());
        assert_ne!(event["text"].as_str().unwrap(), "");
        let is_failure = event["event"] == "attempt_failed";
        assert_eq!(event["tone"], if is_failure { "bad" } else { "plain" }, "{event}");
    }
    let (page, newest) = get("?limit=2").await;
    assert_eq!(newest, all[all.len() - 2..]);
    let before = page["next"].as_u64().unwrap();
    assert_eq!(before, newest[0]);
    let (_, older) = get(&format!("?limit=2&before={before}")).await;
    assert_eq!(older, all[all.len() - 4..all.len() - 2]);
    let (page, first) = get("?limit=2&after=0").await;
    assert_eq!(first, all[..2]);
    let (_, second) = get(&format!("?limit=2&after={}", page["next"])).await;
    assert_eq!(second, all[2..4]);
}

#[tokio::test]
async fn a_window_of_long_events_ends_early_and_is_followed() {
    let house = House::new().await;
    let run = house.run(&"x".repeat(600 * 1024)).await.id();
    let path = format!("/api/v1/operations/{run}/events");
    for (begin, side) in [("?after=0", "after"), ("", "before")] {
        let (mut query, mut seen, mut pages) = (begin.to_owned(), Vec::new(), 0);
        loop {
            let answer = house.get(&format!("{path}{query}")).answer().await;
            assert!(answer.body.len() < 1024 * 1024 + 1_000, "{}", answer.body.len());
            let page = answer.json();
            let events = page["events"].as_array().unwrap();
            seen.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
            pages += 1;
            let Some(next) = page["next"].as_u64() else { break };
            query = format!("?{side}={next}");
        }
        assert!(pages > 1, "{pages}");
        seen.sort_unstable();
        seen.dedup();
        let take = |all: &mut Vec<u64>, record: &Record| all.push(record.seq.get());
        let (all, _) = house.engine.history(run, Vec::new(), take).await.unwrap();
        assert_eq!(seen, all, "{side}");
    }
}

#[tokio::test]
async fn what_changes_without_a_record_of_its_own_changes_the_tag() {
    let key = ResourceKey::host("http", "quo.te", 80).unwrap();
    let mut flow = Workflow::builder::<String>("kept");
    let text = flow.input();
    let said = flow
        .step_fn("say", text, async |_, text: String| Ok(text))
        .breaker(Breaker::keyed(key.clone()))
        .add();
    let flow = flow.build(said).unwrap();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let house = House::over(engine, flow, Token::random().unwrap(), |builder| builder).await;
    let isolate = async |lasts| {
        house.engine.isolate(&key, lasts, "anna", "test").await.unwrap();
    };
    isolate(None).await;
    let run = house.engine.start(&house.flow, "one".to_owned()).await.unwrap().id();
    house.until(run, |view| view.steps[0].status == StepStatus::Held).await;
    let look = async || house.get(&format!("/api/v1/operations/{run}")).answer().await;
    let before = look().await;
    isolate(Some(Duration::from_secs(3_600))).await;
    let after = look().await;
    let version = |answer: &Answer| answer.json()["row"]["version"].clone();
    assert_eq!(version(&before), version(&after));
    assert_ne!(before.header("etag"), after.header("etag"));
    let ask = house.post(&format!("/api/v1/operations/{run}/pause"));
    let asked = ask.with("if-match", before.header("etag")).answer().await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "what it is asked to do is for the version");
}

#[tokio::test]
async fn no_secret_leaves_with_an_operation() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let plain = house.start("http://bob:hunter2@host/y?sig=s3cret", "two").await;
    house.until(plain, |view| view.ended_at.is_some()).await;
    let mut told = 0;
    for id in [run, plain] {
        for path in ["", "/events", "/explanation"] {
            let answer = house.get(&format!("/api/v1/operations/{id}{path}")).answer().await;
            assert_eq!(answer.status, StatusCode::OK);
            let body = &answer.body;
            assert!(!body.contains("hunter2") && !body.contains("s3cret"), "{path}: {body}");
            told += usize::from(body.contains("host/x?***") || body.contains("host/y?***"));
        }
    }
    assert!(told >= 5, "{told}: something was there to be blotted out");
    let rows = house.get("/api/v1/operations").answer().await.body;
    assert!(!rows.contains("hunter2") && !rows.contains("s3cret"), "{rows}");
}

#[tokio::test]
async fn what_was_known_last_can_be_read_when_the_engine_has_stopped() {
    let house = House::new().await;
    let run = house.run("fine").await.id();
    house.get("/api/v1/operations").answer().await;
    house.engine.shutdown(Duration::ZERO).await.unwrap();
    let list = house.get("/api/v1/operations").answer().await.json();
    assert_eq!((&list["total"], &list["operations"][0]["status"]), (&json!(1), &json!("success")));
    let one = house.get(&format!("/api/v1/operations/{run}")).answer().await;
    assert_eq!((one.status, &one.json()["row"]["status"]), (StatusCode::OK, &json!("success")));
    let other = house.get(&format!("/api/v1/operations/{}", RunId::default())).answer().await;
    assert_eq!(other.code(), "unknown_operation");
}
