//! HTTP status and the headers that ask for a delay.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use resurge_journal::failure::Class;

use crate::error::{Advice, StepError};

/// What an HTTP answer other than success says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpVerdict {
    /// The class.
    pub class: Class,
    /// Finer than the class, such as `http_503`.
    pub kind: String,
    /// What a person can do.
    pub hint: &'static str,
    /// Whether and when another attempt is worth it.
    pub advice: Advice,
}

/// Classifies an HTTP answer by its status, and by the delay that its headers ask for.
///
/// A delay is taken from `RateLimit` (`r=0;t=87`) or `Retry-After` (seconds or a date), and held
/// between one second and 15 minutes. `now` is the time that a date is compared with.
pub fn http_status(status: u16, headers: &HeaderMap, now: SystemTime) -> HttpVerdict {
    let row = ROWS.iter().find(|row| row.statuses.contains(&status)).unwrap_or(&OTHER);
    let delay = asked_delay(headers, now).filter(|_| row.retry);
    let class = match delay {
        Some(_) if matches!(status, 503 | 529) => Class::Throttled,
        _ => row.class,
    };
    let advice = match (row.retry, delay) {
        (false, _) => Advice::Never,
        (true, Some(delay)) => Advice::After(delay),
        (true, None) => Advice::ByClass,
    };
    HttpVerdict { class, kind: format!("http_{status}"), hint: row.hint, advice }
}

impl HttpVerdict {
    /// The failure of an attempt that got this answer.
    pub fn into_error(self, message: impl Into<String>) -> StepError {
        let error = StepError::new(self.class, self.kind, message).hint(self.hint);
        match self.advice {
            Advice::ByClass => error,
            Advice::Never => error.never(),
            Advice::After(delay) => error.retry_after(delay),
        }
    }
}

struct Row {
    statuses: RangeInclusive<u16>,
    class: Class,
    retry: bool,
    hint: &'static str,
}

const fn row(from: u16, to: u16, class: Class, retry: bool, hint: &'static str) -> Row {
    Row { statuses: from..=to, class, retry, hint }
}

const SIGN_IN: &str = "sign in, or update the access token";
const REFUSED: &str = "access is refused: accept the licence, or check the rights of your account";
const GONE: &str = "the file is no longer at this address; try another source";
const REQUEST: &str = "the server does not accept this request; check the address and settings";
const CHANGED: &str = "the file changed on the server; it is fetched anew";
const BUSY: &str = "somebody else is changing it; it is tried again";
const SLOW: &str = "the server is slow; it is tried again";
const LIMIT: &str = "the site limits requests; signing in may raise the limit";
const FAILED: &str = "the server failed on its side; it is tried again";
const DOWN: &str = "the service is down for now; it is tried again";
const UNABLE: &str = "the server cannot serve this request; report it to its operator";

/// The first row that contains the status decides.
const ROWS: &[Row] = &[
    row(401, 401, Class::Permission, false, SIGN_IN),
    row(402, 403, Class::Permission, false, REFUSED),
    row(404, 404, Class::NotFound, false, GONE),
    row(407, 407, Class::Permission, false, "sign in to the proxy"),
    row(408, 408, Class::Timeout, true, SLOW),
    row(409, 409, Class::Conflict, true, BUSY),
    row(410, 410, Class::NotFound, false, GONE),
    row(412, 412, Class::Integrity, true, CHANGED),
    row(416, 416, Class::Integrity, true, CHANGED),
    row(421, 421, Class::Network, true, "the wrong server answered; it is tried again"),
    row(423, 423, Class::Conflict, true, BUSY),
    row(425, 425, Class::Network, true, "the server wants the request later"),
    row(429, 429, Class::Throttled, true, LIMIT),
    row(451, 451, Class::Permission, false, REFUSED),
    row(400, 499, Class::Validation, false, REQUEST),
    row(501, 501, Class::Validation, false, UNABLE),
    row(504, 504, Class::Timeout, true, SLOW),
    row(505, 506, Class::Validation, false, UNABLE),
    row(507, 507, Class::Server, true, "the server has no space left"),
    row(508, 508, Class::Validation, false, UNABLE),
    row(510, 510, Class::Validation, false, UNABLE),
    row(511, 511, Class::Network, true, "sign in on the login page of this network"),
    row(500, 500, Class::Server, true, FAILED),
    row(522, 522, Class::Timeout, true, SLOW),
    row(524, 524, Class::Timeout, true, SLOW),
    row(525, 526, Class::Validation, false, UNABLE),
    row(502, 599, Class::Server, true, DOWN),
];

