//! Why the launcher could not do what it was asked for.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use resurge::journal::retention::BaseError;
use resurge::journal::state::IllegalTransition;
use resurge::journal::store::{OpenError as StoreError, ReadError};
use resurge::{BuildError, ControlError, OpenError, RunKey, StartError, Unavailable};
use resurge_dashboard::{DashboardError, ServeError, TokenError};

use crate::exit::Exit;
use crate::manifest::ManifestError;
use crate::top::TopError;

/// Why the launcher could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LauncherError {
    /// The manifest is broken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is no such data directory, and none was to be created.
    #[error("there is no launcher data at {}; check the path, or begin with `launcher install`", path.display())]
    NoData {
        /// The path.
        path: PathBuf,
    },
    /// A folder cannot be used.
    #[error("the folder {} cannot be used; choose another one", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path is not Unicode.
    #[error("the path {} is not valid Unicode; choose another one", path.display())]
    NotUnicode {
        /// The path.
        path: PathBuf,
    },
    /// Something would be installed over what the launcher itself needs.
    #[error("`{install_to}` would be installed over {what} at {}; choose another --root", at.display())]
    OverOwn {
        /// Where it would go.
        install_to: String,
        /// What stands there.
        what: &'static str,
        /// Where that is.
        at: PathBuf,
    },
    /// The workflow cannot be built from these settings.
    #[error(transparent)]
    Flow(#[from] BuildError),
    /// The engine could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal could not be opened for reading.
    #[error(transparent)]
    Journal(#[from] StoreError),
    /// The journal cannot be read to its end.
    #[error(
        "the journal cannot be read to its end; `journal-dump verify` says where it is damaged"
    )]
    Read(#[from] ReadError),
    /// What is left of dropped records cannot be used.
    #[error("the journal cannot be read from its beginning; `journal-dump verify` says why")]
    Base(#[from] BaseError),
    /// The journal contradicts itself.
    #[error("the journal contradicts itself; please report this with the journal")]
    Replay(#[from] IllegalTransition),
    /// No artifact has such a name.
    #[error("there is no artifact `{name}` in this data directory; `launcher status` lists all")]
    NoArtifact {
        /// The name.
        name: String,
    },
    /// A run could not be tried again.
    #[error("`{name}` could not be tried again")]
    Retry {
        /// The artifact.
        name: String,
        /// Why.
        source: ControlError,
    },
    /// A run could not be started.
    #[error("`{name}` could not be started")]
    Start {
        /// The artifact.
        name: RunKey,
        /// Why.
        source: StartError,
    },
    /// The engine stopped.
    #[error(transparent)]
    Engine(#[from] Unavailable),
    /// What the demo serves could not be made.
    #[error("the demo cannot make its archive; please report this")]
    DemoArchive(#[from] zip::result::ZipError),
    /// Others could reach the dashboard, and nobody said that they may.
    #[error(
        "other machines reach {address}; listen on 127.0.0.1, or name with --allow-host how browsers there call this machine"
    )]
    Exposed {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// Somebody else has the port.
    #[error(
        "another program listens on {address}, perhaps another launcher; stop it, or choose another port with --listen (port 0 takes one that is free)"
    )]
    PortInUse {
        /// Where the dashboard was to listen.
        address: SocketAddr,
    },
    /// Nobody can listen there.
    #[error(
        "nothing can listen on {address}; choose an address of this machine and a port above 1023 with --listen"
    )]
    Listen {
        /// Where the dashboard was to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The token of the dashboard cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The dashboard cannot be made.
    #[error(transparent)]
    Dashboard(#[from] DashboardError),
    /// The dashboard cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// There is nothing to look at.
    #[error(transparent)]
    Top(#[from] TopError),
    /// The system refused something that every program needs.
    #[error("the system refused to {action}")]
    System {
        /// What was to be done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl LauncherError {
    /// The exit code that stands for it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Manifest(_)
            | Self::NoData { .. }
            | Self::Folder { .. }
            | Self::NotUnicode { .. }
            | Self::NoArtifact { .. }
            | Self::OverOwn { .. }
            | Self::Exposed { .. }
            | Self::Top(TopError::NoTerminal | TopError::NotNamed { .. })
            | Self::Flow(_)
            | Self::Journal(StoreError::Missing { .. }) => Exit::Usage,
            _ => Exit::Failure,
        }
    }
}
