//! Connections: one pool for all that share a [`Download`].

use std::sync::{Arc, OnceLock};

use reqwest::redirect::Policy;
use reqwest::{Client, retry};
use resurge_journal::failure::Class;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::task::spawn_blocking;
use url::Url;

use super::options::Download;
use crate::error::StepError;

/// The clients of a [`Download`], made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// For https, and for http where the system has roots to trust.
    full: OnceLock<Client>,
    /// For http on a system without any.
    plain: OnceLock<Client>,
}

impl Clients {
    /// The client for an address.
    ///
    /// # Errors
    /// The system names no certificates to trust; class `security`.
    ///
    /// # Cancel safety
    /// Safe: the client is made nevertheless.
    pub(super) async fn get(options: &Download, url: &Url) -> Result<Client, StepError> {
        if let Some(client) = options.clients.full.get() {
            return Ok(client.clone());
        }
        let (options, url) = (options.clone(), url.clone());
        // Reads the certificates of the system.
        spawn_blocking(move || options.clients.make(&options, &url).cloned()).await?
    }

    fn make(&self, options: &Download, url: &Url) -> Result<&Client, StepError> {
        match trusting_config(options) {
            Ok(config) => set(&self.full, options, config),
            Err(error) if url.scheme() == "https" => {
                Err(StepError::from(error).during("read the certificates that the system trusts"))
            }
            Err(_) => match self.plain.get() {
                Some(client) => Ok(client),
                None => set(
                    &self.plain,
                    options,
                    config(|builder| Ok(builder.with_root_certificates(RootCertStore::empty())))?,
                ),
            },
        }
    }
}

fn set<'a>(
    cell: &'a OnceLock<Client>,
    options: &Download,
    config: ClientConfig,
) -> Result<&'a Client, StepError> {
    let client = build(options, config)?;
    Ok(cell.get_or_init(|| client))
}

/// Redirects, retries and decompression are ours: the client would lose what we must know.
fn build(options: &Download, config: ClientConfig) -> Result<Client, StepError> {
    let builder = Client::builder()
        .tls_backend_preconfigured(config)
        .connect_timeout(options.connect_timeout)
        .redirect(Policy::none())
        .retry(retry::never())
        .referer(false)
        // One long body at a time: the windows of HTTP/2 would only slow it down.
        .http1_only()
        .user_agent(concat!("resurge/", env!("CARGO_PKG_VERSION")));
    let builder = if options.use_proxy { builder } else { builder.no_proxy() };
    builder.build().map_err(|error| {
        let message = format!("the HTTP client cannot be set up: {}", error.without_url());
        StepError::new(Class::Internal, "http_client", message)
    })
}

fn trusting_config(options: &Download) -> Result<ClientConfig, rustls::Error> {
    match &options.tls {
        Some(config) => Ok(ClientConfig::clone(config)),
        None => config(BuilderVerifierExt::with_platform_verifier),
    }
}

type Wants<T> = rustls::ConfigBuilder<ClientConfig, T>;

/// Names its provider of cryptography, so that none is installed for the whole process.
fn config(
    trust: impl FnOnce(
        Wants<rustls::WantsVerifier>,
    ) -> Result<Wants<rustls::client::WantsClientCert>, rustls::Error>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(trust(builder)?.with_no_client_auth())
}
