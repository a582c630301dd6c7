//! Downloads over https: whom they trust, and how an end is told from a cut.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use resurge_journal::failure::Class;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::MIB;
use crate::bench::{Bench, assert_whole};
use crate::server::{Reply, Served, Server, pattern};

/// For 127.0.0.1 only, signed by itself, valid until 2126; made with `openssl req -x509`.
const CERTIFICATE: &[u8] = include_bytes!("tls/cert.der");
const KEY: &[u8] = include_bytes!("tls/key.der");

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn trusting() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE)).unwrap();
    let config = ClientConfig::builder_with_provider(provider());
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// Puts TLS in front of a server; says goodbye at the end or not. Gives the port.
fn in_front_of(server: &Server, goodbye: bool) -> u16 {
    let config = ServerConfig::builder_with_provider(provider());
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(KEY).into();
    let config = Arc::new(config.with_single_cert(vec![CERTIFICATE.into()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, upstream) = (listener.local_addr().unwrap().port(), server.port);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust us hangs up; that is its right.
            let _ = pass_on(StreamOwned::new(connection, stream), upstream, goodbye);
        }
    });
    port
}

type Secure = StreamOwned<ServerConnection, TcpStream>;

fn pass_on(mut client: Secure, upstream: u16, goodbye: bool) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", upstream))?;
    let mut lines = BufReader::new(&mut client);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        server.write_all(line.as_bytes())?;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    client.write_all(&answer)?;
    if goodbye {
        client.conn.send_close_notify();
    }
    client.flush()?;
    client.sock.shutdown(std::net::Shutdown::Write)?;
    // Until the other side has read it all, or the kernel would throw it away.
    let _ = client.sock.read(&mut [0; 1])?;
    Ok(())
}

#[tokio::test]
async fn a_certificate_must_be_trusted_and_name_the_server() {
    let bytes = pattern(MIB);
    let file = Served::new(&bytes);
    let server = Server::start(move |_, request| Some(file.honest(request)));
    let port = in_front_of(&server, true);
    let bench = |host: &str| Bench::new(format!("https://{host}:{port}/file"));

    let mut trusted = bench("127.0.0.1").with(|d| d.tls(trusting()));
    assert_whole(&trusted.attempt().await.unwrap(), &bytes);

    let foreign = bench("127.0.0.1").attempt().await.unwrap_err();
    let misnamed = bench("localhost").with(|d| d.tls(trusting())).attempt().await.unwrap_err();
    for error in [foreign, misnamed] {
        assert_eq!((error.class(), error.kind()), (Class::Security, "tls_trust"), "{error}");
        assert!(!error.is_retryable());
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_body_that_ends_without_goodbye_was_cut() {
    let bytes = pattern(MIB);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Some(Reply::new(200).body(&body)));
    for (goodbye, kind) in [(true, None), (false, Some("dropped"))] {
        let port = in_front_of(&server, goodbye);
        let url = format!("https://127.0.0.1:{port}/file");
        let mut bench = Bench::new(url).with(|d| d.tls(trusting()));
        let ended = bench.attempt().await;
        assert_eq!(ended.as_ref().err().map(resurge_steps::StepError::kind), kind);
        assert!(ended.is_err() || ended.is_ok_and(|done| done.unverified_length));
    }
}

#[tokio::test]
async fn a_redirect_never_leads_out_of_https() {
    let plain = Server::start(|_, request| Some(Served::new(b"x").honest(request)));
    let target = plain.url("/file?token=secret");
    let server =
        Server::start(move |_, _| Some(Reply::new(302).with("location", &target).sized(b"")));
    let port = in_front_of(&server, true);
    let mut bench =
        Bench::new(format!("https://127.0.0.1:{port}/file")).with(|d| d.tls(trusting()));
    let error = bench.attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Security, "downgrade"));
    assert!(!error.is_retryable() && !error.to_string().contains("secret"));
    assert!(plain.requests().is_empty());
}

#[tokio::test]
async fn a_handshake_that_breaks_off_is_a_failure_of_the_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // Reads the greeting and hangs up.
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    let mut bench = Bench::new(format!("https://127.0.0.1:{port}/")).with(|d| d.tls(trusting()));
    let error = bench.attempt().await.unwrap_err();
    assert_eq!((error.class(), error.kind()), (Class::Network, "tls_io"), "{error}");
    assert!(error.is_retryable());
}
