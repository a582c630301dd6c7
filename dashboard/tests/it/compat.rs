//! The routes of the launcher that this engine was first made for.

use axum::http::StatusCode;
use resurge::{Engine, RunStatus, StepContext, Workflow};
use resurge_dashboard::Token;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::house::{FLAKY, HOPELESS, House};

async fn get(house: &House, path: &str) -> Value {
    let answer = house.get(path).answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    let body = answer.json();
    assert_eq!(body["success"], true);
    body
}

async fn post(house: &House, path: &str, body: &Value) -> Answer {
    house.post(path).json(body).answer().await
}

#[track_caller]
fn refused(answer: &Answer, code: &str) -> String {
    let body = answer.json();
    assert_eq!(body["success"], false);
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(answer.header("content-type"), "application/json");
    body["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn downloads_are_listed_with_the_old_names() {
    let house = House::new().await;
    let flaky = house.start(FLAKY, "flaky").await;
    house.start(HOPELESS, "hopeless").await;
    let list = get(&house, "/api/downloads").await;
    assert_eq!(list["total_count"], 2);
    let one = get(&house, &format!("/api/downloads/{flaky}")).await["download"].clone();
    assert!(list["downloads"].as_array().unwrap().contains(&one));
    for (name, value) in [
        ("id", json!(flaky.to_string())),
        ("dest_path", json!("flaky")),
        ("status", json!("downloading")),
        ("attempts", json!(2)),
        ("error", json!("GET http://host/x?*** failed")),
        ("can_pause", json!(true)),
        ("bytes_downloaded", json!(0)),
        ("eta", json!(0)),
    ] {
        assert_eq!(one[name], value, "{name}: {one}");
    }
    let history = get(&house, "/api/downloads/history").await;
    assert_eq!(history["total_count"], 1);
    assert_eq!(history["history"][0]["status"], "failed");
    assert_eq!(
        get(&house, "/api/downloads?limit=1").await["downloads"].as_array().unwrap().len(),
        1
    );
    refused(&house.get("/api/downloads/x").answer().await, "unknown_operation");
}

#[tokio::test]
async fn downloads_do_what_they_are_asked_to() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    for (verb, status) in [
        ("pause", RunStatus::Paused),
        ("resume", RunStatus::Recovering),
        ("retry", RunStatus::Recovering),
        ("cancel", RunStatus::Cancelled),
    ] {
        let answer = house.post(&format!("/api/downloads/{run}/{verb}")).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{verb}: {answer:?}");
        assert_eq!(answer.json()["success"], true);
        house.until(run, |view| view.status == status).await;
    }
    let answer = house.post(&format!("/api/downloads/{run}/pause")).answer().await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(refused(&answer, "ended").contains("has ended"));
}

#[tokio::test]
async fn a_download_is_started_by_the_program() {
    let house = House::new().await;
    let order = json!({ "url": "http://host/file", "dest_path": "models/file" });
    let answer = post(&house, "/api/downloads", &order).await;
    assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
    refused(&answer, "not_offered");

    let (engine, flow) = (house.engine.clone(), house.flow.clone());
    let takes = House::with(move |builder| {
        builder.starter(move |order| {
            let (engine, flow) = (engine.clone(), flow.clone());
            async move {
                if order.url.starts_with("ftp") {
                    return Err("only http is taken".to_owned());
                }
                let run =
                    engine.start(&flow, order.url).await.map_err(|error| error.to_string())?;
                Ok(run.id())
            }
        })
    })
    .await;
    let answer = post(&takes, "/api/downloads", &order).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let id = answer.json()["download_id"].as_str().unwrap().parse().unwrap();
    let output = house.engine.run(id).outcome().await.unwrap();
    assert_eq!(output.as_str(), "\"http://host/file\"");
    let answer = post(&takes, "/api/downloads", &json!({ "url": "ftp://host/file" })).await;
    assert!(refused(&answer, "invalid").contains("only http is taken"));
}

#[tokio::test]
async fn the_old_settings_are_real_where_they_can_be() {
    let house = House::new().await;
    let path = "/api/downloads/settings";
    let mut settings = get(&house, path).await["settings"].clone();
    assert_eq!(settings["max_concurrent_downloads"], 16);
    assert_eq!(settings["max_retries"], 5);
    let same = post(&house, path, &settings).await;
    assert_eq!(same.status, StatusCode::OK);
    let tuning = house.engine.tuning().await.unwrap();
    assert_eq!(tuning, resurge::journal::state::Tuning::default(), "nothing was changed");

    settings["max_retries"] = json!(0);
    settings["max_concurrent_downloads"] = json!(3);
    settings["bandwidth_limit"] = json!(1_000_000);
    assert_eq!(post(&house, path, &settings).await.json()["success"], true);
    let tuning = house.engine.tuning().await.unwrap();
    assert_eq!((tuning.max_retries, tuning.attempts_in_flight_max), (Some(0), Some(3)));
    assert_eq!(tuning.bandwidth_limit, Some(1_000_000));
    assert_eq!(get(&house, path).await["settings"], settings);

    for (name, value) in [
        ("chunk_size", json!(1)),
        ("timeout", json!(31)),
        ("auto_resume", json!(false)),
        ("verify_checksums", json!(false)),
        ("max_concurrent_downloads", json!(0)),
    ] {
        let answer = post(&house, path, &json!({ "max_retries": 9, name: value })).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        refused(&answer, "invalid");
        let tuning = house.engine.tuning().await.unwrap();
        assert_eq!(tuning.max_retries, Some(0), "{name}: all or nothing");
    }
}

