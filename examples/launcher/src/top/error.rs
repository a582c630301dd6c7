//! Why there is nothing to look at.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TopError {
    /// Nobody could see it.
    #[error(
        "`launcher top` needs a terminal to draw on; use `launcher status`, which prints lines"
    )]
    NoTerminal,
    /// A launcher works there and serves no dashboard.
    #[error(
        "a launcher works in {} without a dashboard; stop it and run `launcher serve`, or look with `launcher status`",
        path.display()
    )]
    NoDashboard {
        /// The data directory.
        path: PathBuf,
    },
    /// The token cannot be read.
    #[error(
        "the token of the dashboard cannot be read from {}; it is there once `launcher serve` has run, for its user only",
        path.display()
    )]
    Token {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A launcher that served a dashboard is gone.
    #[error("no launcher serves a dashboard here any more")]
    Gone,
    /// A dashboard that other machines reach is gone to by those who name it.
    #[error(
        "the launcher at work listens on {address}, which may not be this machine only; if you trust what listens there, name it with --connect {address}"
    )]
    NotNamed {
        /// Where its launcher says that it listens.
        address: SocketAddr,
    },
    /// The terminal does not do what it is told.
    #[error("the terminal cannot be drawn on; use `launcher status`, which prints lines")]
    Terminal(#[source] io::Error),
}