const OTHER: Row = row(0, 0, Class::Validation, false, REQUEST);

const DELAY_MIN: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_secs(15 * 60);

/// How long the server asks us to wait.
fn asked_delay(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let limit = text("ratelimit").and_then(used_up);
    let delay = limit.or_else(|| text(RETRY_AFTER.as_str()).and_then(|t| retry_after(t, now)))?;
    Some(delay.clamp(DELAY_MIN, DELAY_MAX))
}

/// `"name";r=0;t=87`: nothing remains, and all of it is back in 87 seconds.
fn used_up(text: &str) -> Option<Duration> {
    let number = |name: &str| {
        let mut parts = text.split([';', ',']).filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u64>().ok())
    };
    (number("r")? == 0).then(|| number("t").map(Duration::from_secs)).flatten()
}

fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn judged(status: u16, headers: &[(&'static str, &str)]) -> HttpVerdict {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        http_status(status, &map, SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
    }

    #[test]
    fn every_status_has_its_class() {
        let table: &[(&[u16], Class, bool)] = &[
            (&[401, 402, 403, 407, 451], Class::Permission, false),
            (&[404, 410], Class::NotFound, false),
            (&[409, 423], Class::Conflict, true),
            (&[412, 416], Class::Integrity, true),
            (&[408, 504, 522, 524], Class::Timeout, true),
            (&[421, 425, 511], Class::Network, true),
            (&[429], Class::Throttled, true),
            (&[500, 502, 503, 507, 520, 521, 523, 529, 530], Class::Server, true),
            (&[501, 505, 506, 508, 510, 525, 526], Class::Validation, false),
            (&[400, 405, 406, 411, 413, 414, 415, 417, 422, 428, 431], Class::Validation, false),
            (&[101, 204, 205, 300, 304, 305], Class::Validation, false),
        ];
        for (statuses, class, retry) in table {
            for status in *statuses {
                let verdict = judged(*status, &[]);
                assert_eq!(verdict.class, *class, "{status}");
                assert_eq!(verdict.kind, format!("http_{status}"));
                assert_eq!(verdict.into_error("x").is_retryable(), *retry, "{status}");
            }
        }
    }

    #[test]
    fn a_delay_is_read_from_seconds_dates_and_limits_and_held_in_bounds() {
        let after = |seconds| Advice::After(Duration::from_secs(seconds));
        for (header, expected) in [
            (("retry-after", "7"), after(7)),
            (("retry-after", "0"), after(1)),
            (("retry-after", "86400"), after(900)),
            (("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"), after(3)),
            (("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), after(1)),
            (("retry-after", "soon"), Advice::ByClass),
            (("retry-after", "-5"), Advice::ByClass),
            (("ratelimit", "\"resolvers\";r=0;t=87"), after(87)),
            (("ratelimit", "\"resolvers\";r=3;t=87"), Advice::ByClass),
        ] {
            let verdict = judged(429, &[header]);
            assert_eq!((verdict.class, verdict.advice), (Class::Throttled, expected), "{header:?}");
        }
        let both = judged(429, &[("retry-after", "7"), ("ratelimit", "r=0;t=9")]);
        assert_eq!(both.advice, after(9));
    }

    #[test]
    fn unavailable_with_a_delay_is_throttled_and_without_one_a_failing_server() {
        assert_eq!(judged(503, &[("retry-after", "2")]).class, Class::Throttled);
        assert_eq!(judged(503, &[]).class, Class::Server);
        assert_eq!(judged(403, &[("retry-after", "2")]).advice, Advice::Never);
    }
}
