//! A dashboard that says what the test says.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use resurge_dashboard::view::{Filter, Panel, Sort};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use super::*;
use crate::top::ask::{BreakerVerb, Verb};
use crate::top::source::Link;

/// A server that answers one connection after the other, as the test says.
struct Server {
    listener: TcpListener,
    data: DataDir,
    _folder: tempfile::TempDir,
}

/// A request that waits for its answer.
struct Asked {
    head: String,
    body: String,
    socket: TcpStream,
}

const TOKEN: &str = "0123456789abcdef";

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::prepare(folder.path()).unwrap();
        std::fs::write(data.token(), format!("{TOKEN}\n")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, data, _folder: folder }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// A terminal that is connected to it by what its launcher says.
    fn link(&self) -> Link {
        Running::here(self.address()).write(&self.data).unwrap();
        let (link, far) = Link::new();
        tokio::spawn(follow(Door { data: self.data.clone(), address: None }, far));
        link
    }

    async fn asked(&self) -> Asked {
        let (mut socket, _) = self.listener.accept().await.unwrap();
        let mut read = Vec::new();
        let mut piece = [0; 1_024];
        loop {
            let count = socket.read(&mut piece).await.unwrap();
            read.extend_from_slice(piece.get(..count).unwrap());
            let text = String::from_utf8(read.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Asked { head, body: body.to_owned(), socket };
            }
        }
    }
}

impl Asked {
    async fn answer(&mut self, status: &str, kind: &str, body: &str) {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}");
        self.send(&format!("{head}\r\n\r\n{body}")).await;
    }

    async fn begin_events(&mut self) {
        self.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await;
    }

    async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.unwrap();
    }
}

fn show(link: &Link, from: usize) {
    let wanted = Subscription { from, count: 60, ..Subscription::default() };
    link.wishes.send(Wish::Show(wanted)).unwrap();
}

