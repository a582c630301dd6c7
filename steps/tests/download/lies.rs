//! Servers that do not keep to the rules.

use std::time::Duration;

use resurge_journal::failure::Class;

use crate::MIB;
use crate::bench::{Bench, assert_whole};
use crate::server::{Reply, Request, Served, Server, pattern};

/// The first answer breaks off at 1 MiB of 2; what comes then is up to `then`.
async fn broken_once(
    first: Served,
    then: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    prepare: impl FnOnce(Bench) -> Bench,
) -> (Server, Bench) {
    let server = Server::start(move |n, request| {
        Some(if n == 0 { first.whole().cut(MIB) } else { then(request) })
    });
    let mut bench = prepare(Bench::new(server.url("/file")));
    assert_eq!(bench.attempt().await.unwrap_err().kind(), "dropped");
    (server, bench)
}

fn froms(server: &Server) -> Vec<(Option<usize>, bool)> {
    let ask = |r: &Request| (r.from(), r.header("if-range").is_some());
    server.requests().iter().map(ask).collect()
}

#[tokio::test]
async fn a_server_without_ranges_is_asked_twice_and_then_the_beginning_is_skipped() {
    let bytes = pattern(2 * MIB);
    let file = Served::new(&bytes);
    let again = file.clone();
    let (server, mut bench) = broken_once(file, move |_| again.whole(), |b| b).await;
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(froms(&server), [(None, false), (Some(MIB), true), (Some(MIB), false)]);
    assert_eq!(done.resumed_bytes, MIB as u64);
}

#[tokio::test]
async fn a_server_that_does_not_know_if_range_is_asked_without_it() {
    let bytes = pattern(3 * MIB);
    let file = Served::new(&bytes);
    let again = file.clone();
    let then = move |request: &Request| match request.from() {
        Some(from) if request.header("if-range").is_none() => {
            let reply = again.rest(from);
            if from == MIB { reply.cut(MIB) } else { reply }
        }
        _ => again.whole(),
    };
    let (server, mut bench) = broken_once(file, then, |b| b).await;
    bench.attempt().await.unwrap_err();
    assert_whole(&bench.attempt().await.unwrap(), &bytes);
    // Learnt once, remembered.
    let asked = [(None, false), (Some(MIB), true), (Some(MIB), false), (Some(2 * MIB), false)];
    assert_eq!(froms(&server), asked);
}

#[tokio::test]
async fn a_file_that_changed_is_fetched_anew() {
    let old = pattern(2 * MIB);
    let new: Vec<u8> = old.iter().map(|byte| !byte).collect();
    let changed = Served::new(&new).etag(Some("\"v2\""));
    let honest = changed.clone();
    let (_, mut bench) = broken_once(Served::new(&old), move |r| honest.honest(r), |b| b).await;
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &new);
    assert_eq!(done.resumed_bytes, 0);

    // A store that drops If-Range and gives the rest of the new file.
    let careless = changed.clone();
    let then =
        move |r: &Request| r.from().map_or_else(|| careless.whole(), |from| careless.rest(from));
    let (_, mut bench) = broken_once(Served::new(&old), then, |b| b).await;
    assert_whole(&bench.attempt().await.unwrap(), &new);

    // The same tag and another length.
    let longer = pattern(2 * MIB + 1);
    let same_tag = Served::new(&longer);
    let then =
        move |r: &Request| r.from().map_or_else(|| same_tag.whole(), |from| same_tag.rest(from));
    let (_, mut bench) = broken_once(Served::new(&old), then, |b| b).await;
    assert_whole(&bench.attempt().await.unwrap(), &longer);
}

