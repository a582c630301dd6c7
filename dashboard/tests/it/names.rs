//! Under which names the dashboard is asked, and who says that our page asks.

use axum::http::{Method, StatusCode};
use resurge_dashboard::{Dashboard, DashboardError};
use serde_json::json;
use tokio::net::TcpListener;

use crate::client::Ask;
use crate::house::House;

const STATS: &str = "/api/v1/stats";

#[tokio::test]
async fn a_header_that_decides_comes_once() {
    let house = House::new().await;
    let own = format!("http://{}", house.address);
    for (name, values) in [
        ("origin", [own.as_str(), "http://evil.example"]),
        ("origin", [own.as_str(), own.as_str()]),
        ("sec-fetch-site", ["same-origin", "cross-site"]),
    ] {
        let ask = house.get(STATS).with(name, values[0]).also(name, values[1]);
        assert_eq!(ask.answer().await.code(), "bad_request", "{name}: {values:?}");
    }
    let twice = house.get(STATS).also("authorization", "Bearer guess").answer().await;
    assert_eq!(twice.code(), "bad_request");
    let hosts = house.get(STATS).also("host", "evil.example").answer().await;
    assert_eq!(hosts.code(), "foreign_host");
}

#[tokio::test]
async fn a_page_with_tls_is_not_ours_where_there_is_none() {
    let house = House::with(|builder| builder.hosts(["my.box"])).await;
    let foreign = house.get(STATS).with("origin", &format!("https://{}", house.address));
    assert_eq!(foreign.answer().await.code(), "foreign_origin");
    let behind = house.get(STATS).with("host", "my.box").with("origin", "https://my.box");
    assert_eq!(behind.answer().await.status, StatusCode::OK, "TLS may stand before it");
}

/// Every address of this machine's own network is there on Linux; elsewhere only the first.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_address_that_is_listened_on_is_a_good_name() {
    let house = House::new().await;
    let builder = Dashboard::builder(house.engine.clone()).token(house.token.clone());
    let dashboard = builder.build().unwrap();
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    assert!(dashboard.url(address).starts_with(&format!("http://{address}/")));
    tokio::spawn(async move { dashboard.serve(listener, std::future::pending()).await });
    let bearer = format!("Bearer {}", house.token.as_str());
    let ask = || Ask::new(address, Method::GET, STATS).with("authorization", &bearer);
    assert_eq!(ask().answer().await.status, StatusCode::OK);
    let other = ask().with("host", &format!("127.0.0.3:{}", address.port())).answer().await;
    assert_eq!(other.code(), "foreign_host");
}

#[tokio::test]
async fn what_is_no_host_is_refused_before_it_is_served() {
    let house = House::new().await;
    for name in ["*", "x:99999", "a b", "http://my.box", ""] {
        let builder = Dashboard::builder(house.engine.clone()).hosts(["my.box", name]);
        let refused = builder.build().unwrap_err();
        assert!(matches!(&refused, DashboardError::Host { name: told } if told == name), "{name}");
        assert!(refused.to_string().contains("such as my.box"), "{refused}");
    }
}

#[tokio::test]
async fn a_cookie_without_a_page_is_told_what_is_missing() {
    let house = House::new().await;
    let cookie = house.cookie().await;
    let ask = house.stranger(Method::PATCH, "/api/v1/settings").with("cookie", &cookie);
    let refused = ask.json(&json!({ "changes": { "max_retries": 1 } })).answer().await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.code(), "missing_token");
    let problem = refused.json();
    assert!(problem["detail"].as_str().unwrap().starts_with("a cookie alone"), "{problem}");
    assert!(problem["remedy"].as_str().unwrap().contains("`Sec-Fetch-Site`"), "{problem}");
}
