//! What people ask of breakers.

use resurge_journal::event::{
    BreakerClosed, BreakerMode, BreakerModeSet, CloseCause, HalfOpenCause,
};
use resurge_journal::state::{Breaker, Gate};
use resurge_journal::{ResourceKey, Timestamp};

use super::World;
use super::breaker::half_open;
use super::control::Asked;
use crate::core::command::{BreakerControl, Fact, Refusal};

pub(super) fn control(
    world: &World<'_>,
    key: ResourceKey,
    control: BreakerControl,
    asked: Asked,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let default = Breaker::default();
    let breaker = world.state.breaker(&key).unwrap_or(&default);
    match control {
        BreakerControl::Close => Ok(close(breaker, key, asked, now)),
        BreakerControl::Probe => match breaker.gate {
            Gate::Open { .. } => {
                Ok(vec![half_open(world, &key, breaker.epoch, HalfOpenCause::Operator)])
            }
            Gate::HalfOpen { .. } => Ok(Vec::new()),
            Gate::Closed => Err(Refusal::BreakerClosed),
        },
        BreakerControl::Mode { mode, lasts } => {
            let until = lasts.map(|lasts| now.after(lasts));
            if breaker.mode_at(now) == mode && breaker.mode.as_ref().and_then(|m| m.until) == until
            {
                return Ok(Vec::new());
            }
            Ok(vec![set_mode(breaker, key, mode, until, asked)])
        }
    }
}

fn close(breaker: &Breaker, key: ResourceKey, asked: Asked, now: Timestamp) -> Vec<Fact> {
    let Asked { actor, reason } = asked;
    let isolated = breaker.mode_at(now) == BreakerMode::Isolated;
    let mut facts = Vec::new();
    if isolated {
        let asked = Asked { actor, reason };
        facts.push(set_mode(breaker, key, BreakerMode::Enforced, None, asked));
    } else if let Some(since) = breaker.not_closed_since() {
        facts.push(Fact::of_engine(BreakerClosed {
            key,
            epoch: breaker.epoch.next(),
            cause: CloseCause::Operator,
            open_ms: u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX),
            trips: breaker.trips,
            actor: Some(actor),
            reason: Some(reason),
        }));
    }
    facts
}

fn set_mode(
    breaker: &Breaker,
    key: ResourceKey,
    mode: BreakerMode,
    until: Option<Timestamp>,
    Asked { actor, reason }: Asked,
) -> Fact {
    let epoch = breaker.epoch.next();
    Fact::of_engine(BreakerModeSet { key, epoch, mode, until, actor, reason })
}
