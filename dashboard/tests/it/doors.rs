//! Who gets in.

use axum::http::{Method, StatusCode};
use resurge_dashboard::{Dashboard, ServeError};
use serde_json::json;
use tokio::net::TcpListener;

use crate::house::{House, only};

const STATS: &str = "/api/v1/stats";

#[tokio::test]
async fn nothing_but_the_page_and_the_health_is_open() {
    let house = House::new().await;
    for path in ["/", "/index.html", "/healthz"] {
        let answer = house.stranger(Method::GET, path).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    for path in [STATS, "/metrics", "/api/v1/openapi.json", "/api/v1/events", "/nothing", "/api"] {
        let answer = house.stranger(Method::GET, path).answer().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.code(), "missing_token");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(house.get(STATS).answer().await.status, StatusCode::OK);
    assert_eq!(house.get("/nothing").answer().await.code(), "not_found");
    assert_eq!(house.post("/").answer().await.code(), "method_not_allowed");
    assert_eq!(house.post(STATS).answer().await.code(), "method_not_allowed");
}

#[tokio::test]
async fn a_foreign_host_is_not_served() {
    let house = House::with(|builder| builder.hosts(["my.box"])).await;
    let port = house.address.port();
    for host in ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "0.0.0.0"] {
        for path in ["/", "/healthz", STATS] {
            let answer = house.get(path).with("host", host).answer().await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}{path}");
            assert_eq!(answer.code(), "foreign_host");
        }
    }
    for host in [format!("localhost:{port}"), format!("[::1]:{port}"), "my.box:1".to_owned()] {
        assert_eq!(house.get(STATS).with("host", &host).answer().await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_foreign_page_is_not_served() {
    let house = House::new().await;
    let own = format!("http://{}", house.address);
    let cookie = house.cookie().await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for method in [Method::GET, Method::POST] {
            let ask = house.stranger(method.clone(), STATS).with("cookie", &cookie);
            let answer = ask.with(name, value).answer().await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {name}: {value}");
            assert_eq!(answer.code(), "foreign_origin");
        }
        let with_token = house.get(STATS).with(name, value).answer().await;
        assert_eq!(with_token.code(), "foreign_origin", "not even with the token");
    }
    let ask = || house.stranger(Method::GET, STATS).with("cookie", &cookie);
    for (name, value) in [("origin", own.as_str()), ("sec-fetch-site", "same-origin")] {
        assert_eq!(ask().with(name, value).answer().await.status, StatusCode::OK);
    }
    assert_eq!(ask().answer().await.status, StatusCode::OK, "old browsers say nothing");
}

#[tokio::test]
async fn a_cookie_changes_nothing_unless_our_page_asks() {
    let house = House::new().await;
    let cookie = house.cookie().await;
    let ask = || {
        let ask = house.stranger(Method::PATCH, "/api/v1/settings").with("cookie", &cookie);
        ask.json(&json!({ "changes": { "max_retries": 1 } }))
    };
    assert_eq!(ask().answer().await.code(), "missing_token");
    let from_page = ask().with("sec-fetch-site", "same-origin").answer().await;
    assert_eq!(from_page.status, StatusCode::OK);
}

#[tokio::test]
async fn the_token_is_traded_for_a_cookie_that_outlives_the_process() {
    let house = House::new().await;
    let answer = house.post("/api/v1/session").answer().await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let set = answer.header("set-cookie").to_owned();
    let name = format!("resurge_{}=", house.address.port());
    assert!(set.starts_with(&name), "{set}");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.split("; ").any(|have| have == part), "{part}: {set}");
    }
    assert!(!set.contains("Secure"), "there is no TLS: {set}");
    assert!(!set.contains(house.token.as_str()), "the token itself stays out of it");

    let cookie = set.split(';').next().unwrap().to_owned();
    let asks = house.stranger(Method::POST, "/api/v1/session").with("cookie", &cookie);
    let asks = asks.with("sec-fetch-site", "same-origin");
    assert_eq!(asks.answer().await.code(), "missing_token", "a cookie begets no cookie");

    let (token, value) = (house.token.clone(), cookie.split_once('=').unwrap().1.to_owned());
    house.stop().await;
    let next = House::of(token, |builder| builder).await;
    let cookie = format!("a=b; resurge_{}={value}", next.address.port());
    let answer = next.stranger(Method::GET, STATS).with("cookie", &cookie).answer().await;
    assert_eq!(answer.status, StatusCode::OK);

    let gone = next.ask(Method::DELETE, "/api/v1/session").answer().await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(gone.header("set-cookie").contains("Max-Age=0"), "{gone:?}");
}

#[tokio::test]
async fn a_cookie_of_another_port_locks_nobody_out() {
    let house = House::new().await;
    let cookie = house.cookie().await;
    let name = cookie.split_once('=').unwrap().0;
    let ask = |cookies: &str| house.stranger(Method::GET, STATS).with("cookie", cookies).answer();
    for cookies in [format!("{name}=junk; {cookie}"), format!("{cookie}; {name}=junk; {name}=")] {
        assert_eq!(ask(&cookies).await.status, StatusCode::OK, "{cookies}");
    }
    assert_eq!(ask(&format!("{name}=junk; {name}=more")).await.code(), "wrong_token");
}

