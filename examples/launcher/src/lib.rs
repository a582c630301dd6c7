//! A launcher that embeds the Resurge engine: it downloads, verifies and installs artifacts, can be
//! killed at any moment, and goes on where it stopped.
//!
//! ```text
//! launcher demo [--data-dir DIR] [--dashboard]
//! launcher install MANIFEST.toml --data-dir DIR [--root DIR2] [--force] [--dashboard]
//! launcher resume --data-dir DIR [--dashboard]
//! launcher retry [NAME..] --data-dir DIR [--force] [--dashboard]
//! launcher serve --data-dir DIR [--root DIR2] [--listen ADDRESS:PORT] [--read-only]
//! launcher status --data-dir DIR [--json]
//! launcher stats --data-dir DIR [--json]
//! launcher top --data-dir DIR [--connect ADDRESS:PORT]
//! ```
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | everything succeeded, or there was nothing to do; `serve`: stopped on purpose |
//! | 1 | a run failed or was used up, or the journal or the port cannot be opened (in use, damaged) |
//! | 2 | wrong usage or a broken manifest; nothing was started |
//! | 130 | interrupted; `launcher resume` goes on |
//!
//! Results go to standard output, messages and progress to standard error.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`manifest`] | reads and checks the manifest |
//! | [`flow`] | the workflow: download, verify, install |
//! | `session` | an engine at work: waits, Ctrl-C, results |
//! | `serve` | the dashboard, on its own or beside another command |
//! | `top` | the dashboard on a terminal |
//! | `install`, `resume`, `retry`, `status`, `demo` | the commands |
//! | `ui` | lines in a pipe, bars on a terminal |

pub mod cli;
pub mod flow;
pub mod manifest;

mod admit;
mod demo;
mod error;
mod exit;
mod install;
mod interrupt;
mod out;
mod place;
mod report;
mod resume;
mod retry;
mod running;
mod serve;
mod session;
mod status;
mod sweep;
mod top;
mod ui;

pub use cli::main;
pub use error::LauncherError;
pub use exit::Exit;
