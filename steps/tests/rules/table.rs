//! The table: what every error means. Each line is judged live, and once more from the journal.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderName};
use resurge_journal::failure::{Advice, Applied, Class, Evidence, Failure, Scope};
use resurge_steps::StepError;
use resurge_steps::classify::{catalogue, exit_status, grpc_status, http_status, reclassify};

use Advice::{Never, Now};

/// One line: what happened, and class, kind, advice, limit, scope, rule.
type Line = (StepError, Class, &'static str, Advice, Option<u32>, Scope, &'static str);

const B: Advice = Advice::BACKOFF;

const fn stretched(stretch: u32) -> Advice {
    Advice::Backoff { stretch }
}

const fn after(seconds: u64, shared: bool) -> Advice {
    Advice::After { delay: Duration::from_secs(seconds), shared }
}

fn os(number: i32) -> StepError {
    io::Error::from_raw_os_error(number).into()
}

fn kind(kind: ErrorKind) -> StepError {
    io::Error::from(kind).into()
}

fn http(status: u16) -> StepError {
    http_with(status, &[])
}

fn http_with(status: u16, headers: &[(&str, &str)]) -> StepError {
    let parse = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
    };
    let headers: HeaderMap = headers.iter().map(parse).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    StepError::from_evidence(http_status(status, &headers, now), "the server refuses")
}

fn grpc(code: i32) -> StepError {
    StepError::from_evidence(grpc_status(code), "the call failed")
}

fn fact(name: &str, value: &str) -> StepError {
    let mut evidence = Evidence::default();
    evidence.fact(name, value);
    StepError::from_evidence(evidence, "it failed")
}

fn link(status: u16, how: &str) -> StepError {
    let mut evidence = http_status(status, &HeaderMap::new(), SystemTime::UNIX_EPOCH);
    evidence.fact("link", how);
    StepError::from_evidence(evidence, "the link is refused")
}

fn exit(status: i32) -> StepError {
    let status = std::os::unix::process::ExitStatusExt::from_raw(status);
    StepError::from_evidence(exit_status(status), "the program failed")
}

