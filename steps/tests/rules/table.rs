//! The table: what every error means. Each line is judged live, and once more from the journal.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderName};
use resurge_journal::failure::{Advice, Applied, Class, Evidence, Failure};
use resurge_steps::StepError;
use resurge_steps::classify::{catalogue, exit_status, grpc_status, http_status, reclassify};

/// One line: what happened, and `class/kind advice [limit] scope rule`.
///
/// Advice is `never`, `now`, `B` for the delay of the policy, `Bx2` for twice that, or what the
/// server wants, such as `3s`.
type Line = (StepError, &'static str);

fn os(number: i32) -> StepError {
    io::Error::from_raw_os_error(number).into()
}

fn kind(kind: ErrorKind) -> StepError {
    io::Error::from(kind).into()
}

fn http(status: u16, headers: &[(&str, &str)]) -> StepError {
    let parse = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
    };
    let headers: HeaderMap = headers.iter().map(parse).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    StepError::from_evidence(&http_status(status, &headers, now), "the server refuses")
}

fn grpc(code: i32) -> StepError {
    StepError::from_evidence(&grpc_status(code), "the call failed")
}

fn fact(name: &str, value: &str) -> StepError {
    let mut evidence = Evidence::default();
    evidence.fact(name, value);
    StepError::from_evidence(&evidence, "it failed")
}

fn link(status: u16, how: &str) -> StepError {
    let mut evidence = http_status(status, &HeaderMap::new(), SystemTime::UNIX_EPOCH);
    evidence.fact("link", how);
    StepError::from_evidence(&evidence, "the link is refused")
}

fn exit(status: i32) -> StepError {
    let status = std::os::unix::process::ExitStatusExt::from_raw(status);
    StepError::from_evidence(&exit_status(status), "the program failed")
}

/// A failure as it stands in a line.
fn line(failure: &Failure) -> String {
    let advice = match &failure.advice {
        Advice::Never => "never".to_owned(),
        Advice::Now => "now".to_owned(),
        Advice::Backoff { stretch: 1 } => "B".to_owned(),
        Advice::Backoff { stretch } => format!("Bx{stretch}"),
        Advice::After { delay, shared: false } => format!("{}s", delay.as_secs()),
        Advice::After { delay, shared: true } => format!("{}s-shared", delay.as_secs()),
        other => format!("{other:?}"),
    };
    let limit = failure.limit.map(|retries| format!(" lim{retries}")).unwrap_or_default();
    let (class, kind, scope) = (failure.class.name(), &failure.kind, failure.scope.name());
    format!("{class}/{kind} {advice}{limit} {scope} {}", failure.rule)
}

/// Judges the line, puts it through the journal's format, and judges it again.
#[track_caller]
fn check(error: &StepError, expected: &str) -> String {
    let live = error.to_failure();
    let text = serde_json::to_string(&live).unwrap();
    let kept: Failure = serde_json::from_str(&text).unwrap();
    assert_eq!((&live, line(&kept).as_str()), (&kept, expected), "{error:?} {text}");
    let ruling = reclassify(&kept.evidence);
    let again = Failure {
        class: ruling.class,
        kind: ruling.kind,
        advice: ruling.advice,
        limit: ruling.limit,
        scope: ruling.scope,
        applied: ruling.applied,
        rule: ruling.rule,
        hint: ruling.hint,
        ..kept.clone()
    };
    assert_eq!(again, kept, "the journal alone leads to the same end");
    kept.rule
}

