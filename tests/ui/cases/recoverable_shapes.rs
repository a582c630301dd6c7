//! Functions that cannot be recovered.

use resurge::{Recovered, recoverable};

struct Client;

impl Client {
    #[recoverable]
    async fn consumed(self) -> Recovered<(), std::io::Error> {
        Ok(())
    }

    #[recoverable(max_retry = 1)]
    const fn all_at_once(self: Self) -> Option<u32> {
        None
    }
}

trait Source {
    #[recoverable]
    fn read(&self) -> Recovered<(), std::io::Error>;
}

#[recoverable]
extern "C" fn foreign() -> Recovered<(), std::io::Error> {
    Ok(())
}

#[recoverable]
async fn nothing() {}

#[recoverable]
fn number() -> u32 {
    1
}

#[recoverable]
fn hidden() -> Result<impl Sized, resurge::RecoveryError<std::io::Error>> {
    Ok(())
}

#[recoverable]
struct NotAFunction;

fn main() {}
