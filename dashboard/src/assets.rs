//! The page: files that are part of the program.

use std::io::Write;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Name, media type and bytes of every file; the build script names them.
const FILES: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What is not in here is not served.
static PAGE: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    FILES.iter().map(|(name, kind, bytes)| Asset::new(name, kind, bytes)).collect()
});

#[derive(Debug)]
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    gzipped: Option<Bytes>,
    etag: HeaderValue,
}

impl Asset {
    fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let digest = blake3::hash(bytes).to_hex();
        let etag = HeaderValue::try_from(format!("\"{}\"", &digest[..ETAG_CHARS]));
        let gzipped = gzip(bytes).filter(|gzipped| gzipped.len() < bytes.len());
        let etag = etag.unwrap_or(HeaderValue::from_static("\"0\""));
        Self { name, kind, bytes, gzipped, etag }
    }

    fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get(header::IF_NONE_MATCH).and_then(|etag| etag.to_str().ok());
        let ours = self.etag.to_str().unwrap_or_default();
        let is_known = known.is_some_and(|known| {
            known.split(',').any(|etag| etag.trim().trim_start_matches("W/") == ours)
        });
        let mut answer = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::empty())
        };
        let takes_gzip = asked
            .get(header::ACCEPT_ENCODING)
            .and_then(|encodings| encodings.to_str().ok())
            .is_some_and(|encodings| {
                encodings.split(',').any(|one| one.trim().split(';').next() == Some("gzip"))
            });
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::ETAG, self.etag.clone());
        // Asked for each time, answered with "not modified" until the program is another one.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if is_known {
            return answer;
        }
        match &self.gzipped {
            Some(gzipped) if takes_gzip => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                *answer.body_mut() = gzipped.clone().into();
            }
            _ => *answer.body_mut() = Bytes::from_static(self.bytes).into(),
        }
        answer
    }
}

/// Whether there is a file at a path.
pub(crate) fn is_there(path: &str) -> bool {
    find(path).is_some()
}

/// The file at a path.
pub(crate) fn answer(path: &str, asked: &HeaderMap) -> Option<Response> {
    find(path).map(|asset| asset.answer(asked))
}

/// Looks a path up as it is: nothing is decoded, joined or opened.
fn find(path: &str) -> Option<&'static Asset> {
    let name = match path {
        "/" | "" => "index.html",
        _ => path.strip_prefix('/')?,
    };
    PAGE.iter().find(|asset| asset.name == name)
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    Some(encoder.finish().ok()?.into())
}

const ETAG_CHARS: usize = 24;