#[tokio::test]
async fn a_part_that_does_not_fit_is_never_appended() {
    let bytes = pattern(2 * MIB);
    let total = bytes.len();
    let good = format!("bytes {MIB}-{}/{total}", total - 1);
    let part = |range: Option<&str>, body: &[u8]| {
        let reply = Reply::new(206).with("etag", "\"v1\"");
        match range {
            Some(range) => reply.with("content-range", range),
            None => reply,
        }
        .sized(body)
    };
    let wrong = [
        part(None, &bytes[MIB..]),
        part(Some(&format!("bytes 0-{}/{total}", total - 1)), &bytes),
        part(Some(&format!("bytes {}-{}/{total}", MIB - 1, total - 1)), &bytes[MIB - 1..]),
        part(Some(&format!("bytes {MIB}-{}/{total}", total - 2)), &bytes[MIB..total - 1]),
        part(Some(&good), &bytes[MIB..]).with("content-encoding", "gzip"),
        part(Some(&good), &bytes[MIB..]).with("content-type", "multipart/byteranges; boundary=x"),
        part(Some(&good), &bytes[MIB + 1..]),
        part(Some("bytes"), &bytes[MIB..]),
    ];
    for reply in wrong {
        let file = Served::new(&bytes);
        let whole = file.whole();
        let shown = format!("{reply:?}").chars().take(200).collect::<String>();
        let then = move |r: &Request| r.from().map_or_else(|| whole.clone(), |_| reply.clone());
        let (server, mut bench) = broken_once(file, then, |b| b).await;
        let done = bench.attempt().await.unwrap();
        assert_whole(&done, &bytes);
        assert_eq!(server.requests().pop().unwrap().from(), None, "{shown}");
    }
}

#[tokio::test]
async fn without_a_strong_validator_only_a_digest_allows_to_go_on() {
    let bytes = pattern(2 * MIB);
    for etag in [Some("W/\"v1\""), None] {
        for digest in [false, true] {
            let file = Served::new(&bytes).etag(etag);
            let again = file.clone();
            let prepare = |b: Bench| if digest { b.expecting(&bytes) } else { b };
            let (server, mut bench) = broken_once(file, move |r| again.honest(r), prepare).await;
            assert_whole(&bench.attempt().await.unwrap(), &bytes);
            let expected = digest.then_some(MIB);
            assert_eq!(froms(&server)[1], (expected, false), "{etag:?} {digest}");
        }
    }
}

#[tokio::test]
async fn nothing_left_to_send_means_that_the_file_is_complete() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let endless = Reply::new(200).with("etag", "\"v1\"").body(&file.bytes).chunked(false);
        Some(if n == 0 { endless } else { file.honest(request) })
    });
    let mut bench = Bench::new(server.url("/file"));
    assert_eq!(bench.attempt().await.unwrap_err().kind(), "dropped");
    assert_whole(&bench.attempt().await.unwrap(), &bytes);
    assert_eq!(server.requests()[1].from(), Some(MIB));
}

#[tokio::test]
async fn nothing_left_although_the_file_is_shorter_means_that_it_changed() {
    let bytes = pattern(2 * MIB);
    let short = Served::new(&bytes[..1000]).etag(Some("\"v2\""));
    let again = short.clone();
    let then = move |r: &Request| r.from().map_or_else(|| again.whole(), |from| again.rest(from));
    let (_, mut bench) = broken_once(Served::new(&bytes), then, |b| b).await;
    assert_whole(&bench.attempt().await.unwrap(), &short.bytes);
}

#[tokio::test]
async fn chunks_end_with_the_last_one() {
    let bytes = pattern(MIB);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Some(Reply::new(200).body(&body).chunked(true)));
    let mut bench = Bench::new(server.url("/file"));
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert!(!done.unverified_length);
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_in_doubt_unless_something_proves_it() {
    let bytes = pattern(MIB);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Some(Reply::new(200).body(&body)));
    let bench = || Bench::new(server.url("/file"));
    for (mut bench, in_doubt) in
        [(bench(), true), (bench().sized(MIB as u64), false), (bench().expecting(&bytes), false)]
    {
        let done = bench.attempt().await.unwrap();
        assert_whole(&done, &bytes);
        assert_eq!(done.unverified_length, in_doubt);
    }
    let error = bench().sized(MIB as u64 + 1).attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Network, "dropped"));
}

#[tokio::test]
async fn a_body_cut_short_without_a_sign_is_found_by_the_digest_and_goes_on() {
    let bytes = pattern(2 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let cut = Reply::new(200).with("etag", "\"v1\"").body(&file.bytes[..MIB]);
        Some(if n == 0 { cut } else { file.honest(request) })
    });
    let mut bench = Bench::new(server.url("/file")).expecting(&bytes);
    assert_eq!(bench.attempt().await.unwrap_err().kind(), "cut_short");
    assert_whole(&bench.attempt().await.unwrap(), &bytes);
    assert_eq!(server.requests()[1].from(), Some(MIB));
}

