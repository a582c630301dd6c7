//! The page and what stands beside it.

use axum::http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{House, at_last};

#[tokio::test]
async fn files_of_the_page_are_known_again() {
    let house = House::new().await;
    let first = house.stranger(Method::GET, "/").answer().await;
    assert_eq!(first.header("content-type"), "text/html; charset=utf-8");
    assert!(first.body.starts_with("<!doctype html>"));
    let etag = first.header("etag").to_owned();
    for known in [etag.clone(), format!("\"x\", W/{etag}")] {
        let again = house.stranger(Method::GET, "/index.html").with("if-none-match", &known);
        let again = again.answer().await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        assert_eq!(again.body, "");
    }
    let gzipped = house.stranger(Method::GET, "/").with("accept-encoding", "br, gzip;q=0.5");
    let (parts, body) = gzipped.open().await.into_parts();
    assert_eq!(parts.headers["content-encoding"], "gzip");
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut plain = String::new();
    let mut decoder = flate2::read::GzDecoder::new(body.as_ref());
    std::io::Read::read_to_string(&mut decoder, &mut plain).unwrap();
    assert_eq!(plain, first.body);
    assert_ne!(parts.headers["etag"], etag.as_str(), "other bytes, another tag");
    let known = parts.headers["etag"].to_str().unwrap();
    for (encodings, status) in [("gzip", StatusCode::NOT_MODIFIED), ("br", StatusCode::OK)] {
        let ask = house.stranger(Method::GET, "/").with("accept-encoding", encodings);
        assert_eq!(ask.with("if-none-match", known).answer().await.status, status, "{encodings}");
    }
    for unwanted in ["gzip;q=0", "gzip; q=0.000, br"] {
        let ask = house.stranger(Method::GET, "/").with("accept-encoding", unwanted);
        assert_eq!(ask.answer().await.body, first.body, "{unwanted}");
    }
}

#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let house = House::new().await;
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "/page/../../Cargo.toml",
        "/index.html/../../Cargo.toml",
        "//etc/passwd",
        "/etc/passwd",
        "/index.html%00.js",
        "/\\..\\Cargo.toml",
        "/Index.html",
        "/index.html/",
    ] {
        // As it is: a client would clean it up.
        let mut socket = TcpStream::connect(house.address).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
            house.address,
            house.token.as_str()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap();
        assert!(["404", "400"].contains(&status), "{path}: {answer}");
    }
}

#[tokio::test]
async fn health_is_told_to_everybody_and_nothing_else() {
    let house = House::new().await;
    let answer = house.stranger(Method::GET, "/healthz").answer().await;
    assert_eq!(answer.json(), serde_json::json!({ "status": "ok" }));
    house.engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    // An answer is kept for a moment.
    let answer = at_last(async {
        loop {
            let answer = house.stranger(Method::GET, "/healthz").answer().await;
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
        }
    });
    let answer = answer.await;
    assert_eq!(answer.json(), serde_json::json!({ "status": "stopped" }));
    let answer = house.get("/api/v1/stats").answer().await;
    assert_eq!(answer.code(), "engine_stopped");
}

#[tokio::test]
async fn every_file_of_the_page_is_served_as_what_it_is() {
    let house = House::new().await;
    let mut gzipped = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let ending = path.extension().unwrap().to_str().unwrap();
        let kind = match ending {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            // For the tools of whoever works on the page.
            "json" | "ts" => {
                let answer = house.get(&format!("/{name}")).answer().await;
                assert_eq!(answer.code(), "not_found", "{name}");
                continue;
            }
            other => panic!("{name}: is {other} served?"),
        };
        let answer = house.stranger(Method::GET, &format!("/{name}")).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        assert_eq!(answer.header("content-type"), kind);
        let source = std::fs::read_to_string(&path).unwrap();
        if ["js", "css"].contains(&ending) {
            is_all_but_comments(&name, &source, &answer.body);
        } else {
            assert_eq!(answer.body, source);
        }
        let ask = house.stranger(Method::GET, &format!("/{name}"));
        let body = ask.with("accept-encoding", "gzip").open().await.into_body();
        gzipped += axum::body::to_bytes(body, usize::MAX).await.unwrap().len();
    }
    assert!(gzipped <= 60 * 1024, "{gzipped} bytes");
}

/// Every line that is served stands in the file, in order, and nothing that others need is missing.
fn is_all_but_comments(name: &str, source: &str, served: &str) {
    let mut lines = source.lines().map(str::trim);
    for line in served.lines() {
        assert!(lines.any(|known| known.ends_with(line)), "{name} has no line `{line}`");
    }
    for line in
        source.lines().filter(|line| line.starts_with("import ") || line.starts_with("export "))
    {
        assert!(
            served.lines().any(|known| known == line.trim()),
            "{name} is served without `{line}`"
        );
    }
}