#[rustfmt::skip]
fn system() -> Vec<Line> {
    vec![
        (os(libc::ECONNREFUSED), "network/refused B host io.refused"),
        (os(libc::ECONNRESET), "network/dropped now host io.dropped"),
        (os(libc::ECONNABORTED), "network/dropped now host io.dropped"),
        (os(libc::EPIPE), "network/dropped now host io.dropped"),
        (os(libc::EPROTO), "network/dropped now host io.dropped"),
        (kind(ErrorKind::UnexpectedEof), "network/dropped now host io.dropped"),
        (kind(ErrorKind::NotConnected), "network/dropped now host io.dropped"),
        (os(libc::ENETUNREACH), "network/offline B host io.offline"),
        (os(libc::EHOSTUNREACH), "network/offline B host io.offline"),
        (os(libc::ENETDOWN), "network/offline B host io.offline"),
        (os(libc::EHOSTDOWN), "network/offline B host io.offline"),
        (os(libc::ENOBUFS), "network/offline B host io.offline"),
        (os(libc::ETIMEDOUT), "timeout/timed_out B host io.timed_out"),
        (os(libc::ENOSPC), "resource/disk_full B volume io.disk_full"),
        (kind(ErrorKind::WriteZero), "resource/disk_full B volume io.disk_full"),
        (os(libc::EDQUOT), "resource/quota B volume io.quota"),
        (os(libc::EMFILE), "resource/handles Bx2 process io.handles"),
        (os(libc::ENFILE), "resource/handles Bx2 process io.handles"),
        (os(libc::EADDRNOTAVAIL), "resource/ports Bx2 process io.ports"),
        (os(libc::ENOMEM), "resource/memory Bx4 lim2 process io.memory"),
        (exit(9), "resource/memory Bx4 lim2 process io.memory"),
        (os(libc::EACCES), "permission/denied never item io.denied"),
        (os(libc::EPERM), "permission/denied never item io.denied"),
        (os(libc::EROFS), "permission/read_only never volume io.read_only"),
        (fact("os", "ERROR_SHARING_VIOLATION"), "conflict/file_in_use B lim10 item io.file_in_use"),
        (os(libc::EBUSY), "conflict/busy B lim8 item io.busy"),
        (os(libc::ETXTBSY), "conflict/busy B lim8 item io.busy"),
        (os(libc::EAGAIN), "conflict/busy B lim8 item io.busy"),
        (os(libc::ENOLCK), "conflict/busy B lim8 item io.busy"),
        (os(libc::ESTALE), "conflict/busy B lim8 item io.busy"),
        (os(libc::EDEADLK), "conflict/busy B lim8 item io.busy"),
        (os(libc::EADDRINUSE), "conflict/address_in_use B lim8 item io.address_in_use"),
        (os(libc::EINTR), "conflict/busy now item io.interrupted"),
        (os(libc::EIO), "integrity/io B lim1 volume io.drive"),
        (os(libc::ENOENT), "not_found/file_missing never item io.missing"),
        (os(libc::ENOTDIR), "validation/path never item io.path"),
        (os(libc::EISDIR), "validation/path never item io.path"),
        (os(libc::ENAMETOOLONG), "validation/path never item io.path"),
        (os(libc::ELOOP), "validation/path never item io.path"),
        (os(libc::EEXIST), "validation/path never item io.path"),
        (os(libc::EFBIG), "validation/file_too_large never volume io.file_too_large"),
        (os(libc::EXDEV), "internal/cross_device never item io.cross_device"),
        (os(libc::EINVAL), "validation/input never item io.input"),
        (os(libc::ENOSYS), "validation/unsupported never item io.unsupported"),
        (kind(ErrorKind::InvalidData), "validation/format never item data.format"),
        (exit(3 << 8), "unknown/exit B lim1 item program.failed"),
        (exit(15), "unknown/exit B lim1 item program.failed"),
        (std::fmt::Error.into(), "unknown/unknown B lim2 item unknown"),
    ]
}

