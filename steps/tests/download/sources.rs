//! Redirects, mirrors, refusals, and what nobody may see.

use std::net::TcpListener;
use std::time::Duration;

use resurge_journal::failure::Class;
use resurge_steps::Advice;

use crate::MIB;
use crate::bench::{Bench, assert_whole};
use crate::server::{Reply, Served, Server, pattern};

fn redirect(to: &str) -> Reply {
    Reply::new(302).with("location", to).sized(b"")
}

#[tokio::test]
async fn what_a_server_answers_decides_whether_it_is_asked_again() {
    let after = |seconds| Advice::After { delay: Duration::from_secs(seconds), shared: false };
    for (status, header, class, advice) in [
        (403, None, Class::Permission, Advice::Never),
        (401, None, Class::Permission, Advice::Never),
        (404, None, Class::NotFound, Advice::Never),
        (400, None, Class::Validation, Advice::Never),
        (500, None, Class::Server, Advice::BACKOFF),
        (503, None, Class::Server, Advice::BACKOFF),
        (503, Some("3"), Class::Throttled, after(3)),
        // The very wish; how much of it is granted is for the engine to say.
        (429, Some("3600"), Class::Throttled, after(3600)),
        (429, None, Class::Throttled, Advice::BACKOFF),
        (204, None, Class::Validation, Advice::Never),
    ] {
        let server = Server::start(move |_, _| {
            let reply = Reply::new(status);
            Some(
                match header {
                    Some(delay) => reply.with("retry-after", delay),
                    None => reply,
                }
                .sized(b""),
            )
        });
        let error = Bench::new(server.url("/file?who=secret")).attempt().await.unwrap_err();
        assert_eq!((error.class(), error.advice().clone()), (class, advice), "{status}");
        assert_eq!(error.kind(), format!("http_{status}"));
        assert_eq!(server.requests().len(), 1, "{status} is asked once");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_machine_that_cannot_be_reached_is_a_failure_of_the_network() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Bench::new(format!("http://127.0.0.1:{port}/")).attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Network, "refused"), "{error}");

    let server = Server::start(|_, _| None);
    let error = Bench::new(server.url("/")).attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Network, "dropped"), "{error}");

    // Hangs up before it has read the request, which resets the connection.
    let rude = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", rude.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in rude.incoming().map_while(Result::ok) {
            std::io::Read::read(&mut stream, &mut [0; 1]).unwrap();
        }
    });
    let error = Bench::new(url).attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Network, "dropped"), "{error}");

    let error = Bench::new("http://no-such-host.invalid/").attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Network, "dns"), "{error}");

    let server = Server::start(|_, _| Some(Reply::new(200)));
    let error = Bench::new(server.url("/").replace("http", "https")).attempt().await.unwrap_err();
    assert!(matches!(error.class(), Class::Network | Class::Security), "{error:?}");
}

#[tokio::test]
async fn the_rest_is_asked_for_on_every_hop_and_secrets_stay_at_home() {
    let bytes = pattern(2 * MIB);
    let file = Served::new(&bytes);
    let far = Server::start(move |n, request| {
        let reply = file.honest(request);
        Some(if n == 0 { reply.cut(MIB) } else { reply })
    });
    let target = far.url("/signed?sig=secret");
    let near = Server::start(move |_, request| {
        Some(if request.path == "/start" { redirect("/next") } else { redirect(&target) })
    });
    let mut bench = Bench::new(near.url("/start")).with(|download| {
        let headers = [("authorization", "Bearer a"), ("x-api-key", "b"), ("user-agent", "me")];
        headers.into_iter().fold(download, |d, (name, value)| d.header(name, value).unwrap())
    });
    assert_eq!(bench.attempt().await.unwrap_err().kind(), "dropped");
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!(done.origin, near.url("/start"));
    for request in near.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer a"));
        assert_eq!(request.header("x-api-key"), Some("b"));
    }
    for request in far.requests() {
        assert_eq!((request.header("authorization"), request.header("x-api-key")), (None, None));
        assert_eq!(request.header("user-agent"), Some("me"));
    }
    for request in [&near.requests()[2], &near.requests()[3], &far.requests()[1]] {
        assert_eq!((request.from(), request.header("if-range")), (Some(MIB), Some("\"v1\"")));
    }
    assert!(bench.run.checkpoints().iter().all(|c| !c.as_str().contains("secret")));
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_not_followed_for_ever() {
    let server = Server::start(|_, request| Some(redirect(&request.path)));
    let error = Bench::new(server.url("/circle")).attempt().await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), ("redirect_loop", false));
    assert_eq!(server.requests().len(), 11);
    let server = Server::start(|_, _| Some(redirect("file:///etc/passwd")));
    let error = Bench::new(server.url("/")).attempt().await.unwrap_err();
    assert_eq!(error.class(), Class::Validation);
}