/// Judges the line, puts it through the journal's format, and judges it again.
#[track_caller]
fn check(lines: Vec<Line>) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for (error, class, kind, advice, limit, scope, rule) in lines {
        let text = format!("{error:?} {:?}", error.evidence());
        let live = error.to_failure();
        let json = serde_json::to_string(&live).unwrap();
        let kept: Failure = serde_json::from_str(&json).unwrap();
        assert_eq!(live, kept, "{text}");
        let ruling = reclassify(&kept.evidence);
        assert_eq!(
            (kept.class, kept.kind.as_str(), &kept.advice, kept.limit, kept.scope, &*kept.rule),
            (class, kind, &advice, limit, scope, rule),
            "{text}"
        );
        let again = (ruling.class, &ruling.kind, &ruling.advice, ruling.limit, ruling.scope);
        assert_eq!(again, (kept.class, &kept.kind, &kept.advice, kept.limit, kept.scope), "{text}");
        assert_eq!((ruling.applied, &ruling.rule), (kept.applied, &kept.rule), "{text}");
        assert_eq!((ruling.hint, error.is_retryable()), (kept.hint, advice != Never), "{text}");
        rules.insert(kept.rule);
    }
    rules
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn system() -> Vec<Line> {
    use Class::{Conflict, Integrity, Internal, Network, NotFound, Permission, Resource, Timeout};
    use Class::{Unknown, Validation};
    use Scope::{Host, Item, Process, Volume};
    vec![
        (os(libc::ECONNREFUSED), Network, "refused", B, None, Host, "io.refused"),
        (os(libc::ECONNRESET), Network, "dropped", Now, None, Host, "io.dropped"),
        (os(libc::ECONNABORTED), Network, "dropped", Now, None, Host, "io.dropped"),
        (os(libc::EPIPE), Network, "dropped", Now, None, Host, "io.dropped"),
        (os(libc::EPROTO), Network, "dropped", Now, None, Host, "io.dropped"),
        (kind(ErrorKind::UnexpectedEof), Network, "dropped", Now, None, Host, "io.dropped"),
        (kind(ErrorKind::NotConnected), Network, "dropped", Now, None, Host, "io.dropped"),
        (os(libc::ENETUNREACH), Network, "offline", B, None, Host, "io.offline"),
        (os(libc::EHOSTUNREACH), Network, "offline", B, None, Host, "io.offline"),
        (os(libc::ENETDOWN), Network, "offline", B, None, Host, "io.offline"),
        (os(libc::EHOSTDOWN), Network, "offline", B, None, Host, "io.offline"),
        (os(libc::ENOBUFS), Network, "offline", B, None, Host, "io.offline"),
        (os(libc::ETIMEDOUT), Timeout, "timed_out", B, None, Host, "io.timed_out"),
        (os(libc::ENOSPC), Resource, "disk_full", B, None, Volume, "io.disk_full"),
        (kind(ErrorKind::WriteZero), Resource, "disk_full", B, None, Volume, "io.disk_full"),
        (os(libc::EDQUOT), Resource, "quota", B, None, Volume, "io.quota"),
        (os(libc::EMFILE), Resource, "handles", stretched(2), None, Process, "io.handles"),
        (os(libc::ENFILE), Resource, "handles", stretched(2), None, Process, "io.handles"),
        (os(libc::EADDRNOTAVAIL), Resource, "ports", stretched(2), None, Process, "io.ports"),
        (os(libc::ENOMEM), Resource, "memory", stretched(4), Some(2), Process, "io.memory"),
        (exit(9), Resource, "memory", stretched(4), Some(2), Process, "io.memory"),
        (os(libc::EACCES), Permission, "denied", Never, None, Item, "io.denied"),
        (os(libc::EPERM), Permission, "denied", Never, None, Item, "io.denied"),
        (os(libc::EROFS), Permission, "read_only", Never, None, Volume, "io.read_only"),
        (
            fact("os", "ERROR_SHARING_VIOLATION"),
            Conflict,
            "file_in_use",
            B,
            Some(10),
            Item,
            "io.file_in_use",
        ),
        (os(libc::EBUSY), Conflict, "busy", B, Some(8), Item, "io.busy"),
        (os(libc::ETXTBSY), Conflict, "busy", B, Some(8), Item, "io.busy"),
        (os(libc::EAGAIN), Conflict, "busy", B, Some(8), Item, "io.busy"),
        (os(libc::ENOLCK), Conflict, "busy", B, Some(8), Item, "io.busy"),
        (os(libc::ESTALE), Conflict, "busy", B, Some(8), Item, "io.busy"),
        (os(libc::EDEADLK), Conflict, "busy", B, Some(8), Item, "io.busy"),
        (os(libc::EADDRINUSE), Conflict, "address_in_use", B, Some(8), Item, "io.address_in_use"),
        (os(libc::EINTR), Conflict, "busy", Now, None, Item, "io.interrupted"),
        (os(libc::EIO), Integrity, "io", B, Some(1), Volume, "io.drive"),
        (os(libc::ENOENT), NotFound, "file_missing", Never, None, Item, "io.missing"),
        (os(libc::ENOTDIR), Validation, "path", Never, None, Item, "io.path"),
        (os(libc::EISDIR), Validation, "path", Never, None, Item, "io.path"),
        (os(libc::ENAMETOOLONG), Validation, "path", Never, None, Item, "io.path"),
        (os(libc::ELOOP), Validation, "path", Never, None, Item, "io.path"),
        (os(libc::EEXIST), Validation, "path", Never, None, Item, "io.path"),
        (os(libc::EFBIG), Validation, "file_too_large", Never, None, Volume, "io.file_too_large"),
        (os(libc::EXDEV), Internal, "cross_device", Never, None, Item, "io.cross_device"),
        (os(libc::EINVAL), Validation, "input", Never, None, Item, "io.input"),
        (os(libc::ENOSYS), Validation, "unsupported", Never, None, Item, "io.unsupported"),
        (kind(ErrorKind::InvalidData), Validation, "format", Never, None, Item, "data.format"),
        (exit(3 << 8), Unknown, "exit", B, Some(1), Item, "program.failed"),
        (exit(15), Unknown, "exit", B, Some(1), Item, "program.failed"),
        (std::fmt::Error.into(), Unknown, "unknown", B, Some(2), Item, "unknown"),
    ]
}

