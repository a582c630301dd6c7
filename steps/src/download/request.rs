//! Sends a request and follows it to its final answer.

use reqwest::Response;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderMap, HeaderValue, IF_RANGE, RANGE, USER_AGENT,
};
use url::Url;

use super::attempt::Ended;
use super::client::Clients;
use super::options::Download;
use super::place::{Place, key_of};
use super::plan::Ask;
use super::redirect::{HOPS_MAX, circle, next_hop, same_origin};
use crate::context::StepContext;
use crate::error::StepError;

/// The final answer of a source, or the wish to stop, whichever comes first.
pub(super) async fn answer(
    cx: &StepContext,
    options: &Download,
    place: &Place,
    ask: &Ask,
) -> Result<Response, Ended> {
    tokio::select! {
        biased;
        reason = cx.stopped() => Err(Ended::Stopped(reason)),
        answer = resolve(cx, options, place, ask) => answer.map_err(Ended::Source),
    }
}

/// Follows redirects. A refusal at their end may only mean that a signed address ran out:
/// then the way is gone once more, from the origin.
async fn resolve(
    cx: &StepContext,
    options: &Download,
    place: &Place,
    ask: &Ask,
) -> Result<Response, StepError> {
    let (response, redirected) = follow(cx, options, &place.url, ask).await?;
    if redirected && matches!(response.status().as_u16(), 400 | 401 | 403) {
        tracing::debug!(status = response.status().as_u16(), "the address is resolved anew");
        return Ok(follow(cx, options, &place.url, ask).await?.0);
    }
    Ok(response)
}

async fn follow(
    cx: &StepContext,
    options: &Download,
    origin: &Url,
    ask: &Ask,
) -> Result<(Response, bool), StepError> {
    let mut url = origin.clone();
    // Once lost, trust does not come back: the way home could be forged as well.
    let mut trusted = true;
    for hop in 0..=HOPS_MAX {
        trusted &= same_origin(origin, &url);
        let host = key_of(&url);
        let named = |error: StepError| match &host {
            Some(host) => error.resource(host.clone()),
            None => error,
        };
        let response = request(options, &url, ask, trusted).await.map_err(named)?;
        let status = response.status().as_u16();
        if let Some(host) = host.as_ref().filter(|_| proves_alive(status)) {
            cx.alive(host);
        }
        match next_hop(&url, status, response.headers())? {
            None => return Ok((response, hop > 0)),
            Some(next) => url = next,
        }
    }
    Err(circle(origin))
}

/// Whether such an answer, which is complete without its body, proves that the server works.
const fn proves_alive(status: u16) -> bool {
    matches!(status, 300..=499) && !matches!(status, 407 | 408 | 421 | 425 | 429)
}

async fn request(
    options: &Download,
    url: &Url,
    ask: &Ask,
    trusted: bool,
) -> Result<Response, StepError> {
    let client = Clients::get(options, url).await?;
    let headers = headers_for(ask, &options.headers, trusted)?;
    let sending = client.get(url.clone()).headers(headers).send();
    let patience = options.connect_timeout.saturating_add(options.idle_timeout);
    match tokio::time::timeout(patience, sending).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(StepError::from(error.without_url())),
        Err(_) => Err(stalled("the server does not answer")),
    }
}

/// Nothing arrives any more.
pub(super) fn stalled(message: &str) -> StepError {
    StepError::found("transfer", "stalled", message)
}

fn headers_for(ask: &Ask, own: &HeaderMap, trusted: bool) -> Result<HeaderMap, StepError> {
    let public = [USER_AGENT, ACCEPT, ACCEPT_LANGUAGE];
    let told = own.iter().filter(|(name, _)| trusted || public.contains(name));
    let mut headers: HeaderMap = told.map(|(n, v)| (n.clone(), v.clone())).collect();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.remove(RANGE);
    headers.remove(IF_RANGE);
    if ask.from > 0 {
        headers.insert(RANGE, HeaderValue::try_from(format!("bytes={}-", ask.from))?);
    }
    if let Some(validator) = &ask.if_range {
        headers.insert(IF_RANGE, HeaderValue::from_str(validator)?);
    }
    Ok(headers)
}
