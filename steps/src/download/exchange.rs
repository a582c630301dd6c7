//! Asks one source until its answer can be used.

use std::time::SystemTime;

use resurge_journal::failure::Class;

use super::attempt::{Attempt, Ended};
use super::judge::{Answer, Coming, Judgement, judge};
use super::place::{key_of, may_expire};
use super::plan::plan;
use super::request::answer;
use crate::error::StepError;

/// How often one source is asked in one attempt: for the rest, without `If-Range`, for the whole.
const ASKS_MAX: usize = 4;

impl Attempt<'_> {
    /// Fetches what is missing from one source.
    pub(super) async fn fetch_from(&mut self, source: usize) -> Result<(), Ended> {
        let ground = self.ground(source);
        if self.offset > 0 && ground.total == Some(self.offset) {
            self.resumed = self.offset;
            return Ok(());
        }
        let mut ask = plan(&ground);
        let places = self.places;
        let Some(place) = places.get(source) else {
            return Err(Ended::Source(StepError::permanent("the artifact has no such address")));
        };
        if let Some(host) = &place.key {
            self.cx.uses(host);
        }
        for _ in 0..ASKS_MAX {
            let response = answer(self.cx, self.options, place, &ask).await?;
            let answer = Answer {
                status: response.status().as_u16(),
                headers: response.headers(),
                link: may_expire(&place.url, response.url()),
                now: SystemTime::now(),
            };
            let judgement = judge(&ask, &self.ground(source), answer);
            match judgement {
                Judgement::Whole(coming) => {
                    self.begin_anew(source, &coming).await.map_err(Ended::Local)?;
                    return self.receive(response, &coming, 0).await;
                }
                Judgement::Rest(coming) => {
                    self.go_on(source, &coming).await.map_err(Ended::Local)?;
                    return self.receive(response, &coming, 0).await;
                }
                Judgement::Skip(coming) => {
                    self.go_on(source, &coming).await.map_err(Ended::Local)?;
                    return self.receive(response, &coming, self.offset).await;
                }
                Judgement::Complete => {
                    self.resumed = self.offset;
                    return Ok(());
                }
                Judgement::AskAgain { ask: other, why } => {
                    tracing::debug!(why, from = other.from, "the source is asked in another way");
                    ask = other;
                }
                Judgement::Refuse(refusal) => {
                    let error = refusal.into_error();
                    return Err(Ended::Source(match key_of(response.url()) {
                        Some(host) => error.resource(host),
                        None => error,
                    }));
                }
            }
        }
        let message = "the server answers requests for a part with something else";
        Err(Ended::Source(StepError::new(Class::Server, "bad_ranges", message)))
    }

    /// Drops what is there. The file is emptied before a checkpoint says whose bytes come next:
    /// the other way round, a crash would make the old bytes pass for new ones.
    async fn begin_anew(&mut self, source: usize, coming: &Coming) -> Result<(), StepError> {
        self.block.take();
        self.writer.restart().await?;
        (self.offset, self.resumed) = (0, 0);
        self.keeper.sources.begin_anew(source, coming.identity.clone());
        self.keeper.save(&mut self.writer).await
    }

    async fn go_on(&mut self, source: usize, coming: &Coming) -> Result<(), StepError> {
        self.resumed = self.offset;
        let known = &mut self.keeper.sources.known;
        if known.get(&source) == Some(&coming.identity) {
            return Ok(());
        }
        known.insert(source, coming.identity.clone());
        self.keeper.save(&mut self.writer).await
    }
}
