//! What the expansion of the attribute needs beside the public interface.

use std::any::type_name;

use super::error::Recovered;

/// The return type of a recoverable function, taken apart.
#[diagnostic::on_unimplemented(
    message = "a recoverable function returns `Recovered<T, E>`, not `{Self}`",
    label = "write `resurge::Recovered<T, E>`",
    note = "recovery adds its own errors to those of the body, which is of type `Result<T, E>`"
)]
pub trait Returns {
    /// The error of the body.
    type Error;
    /// What it gives.
    type Value;
    /// The type of the body.
    type Body;

    /// The result of the call, as the function returns it.
    fn give(end: Recovered<Self::Value, Self::Error>) -> Self;
}

impl<T, E> Returns for Recovered<T, E> {
    type Error = E;
    type Value = T;
    type Body = Result<T, E>;

    fn give(end: Self) -> Self {
        end
    }
}

/// The name of a method, by which its calls share a breaker.
pub fn method_name<T: ?Sized>(method: &str) -> String {
    format!("{}::{method}", type_name::<T>())
}
