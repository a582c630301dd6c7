//! How often something may happen: a bucket that fills itself.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::Rate;

/// Counts what happened against a [`Rate`]; reads no clock.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// When all that was taken is back.
    full_at: Option<Instant>,
}

impl Bucket {
    pub(crate) const fn new(rate: Rate) -> Self {
        Self { rate, full_at: None }
    }

    /// Takes one, or tells how long it takes until there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.rate.every;
        let debt = full_at.duration_since(now);
        let credit = self.rate.every.saturating_mul(self.rate.burst);
        if debt > credit {
            return Err(debt.saturating_sub(credit));
        }
        self.full_at = Some(full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let every = Duration::from_millis(50);
        let mut bucket = Bucket::new(Rate { burst: 3, every });
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(every));
        assert_eq!(bucket.take(start + every / 2), Err(every / 2), "what is refused costs nothing");
        assert_eq!(bucket.take(start + every), Ok(()));
        assert_eq!(bucket.take(start + every), Err(every));
        let later = start + every * 100;
        for _ in 0..3 {
            assert_eq!(bucket.take(later), Ok(()), "never more than the burst");
        }
        assert_eq!(bucket.take(later), Err(every));
    }

    #[test]
    fn a_burst_of_none_lets_nothing_pass() {
        let mut bucket = Bucket::new(Rate { burst: 0, every: Duration::from_millis(1) });
        assert!(bucket.take(Instant::now()).is_err());
    }
}
