//! What a download tells the engine about hosts and drives.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use resurge_journal::failure::{Advice, Applied, Class, Condition, Scope};
use resurge_journal::{Json, ResourceKey};
use resurge_steps::testing::TestAttempt;
use resurge_steps::{Health, Step, StepError, classify::reclassify, erase};

use crate::MIB;
use crate::bench::{Bench, assert_whole};
use crate::server::{Reply, Served, Server, pattern};

fn key_of(server: &Server) -> ResourceKey {
    ResourceKey::host("http", "127.0.0.1", server.port).unwrap()
}

fn key(text: &str) -> ResourceKey {
    ResourceKey::new(text).unwrap()
}

async fn attempt(
    bench: &mut Bench,
) -> (Result<resurge_steps::download::Downloaded, StepError>, resurge_steps::Reports) {
    let TestAttempt { cx, reports, .. } = bench.run.attempt();
    let result = bench.download.run(cx, bench.artifact.clone()).await;
    if let Err(error) = &result {
        let kept = error.to_failure();
        let again = reclassify(&kept.evidence);
        assert_eq!((again.class, again.kind, again.rule), (kept.class, kept.kind, kept.rule));
        assert_eq!((again.advice, again.limit), (kept.advice, kept.limit));
        assert_eq!((again.scope, again.applied), (kept.scope, kept.applied));
    }
    (result, reports)
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn one_of_the_places_must_be_up() {
    let needs = |bench: Bench| bench.download.needs(&bench.artifact);
    let one = needs(Bench::new("https://Example.org/a?token=x"));
    assert_eq!(one.every, [key("host:https/example.org:443")]);
    assert!(one.one_of.is_empty());
    let same = needs(Bench::new("https://a/1").mirror("https://a:443/2"));
    assert_eq!((same.every, same.one_of.len()), (vec![key("host:https/a:443")], 0));
    let two = needs(Bench::new("https://a/1").mirror("http://b/2").mirror("no address"));
    assert!(two.every.is_empty());
    assert_eq!(two.one_of, [key("host:https/a:443"), key("host:http/b:80")]);
}

#[test]
fn needs_and_outputs_can_be_asked_for_without_types() {
    let bench = Bench::new("https://a/1");
    let step = erase(bench.download.clone());
    let input = Json::of(&bench.artifact).unwrap();
    assert_eq!(step.needs(&input).every, [key("host:https/a:443")]);
    assert_eq!(step.needs(&Json::of(&7).unwrap()), resurge_steps::Needs::nothing());
    assert!(step.accepts(&Json::of(&7).unwrap()).is_err());
    assert!(erase(Echo).accepts(&Json::of(&7).unwrap()).is_ok());
}

struct Echo;

impl Step for Echo {
    const KIND: &'static str = "echo";
    type Input = u8;
    type Output = u8;

    async fn run(&self, _: resurge_steps::StepContext, input: u8) -> Result<u8, StepError> {
        Ok(input)
    }
}

#[tokio::test]
async fn the_host_that_failed_is_named() {
    let port = closed_port();
    let (refused, _) = attempt(&mut Bench::new(format!("http://127.0.0.1:{port}/a?sig=x"))).await;
    let refused = refused.unwrap_err();
    let host = ResourceKey::host("http", "127.0.0.1", port).unwrap();
    assert_eq!((refused.failed_resource(), refused.ruling().scope), (Some(&host), Scope::Host));
    let said = format!("fetch http://127.0.0.1:{port}/a: the connection was refused: ");
    let cause = refused.to_string().strip_prefix(&said).map(str::to_owned);
    assert!(cause.is_some_and(|cause| cause.starts_with("Connection refused")), "{refused}");

    // A redirect that works, to a host that does not.
    let target = format!("http://127.0.0.1:{port}/b");
    let near = Server::start(move |_, _| Some(Reply::new(302).with("location", &target)));
    let (error, reports) = attempt(&mut Bench::new(near.url("/"))).await;
    assert_eq!(error.unwrap_err().failed_resource(), Some(&host));
    assert_eq!(reports.health(), [(key_of(&near), Health::Alive)]);

    let down = Server::start(|_, _| Some(Reply::new(503).sized(b"")));
    let (error, reports) = attempt(&mut Bench::new(down.url("/"))).await;
    assert_eq!(error.unwrap_err().failed_resource(), Some(&key_of(&down)));
    assert_eq!((reports.health(), reports.used()), (Vec::new(), Some(key_of(&down))));

    let gone = Server::start(|_, _| Some(Reply::new(404).sized(b"")));
    let (error, reports) = attempt(&mut Bench::new(gone.url("/"))).await;
    assert_eq!(error.unwrap_err().class(), Class::NotFound);
    assert_eq!(reports.health(), [(key_of(&gone), Health::Alive)]);
}

#[tokio::test]
async fn a_request_that_was_never_sent_is_told_from_one_that_may_have_been() {
    // Reads the greeting of TLS and hangs up.
    let rude = TcpListener::bind("127.0.0.1:0").unwrap();
    let rude_port = rude.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in rude.incoming().map_while(Result::ok) {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
        }
    });
    let silent = Server::start(|_, _| None);
    let refused = format!("http://127.0.0.1:{}/", closed_port());
    for (url, rule, applied) in [
        (refused, "io.refused", Applied::NotSent),
        ("http://no-such-host.invalid/".to_owned(), "net.dns", Applied::NotSent),
        (format!("https://127.0.0.1:{rude_port}/"), "tls.io", Applied::NotSent),
        ("http://[".to_owned(), "url.invalid", Applied::NotSent),
        (silent.url("/"), "io.dropped", Applied::Maybe),
    ] {
        let (error, _) = attempt(&mut Bench::new(url)).await;
        let failure = error.unwrap_err().to_failure();
        assert_eq!((failure.rule.as_str(), failure.applied), (rule, applied));
    }
}