#[tokio::test]
async fn a_wrong_file_without_end_mark_is_handed_to_the_verification_in_the_end() {
    let bytes = pattern(MIB);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Some(Reply::new(200).body(&body)));
    let mut bench = Bench::new(server.url("/file")).expecting(b"something else");
    let done = bench.finish().await.unwrap();
    assert!(done.unverified_length);
    assert_whole(&done, &bytes);
}

#[tokio::test]
async fn what_follows_the_announced_length_is_not_taken() {
    let bytes = pattern(MIB);
    let body = bytes.clone();
    let server = Server::start(move |_, _| {
        Some(Reply::new(200).with("content-length", MIB - 5).body(&body))
    });
    let mut bench = Bench::new(server.url("/file")).expecting(&bytes);
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes[..MIB - 5]);
    assert_ne!(Some(done.digest), bench.artifact.digest, "the verification will see it");
}

#[tokio::test]
async fn more_bytes_than_promised_are_refused() {
    let bytes = pattern(MIB);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Some(Reply::new(200).body(&body).chunked(true)));
    let mut bench = Bench::new(server.url("/file")).sized(MIB as u64 - 1);
    let error = bench.attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Integrity, "too_long"));
    assert!(!error.is_retryable());
    assert_eq!(std::fs::metadata(bench.partial()).unwrap().len(), 0);
}

#[tokio::test]
async fn a_compressed_body_is_kept_as_it_came_and_only_if_a_digest_can_judge_it() {
    let bytes = pattern(2 * MIB);
    let body = bytes.clone();
    let server = Server::start(move |n, _| {
        let reply = Reply::new(200).with("content-encoding", "gzip").sized(&body);
        Some(if n == 1 { reply.cut(MIB) } else { reply })
    });
    let error = Bench::new(server.url("/file")).attempt().await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), ("encoded", false));
    let mut bench = Bench::new(server.url("/file")).expecting(&bytes);
    assert_whole(&bench.finish().await.unwrap(), &bytes);
    assert!(server.requests().iter().all(|request| request.from().is_none()));
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_after_the_idle_timeout() {
    let bytes = pattern(2 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n == 0 { reply.cut(MIB).hold() } else { reply })
    });
    let quick = Duration::from_secs(1);
    let mut bench = Bench::new(server.url("/file")).with(|d| d.idle_timeout(quick));
    let error = bench.attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Timeout, "stalled"));
    let mut bench = bench.with(|d| d.idle_timeout(Duration::from_secs(20)));
    assert_whole(&bench.attempt().await.unwrap(), &bytes);
    assert_eq!(server.sent(), bytes.len() as u64);
}

#[tokio::test]
async fn beginning_anew_again_and_again_is_no_progress() {
    let bytes = pattern(3 * MIB);
    let file = Served::new(&bytes).etag(None);
    let server = Server::start(move |_, _| Some(file.whole().cut(2 * MIB)));
    let bench = &mut Bench::new(server.url("/file"));
    let mut gained = Vec::new();
    for _ in 0..3 {
        let attempt = bench.run.attempt();
        let error = resurge_steps::Step::run(&bench.download, attempt.cx, bench.artifact.clone());
        assert_eq!(error.await.unwrap_err().kind(), "dropped");
        gained.push(attempt.progress.borrow().gained());
    }
    assert_eq!(gained, [2 * MIB as u64, 0, 0]);
}

#[tokio::test]
async fn a_body_whose_chunks_are_broken_is_asked_for_again() {
    for broken in ["ZZ\r\n", "fffffffffffffffffff\r\n", "5\r\nabcdefgh", "\u{1}\u{2}\r\n"] {
        let bytes = pattern(MIB);
        let file = Served::new(&bytes);
        let server = Server::start(move |n, request| {
            Some(if n == 0 {
                let reply = Reply::new(200).with("transfer-encoding", "chunked");
                reply.body(format!("3\r\nabc\r\n{broken}").as_bytes())
            } else {
                file.honest(request)
            })
        });
        let mut bench = Bench::new(server.url("/file"));
        let error = bench.attempt().await.unwrap_err();
        assert!(error.is_retryable(), "{broken:?}: {error:?}");
        assert!(matches!(error.class(), Class::Server | Class::Network), "{broken:?}: {error:?}");
        assert_whole(&bench.attempt().await.unwrap(), &bytes);
    }
}