fn lost(heard: Option<Heard>) -> String {
    match heard {
        Some(Heard::Lost(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_view_is_followed_and_taken_up_again_when_the_server_is_back() {
    let server = Server::start().await;
    let mut link = server.link();
    show(&link, 0);
    let mut first = server.asked().await;
    assert!(first.head.starts_with("get /api/v1/view?from=0&count=60&sort=-started http/1.1"));
    assert!(first.head.contains(&format!("\r\nauthorization: bearer {TOKEN}")), "{}", first.head);
    let host = format!("\r\nhost: localhost:{}", server.address().port());
    assert!(first.head.contains(&host), "{}", first.head);
    first.begin_events().await;
    first.send("event: snapshot\ndata: {\"v\":1}\nid: 7\n\n: here\n\nevent: pa").await;
    assert_eq!(link.heard.recv().await, Some(Heard::Snapshot(json!({ "v": 1 }))));
    first.send("tch\ndata: {\"seq\":8}\n\n").await;
    assert_eq!(link.heard.recv().await, Some(Heard::Patch(json!({ "seq": 8 }))));
    drop(first);
    let why = lost(link.heard.recv().await);
    assert_eq!(why, "the server has ended the view; trying again");

    let mut second = server.asked().await;
    let problem = r#"{"detail":"this is not the token","remedy":"send the right one"}"#;
    second.answer("401 Unauthorized", "application/problem+json", problem).await;
    let why = lost(link.heard.recv().await);
    assert_eq!(why, "this is not the token; send the right one; trying again");

    let mut third = server.asked().await;
    third.begin_events().await;
    third.send("event: snapshot\ndata: {\"v\":1}\n\nevent: patch\ndata: half\n\n").await;
    assert_eq!(link.heard.recv().await, Some(Heard::Snapshot(json!({ "v": 1 }))));
    assert_eq!(lost(link.heard.recv().await), "the server sends no JSON; trying again");
}

#[tokio::test]
async fn another_wish_replaces_the_stream() {
    let server = Server::start().await;
    let link = server.link();
    show(&link, 0);
    let mut first = server.asked().await;
    first.begin_events().await;
    show(&link, 60);
    let second = server.asked().await;
    assert!(second.head.starts_with("get /api/v1/view?from=60&count=60"), "{}", second.head);
    let mut rest = Vec::new();
    // Nobody holds the first one open any more.
    assert_eq!(first.socket.read_to_end(&mut rest).await.unwrap(), 0);
}

#[tokio::test]
async fn a_launcher_that_moved_is_found_where_it_says_now() {
    let (old, new) = (Server::start().await, Server::start().await);
    let mut link = old.link();
    show(&link, 0);
    drop(old.asked().await);
    lost(link.heard.recv().await);
    Running::here(new.address()).write(&old.data).unwrap();
    assert!(new.asked().await.head.starts_with("get /api/v1/view"));
}

#[tokio::test]
async fn nobody_there_is_said() {
    let server = Server::start().await;
    let mut link = server.link();
    // A port that is taken, so that nobody else gets it, and that nobody listens on.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, data) = (closed.local_addr().unwrap(), server.data.clone());
    Running::here(address).write(&data).unwrap();
    show(&link, 0);
    let why = lost(link.heard.recv().await);
    assert_eq!(why, format!("nobody answers at {address}; trying again"));
    Running::read(&data).unwrap().remove(&data);
    let mut why = lost(link.heard.recv().await);
    while why.starts_with("nobody answers") {
        why = lost(link.heard.recv().await);
    }
    assert_eq!(why, "no launcher serves a dashboard here any more; trying again");
}

#[tokio::test]
async fn controls_are_asked_for_as_the_operation_was_seen() {
    let server = Server::start().await;
    let mut link = server.link();
    let ask = Ask::Operation {
        id: "77".to_owned(),
        name: "vae".to_owned(),
        version: 118,
        verb: Verb::ForceRetry,
    };
    link.wishes.send(Wish::Do(ask.clone())).unwrap();
    let mut asked = server.asked().await;
    assert!(asked.head.starts_with("post /api/v1/operations/77/force-retry http/1.1"));
    for line in [
        "if-match: w/\"118\"",
        "x-resurge-actor: launcher top",
        "content-type: application/json",
        &format!("authorization: bearer {TOKEN}"),
    ] {
        assert!(asked.head.lines().any(|sent| sent == line), "{line} in {}", asked.head);
    }
    assert_eq!(asked.body, r#"{"reason":"asked in the terminal"}"#);
    asked.answer("202 Accepted", "application/json", "{}").await;
    let done = Heard::Done("Force retry vae: done".to_owned());
    assert_eq!(link.heard.recv().await, Some(done));

    link.wishes.send(Wish::Do(ask)).unwrap();
    let mut asked = server.asked().await;
    let problem = r#"{"title":"It has moved","detail":"it has moved","remedy":"look again"}"#;
    asked.answer("412 Precondition Failed", "application/problem+json", problem).await;
    let refused = Heard::Refused("Force retry vae: it has moved; look again".to_owned());
    assert_eq!(link.heard.recv().await, Some(refused));

    let ask =
        Ask::Breaker { key: "host:a/b".to_owned(), name: "a".to_owned(), verb: BreakerVerb::Probe };
    link.wishes.send(Wish::Do(ask)).unwrap();
    let mut asked = server.asked().await;
    assert!(asked.head.starts_with("post /api/v1/breakers/host:a%2fb/probe http/1.1"));
    assert!(!asked.head.contains("if-match"));
    asked.answer("500 Internal Server Error", "text/plain", "oh").await;
    let refused = "Probe a: the server answers with 500 Internal Server Error";
    assert_eq!(link.heard.recv().await, Some(Heard::Refused(refused.to_owned())));
}

#[test]
fn addresses_carry_whatever_was_typed() {
    assert_eq!(
        path(["api", "v1", "breakers", "host:a/b?#%20é", "probe"]),
        "/api/v1/breakers/host:a%2Fb%3F%23%2520%C3%A9/probe"
    );
    let everything = Subscription {
        filter: Filter {
            state: Some("in_progress".to_owned()),
            q: Some("a&b=c d/é".to_owned()),
            ..Filter::default()
        },
        sort: Sort::NameBack,
        from: 20,
        count: 60,
        operation: None,
        panel: Some(Panel::Breakers),
    };
    assert_eq!(
        view_path(&everything),
        "/api/v1/view?from=20&count=60&state=in_progress&q=a%26b%3Dc+d%2F%C3%A9&sort=-name&panel=breakers"
    );
    assert_eq!(view_path(&Subscription::default()), "/api/v1/view?from=0&count=0&sort=-started");
}

#[tokio::test]
async fn the_token_leaves_this_machine_only_if_somebody_says_where_to() {
    let server = Server::start().await;
    let mut link = server.link();
    Running::here("192.0.2.1:7878".parse().unwrap()).write(&server.data).unwrap();
    show(&link, 0);
    let why = lost(link.heard.recv().await);
    assert!(why.contains("--connect 192.0.2.1:7878"), "{why}");

    let door = Door { data: server.data.clone(), address: Some(server.address()) };
    let (link, far) = Link::new();
    tokio::spawn(follow(door, far));
    show(&link, 0);
    let head = server.asked().await.head;
    assert!(head.contains(&format!("\r\nauthorization: bearer {TOKEN}")), "{head}");
    assert!(head.contains(&format!("\r\nhost: {}\r\n", server.address())), "{head}");
}

#[tokio::test]
async fn the_dashboard_of_this_launcher_answers_wherever_it_listens() {
    let server = Server::start().await;
    Running::here(server.address()).write(&server.data).unwrap();
    let door = Door { data: server.data.clone(), address: Some(server.address()) };
    let (link, far) = Link::new();
    tokio::spawn(follow(door, far));
    show(&link, 0);
    let (head, port) = (server.asked().await.head, server.address().port());
    assert!(head.contains(&format!("\r\nhost: localhost:{port}\r\n")), "{head}");
}
