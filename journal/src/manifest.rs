//! The graph of a run as it stands in the journal.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coded::coded_enum;
use crate::id::{StepIndex, StepKey, WorkflowName};
use crate::policy::{BreakerSpec, RetrySpec};

/// The graph that a run follows: pinned when it starts, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the workflow.
    pub workflow: WorkflowName,
    /// Version of the workflow.
    pub version: u32,
    /// The steps; a step's inputs lie before it.
    ///
    /// Shared: every run of a workflow points to the same ones.
    pub steps: Arc<[StepSpec]>,
    /// The step whose output is the output of the run.
    pub result: StepIndex,
}

/// One step of a [`Manifest`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Durable identity within the workflow.
    pub key: StepKey,
    /// Durable name of the behaviour.
    pub kind: String,
    /// How the input is put together.
    pub input: InputSpec,
    /// Steps that must succeed first although nothing flows from them.
    pub after: Vec<StepIndex>,
    /// When a failed attempt is followed by another.
    pub retry: RetrySpec,
    /// Longest duration of one attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Longest time without progress, in milliseconds.
    pub idle_timeout_ms: Option<u64>,
    /// Whether an attempt that may have had its effect may be repeated.
    pub is_idempotent: bool,
    /// The breakers of what the step needs; none is the engine's own policy.
    pub breaker: Option<BreakerSpec>,
}

/// How the input of a step is put together from its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpec {
    /// What the sources are put into.
    pub shape: InputShape,
    /// Where the parts come from.
    pub sources: Vec<Source>,
}

coded_enum! {
    /// What the sources of an input are put into.
    pub enum InputShape {
        /// Nothing: the input is `null`, and there are no sources.
        Nothing = 1 "nothing",
        /// The one source itself.
        Single = 2 "single",
        /// An array of the sources.
        List = 3 "list",
    }
}

/// Where a part of a step's input comes from: the run's input, or the output of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Option<StepIndex>", into = "Option<StepIndex>")]
pub enum Source {
    /// The input of the run.
    RunInput,
    /// The output of a step.
    Step(StepIndex),
}

impl From<Option<StepIndex>> for Source {
    fn from(step: Option<StepIndex>) -> Self {
        step.map_or(Self::RunInput, Self::Step)
    }
}

impl From<Source> for Option<StepIndex> {
    fn from(source: Source) -> Self {
        match source {
            Source::RunInput => None,
            Source::Step(step) => Some(step),
        }
    }
}

impl InputSpec {
    fn is_sound(&self) -> bool {
        match self.shape {
            InputShape::Nothing => self.sources.is_empty(),
            InputShape::Single => self.sources.len() == 1,
            InputShape::List => true,
        }
    }
}

impl StepSpec {
    /// Every step that must succeed before this one starts; one may come up twice.
    pub fn needs(&self) -> impl Iterator<Item = StepIndex> + '_ {
        let inputs = self.input.sources.iter().filter_map(|source| Option::from(*source));
        inputs.chain(self.after.iter().copied())
    }

    /// Longest duration of one attempt.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }

    /// Longest time without progress.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout_ms.map(Duration::from_millis)
    }

    /// Attempts that may fail in a row before the step is exhausted.
    pub const fn max_attempts(&self) -> u32 {
        self.retry.max_retries.saturating_add(1)
    }
}

impl Manifest {
    /// The step at a position.
    pub fn step(&self, index: StepIndex) -> Option<&StepSpec> {
        self.steps.get(index.get())
    }

    /// The position of the step with a key.
    pub fn index_of(&self, key: &StepKey) -> Option<StepIndex> {
        let at = self.steps.iter().position(|step| &step.key == key)?;
        u16::try_from(at).ok().map(StepIndex::new)
    }

    /// Positions and steps, in the order of definition.
    pub fn iter(&self) -> impl Iterator<Item = (StepIndex, &StepSpec)> {
        (0u16..).map(StepIndex::new).zip(self.steps.iter())
    }

