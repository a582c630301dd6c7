//! What holds for every route of the document, those to come included.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use resurge::{Control, ResourceKey};
use serde_json::{Value, json};

use crate::house::{FLAKY, House, SECRETIVE};

/// Every path with its methods.
async fn routes(house: &House) -> Vec<(Method, String)> {
    let document = house.get("/api/v1/openapi.json").answer().await.json();
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys().map(|name| name.to_uppercase());
        let methods = methods.filter_map(|name| Method::from_bytes(name.as_bytes()).ok());
        methods.map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    document["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn every_change_passes_the_one_door() {
    let house = House::with(|builder| builder.read_only(true)).await;
    let cookie = house.cookie().await;
    let mut changes = 0;
    for (method, path) in
        routes(&house).await.into_iter().filter(|(method, _)| *method != Method::GET)
    {
        let path = path.replace(['{', '}'], "");
        let told = format!("{method} {path}");
        let stranger = || house.stranger(method.clone(), &path);
        let answer = stranger().answer().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{told} without a token");
        let answer = stranger().with("cookie", &cookie).answer().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{told} from nobody knows where");
        let own = || house.ask(method.clone(), &path);
        let answer = own().with("origin", "http://evil.example").answer().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{told} from a foreign page");
        let answer = own().with("host", "evil.example").answer().await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{told} by a foreign name");
        if !LOOKS.contains(&path.as_str()) {
            // A batch may be a look as well: this one is none.
            let batch = json!({ "filter": {}, "action": "pause" });
            let answer = own().json(&batch).answer().await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{told} where nothing may change");
            changes += 1;
        }
    }
    assert!(changes >= 12, "{changes}");
}

/// What is asked for with `POST`, or `DELETE`, and changes nothing that the engine has.
const LOOKS: [&str; 3] = ["/api/v1/session", "/api/v1/settings/preview", "/api/recovery/test"];

#[tokio::test]
async fn no_answer_holds_a_secret() {
    let house = House::with_limits(|limits| limits.heartbeat = Duration::from_millis(5)).await;
    let run = house.start(FLAKY, SECRETIVE).await;
    house.start(SECRETIVE, "plain").await;
    let engine = &house.engine;
    let host = ResourceKey::host("http", "quo.te", 80).unwrap();
    engine.isolate(&host, None, "ann", SECRETIVE).await.unwrap();
    engine.tune("max_retries", Some(3), "ann", SECRETIVE).await.unwrap();
    engine.control(run, Control::Pause { freezes_timers: false }, "ann", SECRETIVE).await.unwrap();
    let mut told = 0;
    let mut look = |what: &str, text: &str| {
        assert!(!text.contains("hunter2") && !text.contains("s3cret"), "{what}: {text}");
        assert!(!text.contains(house.token.as_str()), "{what} tells the token");
        told += usize::from(text.contains("http://***@host/x"));
    };
    let streams = ["/api/v1/events", "/api/v1/view", "/api/v1/ws"];
    for (_, path) in routes(&house).await.iter().filter(|(method, _)| *method == Method::GET) {
        if !streams.contains(&path.as_str()) {
            let answer = house.get(&path.replace("{id}", &run.to_string())).answer().await;
            look(path, &answer.body);
        }
    }
    let mut events = house.events("?after=0").await;
    for _ in 1..=engine.head().get() {
        look("a record", &events.event().await.data);
    }
    for panel in ["breakers", "stats", "settings"] {
        let path = format!("/api/v1/view?operation={run}&panel={panel}");
        look(panel, &house.get(&path).events().await.event().await.data);
    }
    assert!(told >= 10, "{told}: something was there to be blotted out");
}
