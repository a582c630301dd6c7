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
    etag: HeaderValue,
    gzipped: Option<(Bytes, HeaderValue)>,
}

impl Asset {
    fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let digest = blake3::hash(bytes).to_hex();
        let digest = digest.get(..ETAG_CHARS).unwrap_or_default();
        let etag =
            |tag: String| HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"0\""));
        let gzipped = gzip(bytes).filter(|gzipped| gzipped.len() < bytes.len());
        // Other bytes, another tag.
        let gzipped = gzipped.map(|gzipped| (gzipped, etag(format!("\"{digest}-gzip\""))));
        Self { name, kind, bytes, etag: etag(format!("\"{digest}\"")), gzipped }
    }

    fn answer(&self, asked: &HeaderMap) -> Response {
        let gzipped = self.gzipped.as_ref().filter(|_| takes_gzip(asked));
        let etag = gzipped.map_or(&self.etag, |(_, etag)| etag);
        let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        let ours = etag.to_str().unwrap_or_default();
        let is_known = known.is_some_and(|known| {
            known.split(',').any(|etag| etag.trim().trim_start_matches("W/") == ours)
        });
        let mut answer = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(Body::empty())
        };
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::ETAG, etag.clone());
        // Asked for each time, answered with "not modified" until the program is another one.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if is_known {
            return answer;
        }
        match gzipped {
            Some((gzipped, _)) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                *answer.body_mut() = gzipped.clone().into();
            }
            None => *answer.body_mut() = Bytes::from_static(self.bytes).into(),
        }
        answer
    }
}

/// Whether a client takes `gzip`; a weight of 0 says that it does not.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let encodings =
        asked.get(header::ACCEPT_ENCODING).and_then(|encodings| encodings.to_str().ok());
    encodings.unwrap_or_default().split(',').any(|encoding| {
        let mut pieces = encoding.split(';').map(str::trim);
        let is_gzip = pieces.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = pieces.find_map(|piece| piece.strip_prefix(['q', 'Q'])?.strip_prefix('='));
        let is_wanted = weight.is_none_or(|weight| weight.parse().is_ok_and(|q: f32| q > 0.0));
        is_gzip && is_wanted
    })
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