    /// The step and everything that depends on it, directly or not.
    pub fn closure(&self, roots: &[StepIndex]) -> Vec<StepIndex> {
        let mut closure: Vec<StepIndex> = Vec::new();
        for (index, step) in self.iter() {
            if roots.contains(&index) || step.needs().any(|need| closure.contains(&need)) {
                closure.push(index);
            }
        }
        closure
    }

    /// Checks what the fold relies on: unique keys, inputs that lie before their step.
    ///
    /// # Errors
    /// The first rule that the graph breaks.
    pub fn check(&self) -> Result<(), ManifestError> {
        if self.step(self.result).is_none() {
            return Err(ManifestError::NoResult);
        }
        for (index, step) in self.iter() {
            if self.index_of(&step.key) != Some(index) {
                return Err(ManifestError::DuplicateKey { key: step.key.clone() });
            }
            if step.needs().any(|need| need >= index) {
                return Err(ManifestError::ForwardEdge { key: step.key.clone() });
            }
            if !step.input.is_sound() {
                return Err(ManifestError::InputShape { key: step.key.clone() });
            }
        }
        Ok(())
    }

    /// The first way in which a run with this graph cannot go on under another definition.
    ///
    /// Keys, kinds and edges must agree; policies and timeouts may differ, since a run keeps its own.
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        let are_the_same = Arc::ptr_eq(&self.steps, &other.steps);
        if are_the_same && self.result == other.result {
            return None;
        }
        if self.steps.len() != other.steps.len() {
            let (was, is) = (self.steps.len(), other.steps.len());
            return Some(Difference::StepCount { was, is });
        }
        let steps = self.steps.iter().zip(other.steps.iter());
        for (was, is) in steps {
            let key = was.key.clone();
            if was.key != is.key {
                return Some(Difference::Key { was: key, is: is.key.clone() });
            }
            if was.kind != is.kind {
                return Some(Difference::Kind { key, was: was.kind.clone(), is: is.kind.clone() });
            }
            if was.input != is.input || was.after != is.after {
                return Some(Difference::Inputs { key });
            }
        }
        (self.result != other.result).then_some(Difference::Result)
    }
}

/// A graph that breaks a rule which the fold relies on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Two steps share a key.
    #[error("two steps have the key `{key}`")]
    DuplicateKey {
        /// The key.
        key: StepKey,
    },
    /// A step depends on itself or on a later step.
    #[error("step `{key}` depends on a step that does not come before it")]
    ForwardEdge {
        /// The step.
        key: StepKey,
    },
    /// The number of sources does not fit the shape of the input.
    #[error("step `{key}` has an input whose sources do not fit its shape")]
    InputShape {
        /// The step.
        key: StepKey,
    },
    /// The result names no step.
    #[error("the result of the workflow is not one of its steps")]
    NoResult,
}

/// How the graph of a run differs from the definition that is registered now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// A different number of steps.
    StepCount {
        /// In the run.
        was: usize,
        /// In the definition.
        is: usize,
    },
    /// Another step stands at the same place.
    Key {
        /// In the run.
        was: StepKey,
        /// In the definition.
        is: StepKey,
    },
    /// A step is of another kind.
    Kind {
        /// The step.
        key: StepKey,
        /// In the run.
        was: String,
        /// In the definition.
        is: String,
    },
    /// A step takes other inputs.
    Inputs {
        /// The step.
        key: StepKey,
    },
    /// Another step gives the result.
    Result,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StepCount { was, is } => {
                write!(f, "the run has {was} steps, the definition has {is}")
            }
            Self::Key { was, is } => {
                write!(f, "the run has step `{was}` where the definition has `{is}`")
            }
            Self::Kind { key, was, is } => {
                write!(f, "step `{key}` is of kind `{was}` in the run and `{is}` in the definition")
            }
            Self::Inputs { key } => write!(f, "step `{key}` takes other inputs in the definition"),
            Self::Result => f.write_str("another step gives the result in the definition"),
        }
    }
}
