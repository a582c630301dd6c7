//! The settings of a download.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::client::Clients;

/// Fetches an artifact over HTTP(S), and goes on at the very byte where it was broken off.
///
/// The partial file stands in the artifact's staging folder, named after run and step. It is
/// continued only if a validator or the digest proves that the rest belongs to it. The file is
/// complete when the step succeeds, but its digest is not compared: that is for
/// the step `verify`. Clones share one pool of connections.
///
/// ```
/// use std::time::Duration;
/// use resurge_steps::download::Download;
///
/// let download = Download::default()
///     .idle_timeout(Duration::from_secs(10))
///     .header("authorization", "Bearer …")?;
/// # let _ = download;
/// # Ok::<(), resurge_steps::download::InvalidHeader>(())
/// ```
#[derive(Debug, Clone)]
pub struct Download {
    pub(super) idle_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) checkpoint_bytes: u64,
    pub(super) checkpoint_interval: Duration,
    pub(super) headers: HeaderMap,
    pub(super) use_proxy: bool,
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) clients: Arc<Clients>,
}

/// A header that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` or its value cannot stand in a header of HTTP; use visible ASCII characters")]
pub struct InvalidHeader {
    name: String,
}

impl Default for Download {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            checkpoint_bytes: 64 * 1024 * 1024,
            checkpoint_interval: Duration::from_secs(5),
            headers: HeaderMap::new(),
            use_proxy: true,
            tls: None,
            clients: Arc::default(),
        }
    }
}

impl Download {
    /// How long no byte may arrive before the attempt fails. Default: 30 s, as curl's `-y`.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long it may take to connect. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self.forget_clients()
    }

    /// How often the bytes are made durable: after so many, or after this time if at least 1 MiB
    /// arrived. Default: 64 MiB, 5 s.
    #[must_use]
    pub const fn checkpoint_every(mut self, bytes: u64, interval: Duration) -> Self {
        self.checkpoint_bytes = bytes;
        self.checkpoint_interval = interval;
        self
    }

    /// Adds a header to every request, such as `authorization`.
    ///
    /// Taken for secret: it is neither shown nor sent to another scheme, host or port than the
    /// artifact's. Only `user-agent`, `accept` and `accept-language` go along with redirects.
    ///
    /// # Errors
    /// Name or value cannot stand in a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        let invalid = || InvalidHeader { name: name.to_owned() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        value.set_sensitive(true);
        self.headers.insert(key, value);
        Ok(self)
    }

    /// Connects directly, whatever proxy the system names. By default the system's proxy is used.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.use_proxy = false;
        self.forget_clients()
    }

    /// Trusts what this configuration of TLS trusts. Default: what the system trusts.
    #[must_use]
    pub fn tls(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self.forget_clients()
    }

    fn forget_clients(mut self) -> Self {
        self.clients = Arc::default();
        self
    }
}
