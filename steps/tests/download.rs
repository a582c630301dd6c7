//! Downloads from a server that is mostly honest: what is resumed, and what is fetched twice.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "hostile/bench.rs"]
mod bench;
#[path = "hostile/mod.rs"]
mod hostile;

use bench::{Bench, assert_whole};
use hostile::{Served, Server, pattern};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_file_is_fetched_in_one_request() {
    let bytes = pattern(3 * MIB + 17);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request)));
    let mut bench = Bench::new(server.url("/dir/file.bin?token=secret"));
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(server.requests().len(), 1);
    assert_eq!((done.resumed_bytes, done.fetched_bytes), (0, bytes.len() as u64));
    assert_eq!(done.origin, server.url("/dir/file.bin"));
    assert!(!done.unverified_length);
    let request = &server.requests()[0];
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("range"), None);
}

#[tokio::test]
async fn a_dropped_transfer_goes_on_at_the_very_byte() {
    let bytes = pattern(5 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n < 3 { reply.cut(MIB + 12_345) } else { reply })
    });
    let mut bench = Bench::new(server.url("/file"));
    for n in 1..=3_u64 {
        let error = bench.attempt().await.unwrap_err();
        assert_eq!(error.kind(), "dropped", "{error}");
        assert_eq!(std::fs::metadata(bench.partial()).unwrap().len(), n * (MIB as u64 + 12_345));
    }
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(server.sent(), bytes.len() as u64, "no byte is fetched twice");
    assert_eq!(done.resumed_bytes, 3 * (MIB as u64 + 12_345));
    let last = server.requests().pop().unwrap();
    assert_eq!(last.from(), Some(3 * (MIB + 12_345)));
    assert_eq!(last.header("if-range"), Some("\"v1\""));
}