#[tokio::test]
async fn recovery_is_told_and_steered_with_the_old_names() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    let hopeless = house.start(HOPELESS, "two").await;
    let status = get(&house, "/api/recovery/status").await;
    assert_eq!(status["recovery"]["active_operations"], 1);
    assert_eq!(status["recovery"]["enabled"], true);
    let list = get(&house, "/api/recovery/operations").await;
    assert_eq!(list["total_count"], 1);
    let one = get(&house, &format!("/api/recovery/operations/{run}")).await["operation"].clone();
    assert_eq!(list["operations"][0], one);
    assert_eq!((&one["state"], &one["function_name"]), (&json!("recovering"), &json!("echo")));
    assert!(one["next_retry_at"].is_string());

    let path = |run, verb| format!("/api/recovery/operations/{run}/{verb}");
    let again = house.post(&path(run, "retry")).answer().await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    house.until(run, |view| view.steps[0].attempts.get() == 2).await;
    refused(&house.post(&path(hopeless, "retry")).answer().await, "not_retryable");
    let forced = post(&house, &path(hopeless, "retry"), &json!({ "force": true })).await;
    assert_eq!(forced.status, StatusCode::OK);
    house.until(hopeless, |view| view.steps[0].attempts.get() == 2).await;
    let odd = post(&house, &path(run, "retry"), &json!({ "max_attempts": 9 })).await;
    refused(&odd, "invalid");
    assert_eq!(house.post(&path(run, "cancel")).answer().await.status, StatusCode::OK);
    house.until(run, |view| view.status == RunStatus::Cancelled).await;
}

#[tokio::test]
async fn performance_has_every_number() {
    let house = House::new().await;
    house.run("fine").await;
    house.start(HOPELESS, "two").await;
    let numbers = get(&house, "/api/recovery/performance").await["performance"].clone();
    for (name, value) in [
        ("total_operations", json!(2)),
        ("recovered_operations", json!(0)),
        ("failed_operations", json!(1)),
        ("average_recovery_time", json!(0.0)),
        ("retry_attempts", json!(0)),
        ("circuit_breaker_trips", json!(0)),
        ("success_rate", json!(0.5)),
        ("average_attempts_per_recovery", json!(0.0)),
    ] {
        assert_eq!(numbers[name], value, "{name}");
    }
}

#[tokio::test]
async fn the_test_of_recovery_touches_nothing() {
    let house = House::new().await;
    let head = house.engine.head();
    let answer = house.post("/api/recovery/test").answer().await.json();
    assert_eq!(answer["all_tests_passed"], true, "{answer}");
    assert_eq!(house.engine.head(), head);
    house.engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    refused(&house.post("/api/recovery/test").answer().await, "engine_stopped");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_the_old_words_too() {
    let house = House::new().await;
    let run = house.start(FLAKY, "one").await;
    for (path, body, code) in [
        ("/api/downloads", json!({ "nonsense": 1 }), "invalid"),
        ("/api/downloads/settings", json!([]), "invalid"),
        (&format!("/api/downloads/{run}/smash"), json!({}), "not_found"),
    ] {
        refused(&post(&house, path, &body).await, code);
    }
    refused(&house.get("/api/downloads?limit=x").answer().await, "bad_request");
    let ask = house.post(&format!("/api/recovery/operations/{run}/cancel"));
    refused(&ask.with("x-resurge-actor", "").answer().await, "bad_request");
    let ask = house.post("/api/downloads").with("content-type", "text/plain").body("{}");
    refused(&ask.answer().await, "not_json");
}

/// A workflow that says that it has made a file.
fn making() -> Workflow<String, String> {
    let mut flow = Workflow::builder::<String>("making");
    let text = flow.input();
    let step = |_: StepContext, text: String| async move {
        Ok(json!({ "path": format!("/models/{text}"), "bytes": 4_096 }))
    };
    let made = flow.step_fn("make", text, step).add();
    let step = |_: StepContext, made: Value| async move { Ok(made["path"].to_string()) };
    let told = flow.step_fn("tell", made, step).add();
    flow.build(told).unwrap()
}

#[tokio::test]
async fn a_download_that_is_complete_has_the_size_of_its_file() {
    let flow = making();
    let engine = Engine::in_memory().register(&flow).start().await.unwrap();
    let house = House::over(engine, flow, Token::random().unwrap(), |builder| builder).await;
    let run = house.run("a.bin").await.id();
    let one = get(&house, &format!("/api/downloads/{run}")).await["download"].clone();
    assert_eq!(one["status"], "completed");
    assert_eq!((&one["bytes_downloaded"], &one["total_bytes"]), (&json!(4_096), &json!(4_096)));
}
