//! The first attempt would leave nothing for the second one.

use resurge::{Recovered, recoverable};

#[recoverable]
async fn publish(text: String) -> Recovered<(), std::io::Error> {
    send(text)
}

#[recoverable]
fn publish_blocking(text: String) -> Recovered<(), std::io::Error> {
    send(text)
}

fn send(_text: String) -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {}
