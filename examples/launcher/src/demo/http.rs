//! As much of HTTP/1.1 as the demo needs: one request and one answer a connection.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// A request for a file or the rest of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// The path without its first slash.
    pub(super) path: String,
    /// The first byte asked for.
    pub(super) from: Option<usize>,
    /// The entity tag under which the rest may be sent.
    pub(super) if_range: Option<String>,
}

/// Reads a request up to the empty line.
pub(super) async fn read(stream: impl AsyncRead + Unpin) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let mut request = Request::default();
    if let Some(line) = lines.next_line().await? {
        let path = line.split(' ').nth(1).unwrap_or_default();
        path.trim_start_matches('/').clone_into(&mut request.path);
    }
    while let Some(line) = lines.next_line().await? {
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "range" => request.from = first_byte(value),
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(request)
}

/// The first byte of a range such as `bytes=100-`.
fn first_byte(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.split('-').next()?.parse().ok()
}

/// The head of an answer that gives a file from a byte on.
pub(super) fn head(from: Option<usize>, len: usize, tag: &str) -> String {
    let (status, range, from) = match from {
        Some(from) => {
            let last = len.saturating_sub(1);
            ("206 Partial Content", format!("content-range: bytes {from}-{last}/{len}\r\n"), from)
        }
        None => ("200 OK", String::new(), 0),
    };
    let left = len.saturating_sub(from);
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {left}\r\netag: {tag}\r\naccept-ranges: bytes\r\n\
         {range}connection: close\r\n\r\n"
    )
}

/// An answer without a file.
pub(super) fn refusal(status: &str, retry_after: Option<u64>) -> String {
    let wait = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n"));
    let wait = wait.unwrap_or_default();
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n{wait}connection: close\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_tells_what_it_wants() {
        let text = "GET /vae HTTP/1.1\r\nRange: bytes=100-\r\nIf-Range: \"x\"\r\n\r\n";
        let request = read(text.as_bytes()).await.expect("read");
        assert_eq!(
            request,
            Request { path: "vae".into(), from: Some(100), if_range: Some("\"x\"".into()) }
        );
    }
}