#[rustfmt::skip]
fn answers() -> Vec<Line> {
    let slow = |header| http(429, &[header]);
    let both = |limit| http(429, &[("ratelimit", limit), ("retry-after", "7")]);
    let paused = |status, header| http(status, &[header]);
    vec![
        (link(403, "signed"), "permission/link_expired now lim2 item http.link_expired"),
        (link(400, "redirected"), "permission/link_expired now lim2 item http.link_expired"),
        (link(404, "signed"), "not_found/http_404 never item http.missing"),
        (slow(("retry-after", "3")), "throttled/http_429 3s account http.429"),
        (slow(("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT")), "throttled/http_429 3s account http.429"),
        (slow(("retry-after", "0")), "throttled/http_429 1s account http.429"),
        (slow(("retry-after", "86400")), "throttled/http_429 86400s account http.429"),
        (
            slow(("retry-after", "99999999999999999999999")),
            "throttled/http_429 31536000s account http.429",
        ),
        (slow(("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")), "throttled/http_429 1s account http.429"),
        (slow(("retry-after", "soon")), "throttled/http_429 B account http.429"),
        (slow(("retry-after", "-5")), "throttled/http_429 B account http.429"),
        (slow(("ratelimit", "\"x\";r=0;t=3")), "throttled/http_429 3s-shared account http.429"),
        (slow(("ratelimit", "\"x\";r=3;t=87")), "throttled/http_429 B account http.429"),
        (both("r=0;t=9"), "throttled/http_429 9s-shared account http.429"),
        (both("r=1;t=9"), "throttled/http_429 7s account http.429"),
        (paused(503, ("retry-after", "2")), "throttled/http_503 2s host http.paused"),
        (paused(529, ("ratelimit", "r=0;t=2")), "throttled/http_529 2s-shared host http.paused"),
        (paused(403, ("retry-after", "2")), "permission/http_403 never account http.forbidden"),
        (grpc(14), "server/grpc_14 B host http.unavailable"),
        (grpc(13), "server/grpc_13 B lim3 host http.500"),
        (grpc(8), "throttled/grpc_8 B account http.429"),
        (grpc(16), "permission/grpc_16 never account http.401"),
        (grpc(5), "not_found/grpc_5 never item http.missing"),
        (grpc(10), "conflict/grpc_10 B lim5 item http.conflict"),
        (grpc(12), "validation/grpc_12 never item http.unsupported"),
        (grpc(3), "validation/grpc_3 never item http.request"),
        (grpc(4), "timeout/grpc_4 B host http.slow"),
        (grpc(1), "cancelled/grpc_1 never item grpc.cancelled"),
        (grpc(15), "integrity/grpc_15 never item grpc.data"),
        (grpc(6), "conflict/grpc_6 never item grpc.conflict"),
    ]
}

/// Many statuses share a line; their kind is `http_` and the status.
#[rustfmt::skip]
const STATUSES: &[(&[u16], &str, &str)] = &[
    (&[401], "permission", "never account http.401"),
    (&[402, 403, 451], "permission", "never account http.forbidden"),
    (&[404, 410], "not_found", "never item http.missing"),
    (&[407], "permission", "never account http.407"),
    (&[408, 504, 522, 524], "timeout", "B host http.slow"),
    (&[409, 423], "conflict", "B lim5 item http.conflict"),
    (&[412, 416], "integrity", "now lim1 item http.changed"),
    (&[421], "network", "now lim1 host http.421"),
    (&[425], "network", "now lim1 host http.425"),
    (&[429], "throttled", "B account http.429"),
    (&[500], "server", "B lim3 host http.500"),
    (&[502, 503, 520, 521, 523, 529, 530, 599], "server", "B host http.unavailable"),
    (&[501, 505, 506, 508, 510, 525, 526], "validation", "never item http.unsupported"),
    (&[507], "server", "Bx4 lim2 host http.507"),
    (&[511], "network", "B host http.511"),
    (&[400, 405, 406, 411, 413, 414, 415, 417, 422, 428, 431], "validation", "never item http.request"),
    (&[101, 204, 205, 300, 304, 305, 600], "validation", "never item http.unexpected"),
];

#[rustfmt::skip]
fn libraries() -> Vec<Line> {
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
        (tls(certificate), "security/tls_trust never host tls.trust"),
        (tls(alert), "security/tls_trust never host tls.trust"),
        (tls(rustls::Error::DecryptError), "network/tls_io B host tls.io"),
        (tls(rustls::Error::NoApplicationProtocol), "security/tls_protocol never host tls.protocol"),
        (h2.into(), "network/dropped now host io.dropped"),
        (address.into(), "validation/url never item url.invalid"),
        (json.into(), "validation/format never item data.format"),
        (path.into(), "validation/artifact never item step.artifact"),
        (lost.into(), "interrupted/journal_unavailable B item step.journal"),
        (gone.into(), "interrupted/superseded never item step.superseded"),
        (large.into(), "internal/checkpoint_too_large never item step.checkpoint_too_large"),
    ]
}

