//! Types that a recoverable function cannot have.

use resurge::{Recovered, recoverable};

// Recovery adds errors of its own.
#[recoverable]
async fn plain_result(path: &str) -> Result<String, std::io::Error> {
    std::fs::read_to_string(path)
}

#[derive(Debug)]
struct Odd;

// Nobody knows what this error means.
#[recoverable]
fn unknown_error() -> Recovered<(), Odd> {
    Err(Odd)
}

// The body gives the inner result.
#[recoverable]
fn wrong_value() -> Recovered<u32, std::io::Error> {
    Ok("one")
}

fn main() {}
