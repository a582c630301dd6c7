//! Options of `recoverable` that do not exist, contradict each other or have no sense.

use std::io;

use resurge::{Recovered, recoverable};

#[recoverable(max_retry = 3, max_retries = -1, max_retries = 4, timeout = "2 minutes", colour = 1)]
async fn slips() -> Recovered<(), io::Error> {
    Ok(())
}

#[recoverable(strategy = policy(), initial_delay = "1s", backoff_factor = 3)]
async fn two_strategies() -> Recovered<(), io::Error> {
    Ok(())
}

#[recoverable(initial_delay = "5s", max_delay = "2s", backoff_factor = 0.5, timeout = 0)]
fn senseless() -> Recovered<(), io::Error> {
    Ok(())
}

#[recoverable(max_delay = 0.5)]
fn below_the_default() -> Recovered<(), io::Error> {
    Ok(())
}

#[recoverable(circuit_breaker_threshold = 0, circuit_breaker(threshold = 5, size = 2))]
fn breakers() -> Recovered<(), io::Error> {
    Ok(())
}

#[recoverable(circuit_breaker = false, circuit_breaker_timeout = "5m", on_open = "park")]
fn no_breaker() -> Recovered<(), io::Error> {
    Ok(())
}

#[recoverable(clone(path, path, paths), attempt = 1, max_retries(3), key, timeout = true max_delay)]
fn lists(path: String) -> Recovered<(), io::Error> {
    drop(path);
    Ok(())
}

#[recoverable(engine = &engine, persistence = &engine)]
fn two_engines() -> Recovered<(), io::Error> {
    Ok(())
}

fn main() {
    let _ = (slips(), two_strategies(), senseless(), below_the_default(), breakers());
    let _ = (no_breaker(), lists(String::new()), two_engines());
}
