//! Which operations somebody wants to see, and in which order.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use resurge::{Class, ResourceKey, RunId, RunStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::entry::Entry;

/// Which operations somebody wants to see; everything that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Statuses with commas between them; `waiting` is any that waits for something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The class of the last failure, or its group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The host or other resource that it waits for or failed on: its key, or what people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Part of the name, the workflow or the error, or the beginning of the id, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
}

/// Names that `state` can have.
pub const STATES: [&str; 9] = [
    "pending",
    "in_progress",
    "recovering",
    "waiting",
    "paused",
    "success",
    "failed",
    "exhausted",
    "cancelled",
];

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Sort {
    /// The newest first.
    #[default]
    #[serde(rename = "-started")]
    Newest,
    /// The oldest first.
    #[serde(rename = "started")]
    Oldest,
    /// By name.
    #[serde(rename = "name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-name")]
    NameBack,
    /// What needs somebody first, then what is at work, then what is done.
    #[serde(rename = "status")]
    Status,
    /// What moved last first.
    #[serde(rename = "-updated")]
    Updated,
}

/// A filter, taken apart once for many operations.
#[derive(Debug)]
pub(crate) struct Sieve<'a> {
    states: Vec<&'a str>,
    filter: &'a Filter,
    needle: Option<String>,
}

impl Filter {
    /// Names among the wanted statuses that there are not.
    pub fn unknown_states(&self) -> Vec<&str> {
        self.states().filter(|name| !STATES.contains(name)).collect()
    }

    /// Whether the wanted class or group of failures is none.
    pub fn is_error_unknown(&self) -> bool {
        let wanted = self.error.as_deref().unwrap_or_default();
        let is = |class: &Class| class.name() == wanted || class.group().name() == wanted;
        !wanted.is_empty() && !Class::ALL.iter().any(is)
    }

    fn states(&self) -> impl Iterator<Item = &str> {
        let names = self.state.as_deref().unwrap_or_default().split(',');
        names.map(str::trim).filter(|name| !name.is_empty())
    }

    pub(crate) fn sieve(&self) -> Sieve<'_> {
        let needle = self.q.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let states: BTreeSet<&str> = self.states().collect();
        Sieve {
            states: states.into_iter().collect(),
            filter: self,
            needle: needle.map(str::to_lowercase),
        }
    }
}

impl Sieve<'_> {
    /// Whether an operation has one of the wanted statuses.
    pub(crate) fn has_state(&self, entry: &Entry) -> bool {
        self.states.is_empty()
            || self.states.iter().any(|state| match *state {
                "waiting" => entry.row.wait.is_some(),
                state => entry.status.name() == state,
            })
    }

    /// Whether an operation fits all but the status.
    pub(crate) fn fits_beside_state(&self, entry: &Entry) -> bool {
        let Filter { workflow, error, host, .. } = self.filter;
        let fits = |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| {
            wanted.as_deref().is_none_or(|wanted| wanted.is_empty() || is(wanted))
        };
        let known = entry.row.error.as_ref();
        fits(workflow, &|wanted| entry.row.workflow == wanted)
            && fits(error, &|wanted| {
                known.is_some_and(|error| error.class == wanted || error.group == wanted)
            })
            && fits(host, &|wanted| entry.host.as_deref().is_some_and(|key| is_called(key, wanted)))
            && self.needle.as_deref().is_none_or(|needle| entry.is_found_by(needle))
    }
}

/// Whether a resource is called so, by its key or by people.
fn is_called(key: &str, wanted: &str) -> bool {
    let is_shown_so = || ResourceKey::new(key).is_ok_and(|key| key.display_name() == wanted);
    key == wanted || is_shown_so()
}

impl Sort {
    /// The order of two operations; never the same for two.
    pub(crate) fn compare(self, one: &Entry, other: &Entry) -> Ordering {
        let by_name =
            || one.sort_name.cmp(&other.sort_name).then_with(|| one.row.name.cmp(&other.row.name));
        let newest = || other.id.cmp(&one.id);
        match self {
            Self::Newest => newest(),
            Self::Oldest => one.id.cmp(&other.id),
            Self::Name => by_name().then_with(newest),
            Self::NameBack => by_name().reverse().then_with(newest),
            Self::Status => rank(one.status).cmp(&rank(other.status)).then_with(newest),
            Self::Updated => other.row.version.cmp(&one.row.version).then_with(newest),
        }
    }
}

/// The status of a name.
pub(crate) fn status_named(name: &str) -> Option<RunStatus> {
    use RunStatus as S;
    let open = [S::Pending, S::InProgress, S::Recovering, S::Paused];
    let ended = [S::Success, S::Failed, S::Exhausted, S::Cancelled];
    open.into_iter().chain(ended).find(|status| status.name() == name)
}

/// What needs somebody comes first.
const fn rank(status: RunStatus) -> u8 {
    match status {
        RunStatus::Failed => 0,
        RunStatus::Exhausted => 1,
        RunStatus::Paused => 2,
        RunStatus::Recovering => 3,
        RunStatus::InProgress => 4,
        RunStatus::Pending => 5,
        RunStatus::Cancelled => 6,
        RunStatus::Success => 7,
    }
}

/// What somebody wants to see: a window of a list, perhaps one operation, perhaps more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Which operations.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Place of the first one of the window.
    pub from: usize,
    /// How many there are in the window at most; see [`Subscription::COUNT_MAX`].
    pub count: usize,
    /// The operation that is shown in full.
    pub operation: Option<RunId>,
    /// What else is shown in full.
    pub panel: Option<Panel>,
}

/// What else can be shown in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Panel {
    /// All breakers.
    Breakers,
    /// Causes, hosts and the last minutes.
    Stats,
    /// Settings that people can change.
    Settings,
}

impl Subscription {
    /// Most operations in a window.
    pub const COUNT_MAX: usize = 200;
}
