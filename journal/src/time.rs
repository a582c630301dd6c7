//! Points in time, as facts; nothing here reads a clock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point this many milliseconds after 1970-01-01 UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The point that lies `delay` later; stops at the end of time.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time from `earlier` to this point; zero if `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The same point for chrono; out-of-range values become the nearest bound.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with milliseconds, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// A text that is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time; write it like 2026-11-21T10:00:00Z")]
pub struct InvalidTime {
    text: String,
}

impl FromStr for Timestamp {
    type Err = InvalidTime;

    /// Reads RFC 3339.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = DateTime::parse_from_rfc3339(text);
        let at = at.map_err(|_| InvalidTime { text: text.escape_debug().to_string() })?;
        Ok(Self(at.timestamp_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_panics() {
        for millis in [i64::MIN, -1, 0, 1, i64::MAX] {
            let at = Timestamp::from_millis(millis);
            assert!(!at.to_string().is_empty());
            assert!(at.after(Duration::MAX) >= at);
            assert_eq!(at.since(at), Duration::ZERO);
        }
    }

    #[test]
    fn it_reads_as_rfc_3339() {
        assert_eq!(
            Timestamp::from_millis(1_763_719_200_123).to_string(),
            "2025-11-21T10:00:00.123Z"
        );
    }

    #[test]
    fn what_it_writes_it_reads() {
        let at = Timestamp::from_millis(1_763_719_200_123);
        assert_eq!(at.to_string().parse(), Ok(at));
        assert_eq!("2025-11-21T11:00:00.123+01:00".parse(), Ok(at));
        let error = "noon".parse::<Timestamp>().expect_err("not a time").to_string();
        assert_eq!(error, "`noon` is not a time; write it like 2026-11-21T10:00:00Z");
    }
}