#[tokio::test]
async fn a_connection_that_broke_names_its_host_and_says_little() {
    let bytes = pattern(2 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request).cut(MIB)));
    let (error, reports) = attempt(&mut Bench::new(server.url("/file"))).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.advice()), ("dropped", &Advice::Now));
    assert_eq!(error.failed_resource(), Some(&key_of(&server)));
    assert_eq!(reports.used(), Some(key_of(&server)));
    assert!(error.to_string().len() < 120, "{error}");
    assert!(error.evidence().texts().count() > 1, "all of it is kept: {:?}", error.evidence());
}

#[tokio::test]
async fn a_place_that_others_found_down_is_left_out_unless_all_are() {
    let bytes = pattern(MIB);
    let (a, b) = (Served::new(&bytes), Served::new(&bytes));
    let first = Server::start(move |_, request| Some(a.honest(request)));
    let second = Server::start(move |_, request| Some(b.honest(request)));
    let bench = || Bench::new(first.url("/a")).mirror(second.url("/b"));

    let mut lucky = bench();
    lucky.run.hold(vec![key_of(&first)]);
    let (done, reports) = attempt(&mut lucky).await;
    assert_whole(&done.unwrap(), &bytes);
    assert_eq!(reports.used(), Some(key_of(&second)));
    assert_eq!(reports.health(), [(key_of(&second), Health::Alive)]);
    assert!(first.requests().is_empty());

    let mut admitted = bench();
    admitted.run.hold(vec![key_of(&first), key_of(&second)]);
    assert_whole(&attempt(&mut admitted).await.0.unwrap(), &bytes);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_place_that_is_no_use_for_anybody_is_reported_when_the_next_one_is_asked() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let here = Server::start(move |_, request| Some(file.honest(request)));
    // Not what a handshake expects: another attempt would fail in the same way.
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in plain.incoming().map_while(Result::ok) {
            std::io::Read::read(&mut stream, &mut [0; 4096]).unwrap();
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 no\r\n\r\n").unwrap();
        }
    });
    let mut bench = Bench::new(format!("https://127.0.0.1:{port}/")).mirror(here.url("/"));
    let (done, reports) = attempt(&mut bench).await;
    assert_whole(&done.unwrap(), &bytes);
    let broken = ResourceKey::host("https", "127.0.0.1", port).unwrap();
    let expected = [(broken, Health::Failing), (key_of(&here), Health::Alive)];
    assert_eq!(reports.health(), expected);
}

