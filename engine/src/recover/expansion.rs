//! What the expansion of the attribute needs beside the public interface.

use std::any::type_name;

use super::error::RecoveryError;

/// The return type of a recoverable function, taken apart.
#[diagnostic::on_unimplemented(
    message = "a recoverable function returns `Recovered<T, E>`, not `{Self}`",
    label = "write `resurge::Recovered<T, E>`",
    note = "recovery adds its own errors to those of the body, which is of type `Result<T, E>`"
)]
pub trait Returns {
    /// The error of the body.
    type Error;
    /// The type of the body.
    type Body;
}

impl<T, E> Returns for Result<T, RecoveryError<E>> {
    type Error = E;
    type Body = Result<T, E>;
}

/// The name of a method, by which its calls share a breaker.
pub fn method_name<T: ?Sized>(method: &str) -> String {
    format!("{}::{method}", type_name::<T>())
}
