//! Numbers for Prometheus.

use std::time::Duration;

use axum::http::StatusCode;
use resurge::ResourceKey;

use crate::house::{FLAKY, HOPELESS, House};

const DOCUMENTED: &str = include_str!("../../../docs/dashboard.md");

/// The value of a sample; panics if it is not there once.
fn sample(text: &str, name: &str) -> f64 {
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let values: Vec<&str> = lines.collect();
    assert_eq!(values.len(), 1, "{name} in\n{text}");
    values[0].parse().unwrap()
}

#[tokio::test]
async fn what_happened_is_counted() {
    let house = House::new().await;
    // What is counted here begins with the first look.
    house.get("/metrics").answer().await;
    house.run("fine").await;
    house.start(FLAKY, "a").await;
    house.start(HOPELESS, "b").await;
    let key = ResourceKey::host("http", "quo.te", 80).unwrap();
    house.engine.isolate(&key, None, "anna", "test").await.unwrap();
    let answer = house.get("/metrics").answer().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for (name, value) in [
        ("resurge_up", 1.0),
        ("resurge_attempts_in_flight", 0.0),
        ("resurge_operations_started_total", 3.0),
        ("resurge_operations{workflow=\"echo\",status=\"recovering\"}", 1.0),
        ("resurge_operations{workflow=\"echo\",status=\"success\"}", 1.0),
        ("resurge_operations{workflow=\"echo\",status=\"paused\"}", 0.0),
        ("resurge_operations{workflow=\"echo\",status=\"exhausted\"}", 0.0),
        ("resurge_operations_total{outcome=\"succeeded\"}", 1.0),
        ("resurge_operations_failed", 1.0),
        ("resurge_waiting{reason=\"backoff\"}", 1.0),
        ("resurge_attempts_failed_total{category=\"server\"}", 1.0),
        ("resurge_attempts_failed_total{category=\"not_found\"}", 1.0),
        ("resurge_recovery_duration_seconds_count", 0.0),
        ("resurge_dashboard_streams", 0.0),
        ("resurge_attempt_duration_seconds_count{outcome=\"succeeded\"}", 2.0),
        ("resurge_attempt_duration_seconds_count{outcome=\"failed\"}", 2.0),
        ("resurge_attempt_duration_seconds_count{outcome=\"interrupted\"}", 0.0),
        ("resurge_attempt_duration_seconds_bucket{outcome=\"failed\",le=\"28800.000\"}", 2.0),
        ("resurge_attempt_duration_seconds_bucket{outcome=\"failed\",le=\"+Inf\"}", 2.0),
        ("resurge_retry_delay_seconds_bucket{le=\"28800.000\"}", 0.0),
        ("resurge_retry_delay_seconds_bucket{le=\"+Inf\"}", 1.0),
        ("resurge_retry_delay_seconds_count", 1.0),
        ("resurge_transferred_bytes_total", 0.0),
    ] {
        let found = sample(&answer.body, name);
        assert!((found - value).abs() < f64::EPSILON, "{name}: {found}");
    }
    let records = sample(&answer.body, "resurge_journal_records_total");
    assert!(records >= 10.0, "{records}");
    let flushes = sample(&answer.body, "resurge_journal_flush_duration_seconds_count");
    let within = "resurge_journal_flush_duration_seconds_bucket{le=\"+Inf\"}";
    assert!(flushes >= 1.0 && (sample(&answer.body, within) - flushes).abs() < f64::EPSILON);
    assert!(sample(&answer.body, "resurge_journal_flush_duration_seconds_sum") >= 0.0);
    assert!(sample(&answer.body, "resurge_journal_replay_seconds") >= 0.0);
    // This journal has no files.
    assert!(!answer.body.contains("resurge_journal_bytes"));
    for (mode, is_set) in
        [("enforced", 0.0), ("isolated", 1.0), ("disabled", 0.0), ("metrics_only", 0.0)]
    {
        let name = format!("resurge_breaker_mode{{scope=\"{key}\",mode=\"{mode}\"}}");
        assert!((sample(&answer.body, &name) - is_set).abs() < f64::EPSILON, "{mode}");
    }
    sample(&answer.body, &format!("resurge_breaker_held{{scope=\"{key}\"}}"));
}

#[tokio::test]
async fn every_family_is_described_once_and_names_no_operation() {
    let house = House::new().await;
    let run = house.start(FLAKY, "a-name-of-its-own").await;
    let _stream = house.events("").await;
    let text = house.get("/metrics").answer().await.body;
    assert!((sample(&text, "resurge_dashboard_streams") - 1.0).abs() < f64::EPSILON);
    assert!(!text.contains(&run.to_string()) && !text.contains("a-name-of-its-own"));
    let mut described: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap();
            assert!(!described.contains(&name), "{name} twice");
            assert!(DOCUMENTED.contains(name), "add {name} to docs/dashboard.md");
            described.push(name);
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = described.last().unwrap();
            assert!(name.starts_with(family), "{name} stands under {family}");
        }
    }
    house.engine.shutdown(Duration::ZERO).await.unwrap();
    let text = house.get("/metrics").answer().await.body;
    assert!(sample(&text, "resurge_up").abs() < f64::EPSILON);
}