#[tokio::test]
async fn a_link_that_may_have_run_out_is_resolved_by_another_attempt() {
    let refusing = Server::start(|_, _| Some(Reply::new(403).sized(b"")));
    let (plain, _) = attempt(&mut Bench::new(refusing.url("/file#part"))).await;
    assert_eq!(plain.unwrap_err().rule(), "http.forbidden");
    for query in ["X-Amz-Signature=hush", "a=b&sig=hush", "TOKEN=hush", "Expires=1"] {
        let (error, _) = attempt(&mut Bench::new(refusing.url(&format!("/file?{query}")))).await;
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.advice()), ("link_expired", &Advice::Now), "{query}");
        assert_eq!((error.class(), error.ruling().limit), (Class::Permission, Some(2)));
        assert!(!format!("{error:?} {:?}", error.to_failure()).contains("hush"));
    }
    let target = refusing.url("/signed");
    let origin = Server::start(move |_, _| Some(Reply::new(302).with("location", &target)));
    let (error, _) = attempt(&mut Bench::new(origin.url("/"))).await;
    assert_eq!(error.unwrap_err().kind(), "link_expired");
}

#[tokio::test]
async fn the_first_bytes_of_every_attempt_are_in_a_checkpoint() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server =
        Server::start(move |n, request| Some(file.honest(request).cut((n + 1) * 1000).hold()));
    // Nothing but the first bytes makes a checkpoint worth it.
    let hour = std::time::Duration::from_secs(3600);
    let mut bench = Bench::new(server.url("/file"))
        .expecting(&bytes)
        .with(|download| download.idle_timeout(hour).checkpoint_every(u64::MAX, hour));
    let mut offset = 0;
    for _ in 0..3 {
        let TestAttempt { cx, .. } = bench.run.attempt();
        let running = bench.download.run(cx, bench.artifact.clone());
        // The process dies as soon as there is a checkpoint that knows of new bytes.
        let newest = tokio::select! {
            ended = running => panic!("{ended:?}"),
            newest = checkpoint_beyond(offset, &bench) => newest,
        };
        assert!(newest < 20_000, "{newest}");
        offset = newest;
    }
}

/// The offset of the first checkpoint that speaks of more bytes.
async fn checkpoint_beyond(offset: u64, bench: &Bench) -> u64 {
    let look = async {
        loop {
            let offsets = bench.run.checkpoints().into_iter().map(|checkpoint| {
                let value: serde_json::Value = checkpoint.read().unwrap();
                value["offset"].as_u64().unwrap()
            });
            match offsets.max().filter(|newest| *newest > offset) {
                Some(newest) => return newest,
                None => tokio::task::yield_now().await,
            }
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, look).await.expect("a checkpoint with the first bytes")
}

const URL: &str = "RESURGE_TEST_SPACE_URL";
const DIR: &str = "RESURGE_TEST_SPACE_DIR";

/// Does nothing unless it is run as a child, with a drive of one mebibyte.
#[tokio::test]
async fn child() {
    let (Ok(url), Ok(dir)) = (std::env::var(URL), std::env::var(DIR)) else { return };
    let staging = Path::new(&dir).join("staging");
    let mut bench = Bench::new(url);
    bench.artifact.staging.clone_from(&staging);
    let error = bench.attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Resource, "disk_full"), "{error:?}");
    let Advice::WhenReady(Condition::DiskSpace { path, bytes }) = error.advice() else {
        panic!("{error:?}")
    };
    assert_eq!(Path::new(path), staging);
    let written = std::fs::metadata(bench.partial()).unwrap().len();
    assert_eq!(*bytes, 4 * MIB as u64 - written + 16 * MIB as u64);
    assert!(resurge_steps::fs::free_space(&staging).unwrap() < *bytes);
    println_waited();
}

#[expect(clippy::print_stdout, reason = "tells the parent that it came so far")]
fn println_waited() {
    println!("waited for space");
}

#[tokio::test]
async fn a_full_drive_is_waited_for() {
    let bytes = pattern(4 * MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request)));
    let dir = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$1\" || exit 77; \
                  exec \"$0\" --exact resources::child --nocapture";
    let mut command = Command::new("unshare");
    command.args(["-rm", "/bin/sh", "-c", script]).arg(std::env::current_exe().unwrap());
    command.arg(dir.path()).env(URL, server.url("/file")).env(DIR, dir.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    // Where nobody may mount anything, `writer` tests with a device that is always full.
    let Ok(output) = output else { return };
    let may_mount = output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare");
    let told = String::from_utf8_lossy(&output.stdout).contains("waited for space");
    assert!(!may_mount || (output.status.success() && told), "{output:?}");
}