fn statuses() -> Vec<Line> {
    use Class::{Cancelled, Validation};
    use Class::{Conflict, Integrity, Network, NotFound, Permission, Server, Throttled, Timeout};
    use Scope::{Account, Host, Item};
    let mut lines = vec![
        (link(403, "signed"), Permission, "link_expired", Now, Some(2), Item, "http.link_expired"),
        (
            link(400, "redirected"),
            Permission,
            "link_expired",
            Now,
            Some(2),
            Item,
            "http.link_expired",
        ),
        (link(404, "signed"), NotFound, "http_404", Never, None, Item, "http.missing"),
        (
            http_with(429, &[("retry-after", "3")]),
            Throttled,
            "http_429",
            after(3, false),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")]),
            Throttled,
            "http_429",
            after(3, false),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("retry-after", "0")]),
            Throttled,
            "http_429",
            after(1, false),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("retry-after", "86400")]),
            Throttled,
            "http_429",
            after(900, false),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]),
            Throttled,
            "http_429",
            after(1, false),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("retry-after", "soon")]),
            Throttled,
            "http_429",
            B,
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("retry-after", "-5")]),
            Throttled,
            "http_429",
            B,
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("ratelimit", "\"x\";r=0;t=3")]),
            Throttled,
            "http_429",
            after(3, true),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("ratelimit", "\"x\";r=3;t=87")]),
            Throttled,
            "http_429",
            B,
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("ratelimit", "r=0;t=9"), ("retry-after", "7")]),
            Throttled,
            "http_429",
            after(9, true),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(429, &[("ratelimit", "r=1;t=9"), ("retry-after", "7")]),
            Throttled,
            "http_429",
            after(7, false),
            None,
            Account,
            "http.429",
        ),
        (
            http_with(503, &[("retry-after", "2")]),
            Throttled,
            "http_503",
            after(2, false),
            None,
            Host,
            "http.paused",
        ),
        (
            http_with(529, &[("ratelimit", "r=0;t=2")]),
            Throttled,
            "http_529",
            after(2, true),
            None,
            Host,
            "http.paused",
        ),
        (
            http_with(403, &[("retry-after", "2")]),
            Permission,
            "http_403",
            Never,
            None,
            Account,
            "http.forbidden",
        ),
        (grpc(14), Server, "grpc_14", B, None, Host, "http.unavailable"),
        (grpc(13), Server, "grpc_13", B, Some(3), Host, "http.500"),
        (grpc(8), Throttled, "grpc_8", B, None, Account, "http.429"),
        (grpc(16), Permission, "grpc_16", Never, None, Account, "http.401"),
        (grpc(5), NotFound, "grpc_5", Never, None, Item, "http.missing"),
        (grpc(10), Conflict, "grpc_10", B, Some(5), Item, "http.conflict"),
        (grpc(12), Validation, "grpc_12", Never, None, Item, "http.unsupported"),
        (grpc(3), Validation, "grpc_3", Never, None, Item, "http.request"),
        (grpc(4), Timeout, "grpc_4", B, None, Host, "http.slow"),
        (grpc(1), Cancelled, "grpc_1", Never, None, Item, "grpc.cancelled"),
        (grpc(15), Integrity, "grpc_15", Never, None, Item, "grpc.data"),
        (grpc(6), Conflict, "grpc_6", Never, None, Item, "grpc.conflict"),
    ];
    type Group<'a> = (&'a [u16], Class, Advice, Option<u32>, Scope, &'static str);
    let groups: &[Group<'_>] = &[
        (&[401], Permission, Never, None, Account, "http.401"),
        (&[402, 403, 451], Permission, Never, None, Account, "http.forbidden"),
        (&[404, 410], NotFound, Never, None, Item, "http.missing"),
        (&[407], Permission, Never, None, Account, "http.407"),
        (&[408, 504, 522, 524], Timeout, B, None, Host, "http.slow"),
        (&[409, 423], Conflict, B, Some(5), Item, "http.conflict"),
        (&[412, 416], Integrity, Now, Some(1), Item, "http.changed"),
        (&[421], Network, Now, Some(1), Host, "http.421"),
        (&[425], Network, Now, Some(1), Host, "http.425"),
        (&[429], Throttled, B, None, Account, "http.429"),
        (&[500], Server, B, Some(3), Host, "http.500"),
        (&[502, 503, 520, 521, 523, 529, 530, 599], Server, B, None, Host, "http.unavailable"),
        (&[501, 505, 506, 508, 510, 525, 526], Validation, Never, None, Item, "http.unsupported"),
        (&[507], Server, stretched(4), Some(2), Host, "http.507"),
        (&[511], Network, B, None, Host, "http.511"),
        (
            &[400, 405, 406, 411, 413, 414, 415, 417, 422, 428, 431],
            Validation,
            Never,
            None,
            Item,
            "http.request",
        ),
        (&[101, 204, 205, 300, 304, 305, 600], Validation, Never, None, Item, "http.unexpected"),
    ];
    for (statuses, class, advice, limit, scope, rule) in groups {
        for status in *statuses {
            let kind = Box::leak(format!("http_{status}").into_boxed_str());
            lines.push((http(*status), *class, kind, advice.clone(), *limit, *scope, rule));
        }
    }
    lines
}

