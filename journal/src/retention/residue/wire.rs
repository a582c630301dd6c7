//! The residue as it stands in JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::breaker::BreakerWire;
use super::{Loss, Opening, Past, RESIDUE_VERSION, Residue, ResidueError};
use crate::event::Ease;
use crate::failure::Class;
use crate::id::{Epoch, ResourceKey, Seq, StepKey, WorkflowName};
use crate::json::Json;
use crate::state::{ClassStats, Global, ResourceStats, Stats, Trimmed, Tuning};
use crate::time::Timestamp;

/// Declares the form in JSON of a struct, field by field, with the conversion in both directions.
macro_rules! mirror {
    ($Wire:ident of $Type:ident { $($field:ident: $Field:ty,)+ }) => {
        #[derive(Debug, Serialize, Deserialize)]
        pub(super) struct $Wire {
            $($field: $Field,)+
        }

        impl From<$Type> for $Wire {
            fn from($Type { $($field,)+ }: $Type) -> Self {
                Self { $($field: $field.into(),)+ }
            }
        }

        impl From<$Wire> for $Type {
            fn from($Wire { $($field,)+ }: $Wire) -> Self {
                Self { $($field: $field.into(),)+ }
            }
        }
    };
}
pub(super) use mirror;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Wire {
    version: u32,
    first: Seq,
    last_at: Timestamp,
    epoch: Epoch,
    crowd: u32,
    dropped_runs: u64,
    ease: Option<EaseWire>,
    tuning: BTreeMap<String, Json>,
    budgets: BTreeMap<ResourceKey, Timestamp>,
    lints: Vec<LintWire>,
    stats: StatsWire,
    breakers: BTreeMap<ResourceKey, BreakerWire>,
    openings: Vec<Opening>,
    losses: Vec<Loss>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    bereft: bool,
}

mirror! { EaseWire of Ease { until: Timestamp, in_flight_max: u32, } }
mirror! { ClassWire of ClassStats { failures: u64, retried: u64, } }
mirror! { ResourceWire of ResourceStats { alive: u64, failing: u64, trips: u64, } }

#[derive(Debug, Serialize, Deserialize)]
struct LintWire {
    workflow: WorkflowName,
    version: u32,
    step: StepKey,
    code: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct StatsWire {
    total: u64,
    succeeded: u64,
    recovered: u64,
    failed: u64,
    cancelled: u64,
    retry_attempts: u64,
    breaker_trips: u64,
    recovery_ms: u64,
    by_class: BTreeMap<Class, ClassWire>,
    by_resource: BTreeMap<ResourceKey, ResourceWire>,
}

/// The same keys with values of another type.
pub(super) fn convert<K: Ord, A, B: From<A>>(map: BTreeMap<K, A>) -> BTreeMap<K, B> {
    map.into_iter().map(|(key, value)| (key, value.into())).collect()
}

impl From<Stats> for StatsWire {
    fn from(stats: Stats) -> Self {
        let Stats { total, succeeded, recovered, failed, cancelled, .. } = stats;
        let Stats { retry_attempts, breaker_trips, recovery_ms, by_class, by_resource, .. } = stats;
        let (by_class, by_resource) = (convert(by_class), convert(by_resource));
        Self {
            total,
            succeeded,
            recovered,
            failed,
            cancelled,
            retry_attempts,
            breaker_trips,
            recovery_ms,
            by_class,
            by_resource,
        }
    }
}

impl From<StatsWire> for Stats {
    fn from(stats: StatsWire) -> Self {
        Self {
            total: stats.total,
            succeeded: stats.succeeded,
            recovered: stats.recovered,
            failed: stats.failed,
            cancelled: stats.cancelled,
            retry_attempts: stats.retry_attempts,
            breaker_trips: stats.breaker_trips,
            recovery_ms: stats.recovery_ms,
            by_class: convert(stats.by_class),
            by_resource: convert(stats.by_resource),
        }
    }
}

fn tuning_wire(tuning: &Tuning) -> BTreeMap<String, Json> {
    let names = Tuning::NAMES.iter();
    let set = names.filter_map(|name| Some(((*name).to_owned(), tuning.get(name)?)));
    set.filter(|(_, value)| *value != Json::null()).collect()
}

fn tuning_of(wire: BTreeMap<String, Json>) -> Result<Tuning, ResidueError> {
    let mut tuning = Tuning::default();
    for (name, value) in wire {
        tuning.set(&name, &value).map_err(|problem| ResidueError::Unfit { problem })?;
    }
    Ok(tuning)
}

impl From<&Residue> for Wire {
    fn from(residue: &Residue) -> Self {
        let Global { last_at, epoch, budgets, crowd, ease, trimmed, .. } = &residue.global;
        let Global { tuning, stats, breakers, lints, .. } = &residue.global;
        let lints = lints.iter().cloned().map(|(workflow, version, step, code)| LintWire {
            workflow,
            version,
            step,
            code,
        });
        Self {
            version: RESIDUE_VERSION,
            first: residue.global.head.next(),
            last_at: *last_at,
            epoch: *epoch,
            crowd: *crowd,
            dropped_runs: trimmed.runs,
            ease: ease.map(EaseWire::from),
            tuning: tuning_wire(tuning),
            budgets: budgets.clone(),
            lints: lints.collect(),
            stats: stats.clone().into(),
            breakers: convert(breakers.clone()),
            openings: residue.past.openings.clone(),
            losses: residue.past.losses.clone(),
            bereft: residue.is_bereft,
        }
    }
}

impl TryFrom<Wire> for Residue {
    type Error = ResidueError;

    fn try_from(wire: Wire) -> Result<Self, ResidueError> {
        let lints = wire.lints.into_iter();
        let Some(head) = wire.first.get().checked_sub(1) else {
            return Err(ResidueError::Unfit { problem: "no record has the number 0".to_owned() });
        };
        let trimmed =
            Trimmed { first: wire.first, runs: wire.dropped_runs, reopened: BTreeMap::new() };
        let global = Global {
            head: Seq::new(head),
            last_at: wire.last_at,
            epoch: wire.epoch,
            keys: std::collections::HashMap::new(),
            breakers: convert(wire.breakers),
            budgets: wire.budgets,
            tuning: tuning_of(wire.tuning)?,
            stats: wire.stats.into(),
            ease: wire.ease.map(Ease::from),
            crowd: wire.crowd,
            lints: lints.map(|lint| (lint.workflow, lint.version, lint.step, lint.code)).collect(),
            trimmed,
        };
        let past = Past { openings: wire.openings, losses: wire.losses };
        Ok(Self { global, past, is_bereft: wire.bereft })
    }
}