#[tokio::test]
async fn a_signed_address_that_ran_out_is_resolved_anew_but_only_once() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        Some(match (request.path.as_str(), n) {
            ("/origin", 0) => redirect("/signed-1"),
            ("/origin", _) => redirect("/signed-2"),
            ("/signed-2", _) => file.honest(request),
            _ => Reply::new(403).sized(b""),
        })
    });
    let mut bench = Bench::new(server.url("/origin"));
    assert_whole(&bench.attempt().await.unwrap(), &bytes);

    let server = Server::start(move |_, request| {
        let first = request.path == "/origin";
        Some(if first { redirect("/signed") } else { Reply::new(403).sized(b"") })
    });
    let error = Bench::new(server.url("/origin")).attempt().await.unwrap_err();
    assert_eq!(error.class(), Class::Permission);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_mirror_goes_on_with_the_bytes_of_another_place_if_a_digest_will_judge() {
    let bytes = pattern(2 * MIB);
    let (a, b) = (Served::new(&bytes), Served::new(&bytes).etag(Some("\"other\"")));
    let first = Server::start(move |_, request| Some(a.honest(request).cut(MIB)));
    let second = Server::start(move |_, request| Some(b.honest(request)));
    let bench = || Bench::new(first.url("/a")).mirror(second.url("/b"));

    let mut judged = bench().expecting(&bytes);
    judged.attempt().await.unwrap_err();
    let done = judged.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!((done.resumed_bytes, done.origin), (MIB as u64, second.url("/b")));
    assert_eq!(first.sent() + second.sent(), bytes.len() as u64);

    // Nothing would show a wrong splice: the place that has given bytes is asked again.
    let mut unjudged = bench();
    unjudged.attempt().await.unwrap_err();
    assert_whole(&unjudged.attempt().await.unwrap(), &bytes);
    assert_eq!(first.requests().len(), 3);
}

#[tokio::test]
async fn a_finished_file_that_was_of_no_use_is_fetched_from_the_next_place() {
    let (wrong, right) = (pattern(MIB), vec![7; MIB]);
    let (a, b) = (Served::new(&wrong), Served::new(&right));
    let first = Server::start(move |_, request| Some(a.honest(request)));
    let second = Server::start(move |_, request| Some(b.honest(request)));
    let mut bench = Bench::new(first.url("/a")).mirror(second.url("/b")).expecting(&right);
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &wrong);
    // The verification puts the file aside; success has cleared the checkpoint.
    std::fs::remove_file(&done.path).unwrap();
    bench.run.forget_checkpoints_after(0);
    assert_whole(&bench.attempt().await.unwrap(), &right);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_place_that_gives_nothing_is_left_for_the_next_one() {
    let bytes = pattern(2 * MIB);
    let (a, b) = (Served::new(&bytes), Served::new(&bytes).etag(Some("\"other\"")));
    let first = Server::start(move |n, request| (n == 0).then(|| a.honest(request).cut(MIB)));
    let second = Server::start(move |_, request| Some(b.honest(request)));
    let mut bench = Bench::new(first.url("/a")).mirror(second.url("/b"));
    for _ in 0..2 {
        assert_eq!(bench.attempt().await.unwrap_err().kind(), "dropped");
    }
    let done = bench.attempt().await.unwrap();
    assert_whole(&done, &bytes);
    assert_eq!((done.resumed_bytes, second.requests()[0].from()), (0, None));
}

#[tokio::test]
async fn a_refusal_sends_the_attempt_to_the_next_place_at_once() {
    let bytes = pattern(MIB);
    let other = pattern(MIB + 1);
    let (good, longer) = (Served::new(&bytes), Served::new(&other));
    let wrong_size = Server::start(move |_, request| Some(longer.honest(request)));
    let gone = Server::start(|_, _| Some(Reply::new(404).sized(b"")));
    let here = Server::start(move |_, request| Some(good.honest(request)));
    let bench = || Bench::new(wrong_size.url("/")).sized(MIB as u64).mirror(gone.url("/"));
    let mut lucky = bench().mirror(here.url("/"));
    assert_whole(&lucky.attempt().await.unwrap(), &bytes);
    let error = bench().attempt().await.unwrap_err();
    assert_eq!(
        (error.class(), error.kind(), error.is_retryable()),
        (Class::Integrity, "size", false)
    );
    assert_eq!(gone.requests().len(), 2);
}

#[tokio::test]
async fn secrets_of_an_address_are_nowhere_to_be_read() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |n, request| {
        (n > 0).then(|| file.honest(request)).map(|reply| if n == 1 { reply.cut(9) } else { reply })
    });
    let url = server.url("/file?token=hush").replace("http://", "http://joe:hush@");
    let mut bench = Bench::new(url);
    for _ in 0..2 {
        let error = bench.attempt().await.unwrap_err();
        assert!(!format!("{error} {error:?} {:?}", error.to_failure()).contains("hush"));
    }
    let done = bench.attempt().await.unwrap();
    assert!(server.requests()[0].header("authorization").is_some_and(|a| a.starts_with("Basic")));
    assert_eq!(done.origin, server.url("/file"));
    assert!(bench.run.checkpoints().iter().all(|c| !c.as_str().contains("hush")));
    assert!(!format!("{:?}", bench.download).contains("hush"));
}