#[tokio::test]
async fn a_cookie_is_secure_where_the_page_is() {
    let house = House::with(|builder| builder.hosts(["my.box"])).await;
    let ask = house.post("/api/v1/session").with("host", "my.box").with("origin", "https://my.box");
    let answer = ask.answer().await;
    let set = answer.header("set-cookie");
    assert!(set.starts_with("resurge_80=") && set.ends_with("; Secure"), "{set}");
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down_and_right_ones_are_not() {
    let house = House::with_limits(|limits| limits.wrong_tokens = only(3)).await;
    let port = house.address.port();
    let guess = |n: u32| {
        let ask = house.stranger(Method::GET, STATS);
        if n == 0 {
            ask.with("cookie", &format!("resurge_{port}=guess"))
        } else {
            ask.with("authorization", "Bearer guess")
        }
    };
    for n in 0..3 {
        let answer = guess(n).answer().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.code(), "wrong_token");
    }
    let answer = guess(3).answer().await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.code(), "too_many_requests");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(house.get(STATS).answer().await.status, StatusCode::OK);
    let none = house.stranger(Method::GET, STATS).answer().await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED, "no token is no wrong one");
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let house = House::with(|builder| builder.read_only(true)).await;
    assert_eq!(house.get(STATS).answer().await.status, StatusCode::OK);
    let session = house.post("/api/v1/session").answer().await;
    assert_eq!(session.status, StatusCode::NO_CONTENT);
    for (method, path) in [
        (Method::PATCH, "/api/v1/settings"),
        (Method::POST, "/api/v1/breakers/host/close"),
        (Method::POST, "/api/v1/buttons/any"),
        (Method::PUT, "/nothing"),
    ] {
        let ask = house.ask(method, path).json(&json!({ "changes": { "max_retries": 1 } }));
        let answer = ask.answer().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.code(), "read_only");
    }
    assert_eq!(house.engine.tuning().await.unwrap().max_retries, None);
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_may_not_do() {
    let house = House::new().await;
    let asks = [
        house.stranger(Method::GET, "/"),
        house.stranger(Method::GET, "/healthz"),
        house.stranger(Method::GET, STATS),
        house.get(STATS),
        house.get(STATS).with("host", "evil.example"),
        house.get("/nothing"),
        house.post(STATS),
    ];
    for ask in asks {
        let answer = ask.answer().await;
        let policy = answer.header("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.split("; ").any(|have| have == rule), "{policy}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        let is_page = answer.header("content-type").starts_with("text/html");
        let kept = if is_page { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), kept, "{answer:?}");
    }
}

#[tokio::test]
async fn within_another_server_the_guard_stands_as_well() {
    let house = House::new().await;
    let engine = house.engine.clone();
    let dashboard = Dashboard::builder(engine).token(house.token.clone());
    let router = dashboard.build().unwrap().router();
    let outer = axum::Router::new().nest("/resurge/", router);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, outer).await });
    let get = |path: &str| {
        let bearer = format!("Bearer {}", house.token.as_str());
        crate::client::Ask::new(address, Method::GET, path).with("authorization", &bearer)
    };
    assert_eq!(get("/resurge/api/v1/stats").answer().await.status, StatusCode::OK);
    assert_eq!(get("/resurge/").without("authorization").answer().await.status, StatusCode::OK);
    let refused = get("/resurge/api/v1/stats").without("authorization").answer().await;
    assert_eq!(refused.code(), "missing_token");
    assert_eq!(refused.json()["instance"], "/resurge/api/v1/stats");
    let foreign = get("/resurge/api/v1/stats").with("host", "evil.example").answer().await;
    assert_eq!(foreign.code(), "foreign_host");
    let mut events = get("/resurge/api/v1/events?after=0").events().await;
    assert_eq!(events.event().await.id, Some(1));
}

#[tokio::test]
async fn others_are_let_in_only_by_name() {
    let house = House::new().await;
    let builder = || Dashboard::builder(house.engine.clone()).token(house.token.clone());
    let bind = || TcpListener::bind("0.0.0.0:0");
    let closed = builder().build().unwrap();
    let refused = closed.serve(bind().await.unwrap(), std::future::pending()).await;
    assert!(matches!(refused, Err(ServeError::NotLoopback { .. })), "{refused:?}");
    let open = builder().hosts(["my.box:7878"]).build().unwrap();
    open.serve(bind().await.unwrap(), std::future::ready(())).await.unwrap();
}

#[tokio::test]
async fn the_address_to_open_carries_the_token_where_only_the_page_sees_it() {
    let house = House::new().await;
    let builder = Dashboard::builder(house.engine.clone()).token(house.token.clone());
    let dashboard = builder.build().unwrap();
    let token = house.token.as_str();
    for (address, host) in [
        ("127.0.0.1:7878", "127.0.0.1"),
        ("0.0.0.0:7878", "127.0.0.1"),
        ("[::1]:7878", "[::1]"),
        ("[::]:7878", "127.0.0.1"),
        ("192.168.1.5:7878", "192.168.1.5"),
        ("[fd00::1]:7878", "[fd00::1]"),
    ] {
        let url = dashboard.url(address.parse().unwrap());
        assert_eq!(url, format!("http://{host}:7878/#token={token}"));
    }
}
