//! How much and how often.

use std::time::Duration;

/// What a dashboard bears; every limit has a default.
///
/// # Defaults
/// | field | default | why |
/// |---|---|---|
/// | `body_bytes_max` | 64 KiB | the largest request that makes sense is the output of a skipped step |
/// | `head_bytes_max` | 32 KiB | several cookies of other programs on the same host |
/// | `request_timeout` | 10 s | a browser sends a request at once |
/// | `answer_timeout` | 30 s | longer than any look at a journal takes, unless its disk hangs |
/// | `write_timeout` | 60 s | a laptop that sleeps may wake up; one that is gone may not stay |
/// | `connections_max` | 1,024 | a browser opens about six |
/// | `streams_max` | 256 | a tab holds one |
/// | `looks_back_max` | 3 | each reads from the journal on a thread of its own |
/// | `look_back_wait` | 5 s | a look takes less, unless the journal is huge |
/// | `heartbeat` | 15 s | proxies cut what says nothing for 30 s |
/// | `controls` | 60, one more every 50 ms | faster than anybody clicks |
/// | `wrong_tokens` | 5, one more every 200 ms | a program with an old token is told to wait; guessing 256 bits gets nowhere anyway |
/// | `answers_max` | 1,024 | keys of idempotency that are remembered, the newest ones |
/// | `answers_age` | 24 h | as long as clients try again |
/// | `shutdown_grace` | 5 s | time for the answers under way |
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest body of a request, in bytes.
    pub body_bytes_max: usize,
    /// Largest head of a request, in bytes; less than 8 KiB counts as 8 KiB.
    pub head_bytes_max: usize,
    /// How long the head of a request may take to come, and then its body.
    ///
    /// A connection on which nothing is asked for so long is closed.
    pub request_timeout: Duration,
    /// How long an answer to a `GET` may take to begin; then it is 503. Changes are carried out to
    /// their end.
    pub answer_timeout: Duration,
    /// How long a client may leave unread what is written to it.
    pub write_timeout: Duration,
    /// Connections at the same time; others wait until one ends.
    ///
    /// Once half of them are taken, a connection ends with the answer to whoever shows no token.
    pub connections_max: usize,
    /// Streams at the same time: over HTTP and over `WebSocket`.
    pub streams_max: usize,
    /// Requests at the same time that read the past of an operation from the journal; with 0 none can.
    pub looks_back_max: usize,
    /// How long others wait for one of them to end; then the answer is 503.
    pub look_back_wait: Duration,
    /// How often a stream says that it is there when nothing happens.
    pub heartbeat: Duration,
    /// How often something can be changed.
    pub controls: Rate,
    /// How often a wrong token is answered with 401; beyond that the answer is 429, right tokens
    /// are taken all the same.
    pub wrong_tokens: Rate,
    /// Keys of idempotency that are remembered.
    pub answers_max: usize,
    /// How long a key of idempotency is remembered.
    pub answers_age: Duration,
    /// How long answers under way may take once the dashboard shuts down.
    pub shutdown_grace: Duration,
}

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many may come at once.
    pub burst: u32,
    /// How long it takes until there is one more.
    pub every: Duration,
}

impl Limits {
    /// The largest head that is taken: below a minimum there is no room to work.
    pub(crate) fn head_bytes_max(&self) -> usize {
        self.head_bytes_max.max(HEAD_BYTES_MIN)
    }
}

const HEAD_BYTES_MIN: usize = 8 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            head_bytes_max: 32 * 1024,
            request_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            connections_max: 1_024,
            streams_max: 256,
            looks_back_max: 3,
            look_back_wait: Duration::from_secs(5),
            heartbeat: Duration::from_secs(15),
            controls: Rate { burst: 60, every: Duration::from_millis(50) },
            wrong_tokens: Rate { burst: 5, every: Duration::from_millis(200) },
            answers_max: 1_024,
            answers_age: Duration::from_secs(24 * 60 * 60),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