fn libraries() -> Vec<Line> {
    use Class::{Integrity, Internal, Interrupted, Network, Security, Server, Timeout, Validation};
    use Scope::{Host, Item};
    let tls = |error: rustls::Error| StepError::from(io::Error::new(ErrorKind::InvalidData, error));
    let certificate = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
    let h2 = h2::Error::from(h2::Reason::INTERNAL_ERROR);
    let address = url::Url::parse("http://[").unwrap_err();
    let json = serde_json::from_str::<u8>("[]").unwrap_err();
    let path = resurge_steps::artifact::InstallPath::new("/etc").unwrap_err();
    let lost = resurge_steps::CheckpointError::Unavailable;
    let large = resurge_steps::CheckpointError::TooLarge { bytes: 2, bytes_max: 1 };
    let gone = resurge_steps::CheckpointError::Superseded;
    vec![
        (tls(certificate), Security, "tls_trust", Never, None, Host, "tls.trust"),
        (tls(alert), Security, "tls_trust", Never, None, Host, "tls.trust"),
        (tls(rustls::Error::DecryptError), Network, "tls_io", B, None, Host, "tls.io"),
        (
            tls(rustls::Error::NoApplicationProtocol),
            Security,
            "tls_protocol",
            Never,
            None,
            Host,
            "tls.protocol",
        ),
        (h2.into(), Network, "dropped", Now, None, Host, "io.dropped"),
        (address.into(), Validation, "url", Never, None, Item, "url.invalid"),
        (json.into(), Validation, "format", Never, None, Item, "data.format"),
        (path.into(), Validation, "artifact", Never, None, Item, "step.artifact"),
        (lost.into(), Interrupted, "journal_unavailable", B, None, Item, "step.journal"),
        (gone.into(), Interrupted, "superseded", Never, None, Item, "step.superseded"),
        (
            large.into(),
            Internal,
            "checkpoint_too_large",
            Never,
            None,
            Item,
            "step.checkpoint_too_large",
        ),
        (fact("reqwest", "dns"), Network, "dns", B, None, Host, "net.dns"),
        (fact("reqwest", "connect"), Network, "connect", B, None, Host, "net.connect"),
        (
            fact("reqwest", "connect_timeout"),
            Timeout,
            "connect_timeout",
            B,
            None,
            Host,
            "net.connect_timeout",
        ),
        (fact("reqwest", "timeout"), Timeout, "timed_out", B, None, Host, "io.timed_out"),
        (
            fact("reqwest", "redirect"),
            Validation,
            "redirect_loop",
            Never,
            None,
            Item,
            "http.redirect_loop",
        ),
        (fact("reqwest", "body"), Network, "dropped", Now, None, Host, "io.dropped"),
        (fact("reqwest", "decode"), Validation, "format", Never, None, Item, "data.format"),
        (fact("reqwest", "builder"), Validation, "url", Never, None, Item, "url.invalid"),
        (fact("hyper", "parse"), Server, "bad_answer", B, None, Host, "http.bad_answer"),
        (fact("hyper", "user"), Internal, "http_client", Never, None, Item, "http.client"),
        (fact("hyper", "incomplete_message"), Network, "dropped", Now, None, Host, "io.dropped"),
        (fact("transfer", "stalled"), Timeout, "stalled", Now, None, Host, "net.stalled"),
        (fact("transfer", "size"), Integrity, "size", Never, None, Item, "data.promise"),
        (fact("data", "changed"), Integrity, "changed", Now, Some(1), Item, "data.changed"),
        (
            fact("data", "digest_mismatch"),
            Integrity,
            "digest_mismatch",
            stretched(2),
            Some(2),
            Item,
            "data.digest",
        ),
        (
            fact("data", "size_mismatch"),
            Integrity,
            "size_mismatch",
            stretched(2),
            Some(2),
            Item,
            "data.size",
        ),
        (
            fact("data", "published_hash"),
            Validation,
            "published_hash",
            Never,
            None,
            Item,
            "data.published_hash",
        ),
        (
            fact("data", "published_size"),
            Validation,
            "published_size",
            Never,
            None,
            Item,
            "data.published_size",
        ),
    ]
}

fn classes() -> Vec<Line> {
    Class::ALL
        .iter()
        .map(|class| {
            let advice = if class.is_retryable() { B } else { Never };
            let limit = (*class == Class::Unknown).then_some(2);
            let scope = match class {
                Class::Network | Class::Timeout | Class::Throttled | Class::Server => Scope::Host,
                _ => Scope::Item,
            };
            let rule = Box::leak(format!("class.{}", class.name()).into_boxed_str());
            (
                StepError::new(*class, "mine", "it failed"),
                *class,
                "mine",
                advice,
                limit,
                scope,
                &*rule,
            )
        })
        .collect()
}

