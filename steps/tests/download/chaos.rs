//! Seeded faults in any order: in the end the file is whole, or it never was.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bench::Bench;
use crate::server::{Reply, Request, Served, Server, pattern};

const REQUESTS_WITH_FAULTS: usize = 14;
const KIB: usize = 1024;

/// A small generator: the same seed gives the same faults.
#[derive(Debug)]
struct Luck(u64);

impl Luck {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// A server whose file changes now and then, and whose answers are seldom right.
#[derive(Debug)]
struct Moody {
    luck: Luck,
    versions: Vec<Served>,
    now: usize,
    may_change: bool,
}

impl Moody {
    fn answer(&mut self, number: usize, request: &Request) -> Option<Reply> {
        if number >= REQUESTS_WITH_FAULTS {
            return Some(self.file().honest(request));
        }
        if self.may_change && self.luck.below(8) == 0 {
            self.now = (self.now + 1) % self.versions.len();
        }
        let file = self.file().clone();
        let total = file.bytes.len();
        let any = self.luck.below(total + 1);
        let careless = match request.from() {
            Some(from) => file.rest(from),
            None => file.whole(),
        };
        Some(match self.luck.below(10) {
            0 => file.honest(request),
            1..=3 => file.honest(request).cut(any),
            4 => file.whole().cut(any),
            5 => careless.cut(any),
            6 => return None,
            7 => Reply::new(503).sized(b"<html>not the file</html>"),
            8 => self.wrong_part(&file, request).unwrap_or_else(|| file.whole().cut(any)),
            _ => {
                let etag = file.etag.clone().unwrap_or_default();
                let whole = self.luck.below(2) == 0;
                let body = if whole { &file.bytes[..] } else { &file.bytes[..any] };
                Reply::new(200).with("etag", etag).body(body).chunked(whole)
            }
        })
    }

    fn wrong_part(&mut self, file: &Served, request: &Request) -> Option<Reply> {
        let from = request.from().filter(|from| *from + 2 < file.bytes.len())?;
        let (total, last) = (file.bytes.len(), file.bytes.len() - 1);
        let part = |range: String, body: &[u8]| {
            let etag = file.etag.clone().unwrap_or_default();
            Reply::new(206).with("etag", etag).with("content-range", range).sized(body)
        };
        let rest = &file.bytes[from..];
        Some(match self.luck.below(5) {
            0 => part(format!("bytes {}-{last}/{total}", from + 1), &rest[1..]),
            1 => part(format!("bytes 0-{last}/{total}"), &file.bytes),
            2 => part(format!("bytes {from}-{}/{total}", last - 1), &rest[..rest.len() - 1]),
            3 => part(format!("bytes {from}-{last}/{}", total + 1), rest),
            _ => part(format!("bytes {from}-{last}/{total}"), rest).with("content-encoding", "br"),
        })
    }

    fn file(&self) -> &Served {
        &self.versions[self.now]
    }
}

/// Attempts with kills and reboots in between; gives the content of the finished file.
async fn survive(seed: u64, versions: Vec<Served>, may_change: bool, digest: bool) -> Vec<u8> {
    let first = versions[0].bytes.clone();
    let moody = Moody { luck: Luck::new(seed), versions, now: 0, may_change };
    let moody = Arc::new(Mutex::new(moody));
    let server = Server::start(move |n, request| moody.lock().unwrap().answer(n, request));
    let often =
        |d: resurge_steps::download::Download| d.checkpoint_every(20 * KIB as u64, Duration::ZERO);
    let mut bench = Bench::new(server.url("/file")).mirror(server.url("/mirror")).with(often);
    if digest {
        bench = bench.expecting(&first);
    }
    let mut luck = Luck::new(seed ^ 0xabcd);
    for _ in 0..60 {
        match bench.attempt().await {
            Ok(done) => return std::fs::read(done.path).unwrap(),
            Err(error) => assert!(error.is_retryable(), "seed {seed}: {error}"),
        }
        if luck.below(3) == 0 {
            // Killed before the newest checkpoints; the one that names the source was durable.
            let checkpoints = bench.run.checkpoints();
            let named = checkpoints.iter().rposition(|c| c.as_str().contains("\"offset\":0,"));
            if let Some(named) = named {
                let keep = named + 1 + luck.below(checkpoints.len() - named);
                bench.run.forget_checkpoints_after(keep);
            }
        }
        if luck.below(4) == 0 {
            bench.run.reboot();
        }
    }
    panic!("seed {seed}: it never ends");
}

#[tokio::test]
async fn whatever_happens_the_file_is_one_of_the_versions_and_no_mixture() {
    for seed in 0..40 {
        let bytes = pattern(300 * KIB);
        let versions: Vec<_> = [(0, 180), (60, 240), (110, 290)]
            .iter()
            .enumerate()
            .map(|(n, (from, to))| {
                Served::new(&bytes[from * KIB..to * KIB]).etag(Some(&format!("\"v{n}\"")))
            })
            .collect();
        let content = survive(seed, versions.clone(), true, false).await;
        assert!(versions.iter().any(|v| v.bytes == content), "seed {seed}: a mixture");
    }
}

#[tokio::test]
async fn whatever_happens_a_file_with_a_digest_arrives() {
    for seed in 100..140 {
        let bytes = pattern(200 * KIB);
        let etag = [Some("\"v1\""), Some("W/\"v1\""), None][usize::try_from(seed % 3).unwrap()];
        let served = Served::new(&bytes).etag(etag);
        assert!(survive(seed, vec![served], false, true).await == bytes, "seed {seed}");
    }
}