/// What clients say about themselves, and what the ready-made steps find.
#[rustfmt::skip]
fn findings() -> Vec<Line> {
    vec![
        (fact("reqwest", "dns"), "network/dns B host net.dns"),
        (fact("reqwest", "connect"), "network/connect B host net.connect"),
        (fact("reqwest", "connect_timeout"), "timeout/connect_timeout B host net.connect_timeout"),
        (fact("reqwest", "timeout"), "timeout/timed_out B host io.timed_out"),
        (fact("reqwest", "redirect"), "validation/redirect_loop never item http.redirect_loop"),
        (fact("reqwest", "body"), "network/dropped now host io.dropped"),
        (fact("reqwest", "decode"), "validation/format never item data.format"),
        (fact("reqwest", "builder"), "validation/url never item url.invalid"),
        (fact("hyper", "parse"), "server/bad_answer B host http.bad_answer"),
        (fact("hyper", "user"), "internal/http_client never item http.client"),
        (fact("hyper", "incomplete_message"), "network/dropped now host io.dropped"),
        (fact("transfer", "cut_short"), "network/cut_short now host net.cut_short"),
        (fact("transfer", "stalled"), "timeout/stalled now host net.stalled"),
        (fact("transfer", "size"), "integrity/size never item data.promise"),
        (fact("data", "changed"), "integrity/changed now lim1 item data.changed"),
        (fact("data", "digest_mismatch"), "integrity/digest_mismatch Bx2 lim2 item data.digest"),
        (fact("data", "size_mismatch"), "integrity/size_mismatch Bx2 lim2 item data.size"),
        (fact("data", "published_hash"), "validation/published_hash never item data.published_hash"),
        (fact("data", "published_size"), "validation/published_size never item data.published_size"),
    ]
}

async fn tasks() -> Vec<Line> {
    let never = std::future::pending::<()>();
    let slow = tokio::time::timeout(Duration::from_secs(1), never).await.unwrap_err();
    let panics = tokio::spawn(async { std::panic::resume_unwind(Box::new(())) });
    let panic: tokio::task::JoinError = panics.await.map(|(): ()| ()).unwrap_err();
    let called_off = tokio::spawn(std::future::pending::<()>());
    called_off.abort();
    let called_off = called_off.await.unwrap_err();
    vec![
        (slow.into(), "timeout/elapsed B host task.elapsed"),
        (panic.into(), "internal/panic never item task.panic"),
        (called_off.into(), "cancelled/cancelled never item task.cancelled"),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_line_of_the_table_holds_and_every_rule_has_one() {
    let mut covered = BTreeSet::new();
    for lines in [system(), answers(), libraries(), findings(), tasks().await] {
        covered.extend(lines.iter().map(|(error, expected)| check(error, expected)));
    }
    for (statuses, class, rest) in STATUSES {
        for status in *statuses {
            let expected = format!("{class}/http_{status} {rest}");
            covered.insert(check(&http(*status, &[]), &expected));
        }
    }
    for class in Class::ALL {
        let advice = if class.is_retryable() { "B" } else { "never" };
        let limit = if *class == Class::Unknown { " lim2" } else { "" };
        let host = [Class::Network, Class::Timeout, Class::Throttled, Class::Server];
        let scope = if host.contains(class) { "host" } else { "item" };
        let name = class.name();
        let expected = format!("{name}/mine {advice}{limit} {scope} class.{name}");
        covered.insert(check(&StepError::new(*class, "mine", "it failed"), &expected));
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
    assert!(!not_sent(os(libc::ECONNRESET)) && !not_sent(http(503, &[])));
    let mut while_connecting = Evidence::default();
    while_connecting.fact("reqwest", "connect");
    while_connecting.fact("io", "connection_reset");
    let error = StepError::from_evidence(&while_connecting, "cut off");
    assert_eq!(error.kind(), "tls_io");
    assert!(not_sent(error));
}