async fn tasks() -> Vec<Line> {
    use Class::{Cancelled, Internal, Timeout};
    use Scope::{Host, Item};
    let never = std::future::pending::<()>();
    let slow = tokio::time::timeout(Duration::from_secs(1), never).await.unwrap_err();
    let panics = tokio::spawn(async { std::panic::resume_unwind(Box::new(())) });
    let panic: tokio::task::JoinError = panics.await.map(|(): ()| ()).unwrap_err();
    let called_off = tokio::spawn(std::future::pending::<()>());
    called_off.abort();
    let called_off = called_off.await.unwrap_err();
    vec![
        (slow.into(), Timeout, "elapsed", B, None, Host, "task.elapsed"),
        (panic.into(), Internal, "panic", Never, None, Item, "task.panic"),
        (called_off.into(), Cancelled, "cancelled", Never, None, Item, "task.cancelled"),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_line_of_the_table_holds_and_every_rule_has_one() {
    let mut covered = BTreeSet::new();
    for lines in [system(), statuses(), libraries(), classes(), tasks().await] {
        covered.append(&mut check(lines));
    }
    let ids: Vec<&str> = catalogue().map(|rule| rule.id).collect();
    let unique: BTreeSet<String> = ids.iter().map(|&id| id.to_owned()).collect();
    assert_eq!(unique.len(), ids.len(), "every rule has a name of its own");
    assert_eq!(covered, unique, "every rule has a line, and no line has another rule");
    for rule in catalogue() {
        assert!(!rule.hint.is_empty() && !rule.hint.ends_with('.'), "{}", rule.id);
        assert!(rule.id.len() <= Failure::KIND_BYTES_MAX, "{}", rule.id);
    }
}

#[test]
fn what_certainly_had_no_effect_is_said_to_have_none() {
    let not_sent = |error: StepError| error.to_failure().applied == Applied::NotSent;
    assert!(not_sent(os(libc::ECONNREFUSED)));
    for value in ["dns", "connect", "connect_timeout", "builder"] {
        assert!(not_sent(fact("reqwest", value)), "{value}");
    }
    for value in ["body", "request", "timeout"] {
        assert!(!not_sent(fact("reqwest", value)), "{value}");
    }
    assert!(!not_sent(os(libc::ECONNRESET)) && !not_sent(http(503)));
    let mut while_connecting = Evidence::default();
    while_connecting.fact("reqwest", "connect");
    while_connecting.fact("io", "connection_reset");
    let error = StepError::from_evidence(while_connecting, "cut off");
    assert_eq!(error.kind(), "tls_io");
    assert!(not_sent(error));
}

#[derive(Debug, thiserror::Error)]
#[error("while preparing")]
struct Outer(#[source] Box<dyn std::error::Error + Send + Sync>);

#[test]
fn a_cause_is_found_behind_other_errors() {
    let wrapped = io::Error::other(Outer(io::Error::from_raw_os_error(28).into()));
    let error = StepError::from(Outer(Outer(wrapped.into()).into()));
    assert_eq!(error.kind(), "disk_full");
    assert_eq!(error.to_string(), "while preparing: No space left on device (os error 28)");
    let mut deep = io::Error::from_raw_os_error(28);
    for kind in [ErrorKind::ConnectionReset, ErrorKind::NotFound].repeat(10) {
        deep = io::Error::new(kind, Outer(deep.into()));
    }
    assert_eq!(StepError::from(deep).kind(), "disk_full", "however deep it is buried");
}

#[test]
fn texts_do_not_decide() {
    let error = Outer("connection refused: 403 no space left on device".into());
    assert_eq!(StepError::from(error).rule(), "unknown");
}

#[test]
fn a_wrapped_error_says_more_than_the_kind_around_it() {
    let inner = serde_json::from_str::<u8>("{").unwrap_err();
    let error = io::Error::new(ErrorKind::ConnectionReset, inner);
    assert_eq!(StepError::from(error).kind(), "format");
    let error = io::Error::new(ErrorKind::ConnectionReset, "just text");
    assert_eq!(StepError::from(error).kind(), "dropped");
}

#[test]
fn json_that_could_not_be_read_is_told_from_json_that_is_wrong() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::ConnectionReset.into())
        }
    }
    let broken = serde_json::from_reader::<_, u8>(Broken).unwrap_err();
    assert_eq!(StepError::from(broken).kind(), "dropped");
}
