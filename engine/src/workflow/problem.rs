//! What can be wrong with a workflow.

use std::fmt;

use resurge_journal::InvalidName;

use crate::policy::{BreakerProblem, PolicyProblem};

/// A workflow that cannot be built, with every problem at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    pub(super) workflow: String,
    pub(super) problems: Vec<BuildProblem>,
}

/// One thing that is wrong with a workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildProblem {
    /// The name of the workflow or the key of a step breaks the rules.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Two steps share a key.
    #[error("two steps have the key `{key}`; a key is the durable identity of its step")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A handle came from another builder.
    #[error("step `{key}` takes a handle of another workflow; use handles of this builder only")]
    ForeignHandle {
        /// The step.
        key: String,
    },
    /// The result is not a step of this workflow.
    #[error("the result must be the handle of a step of this workflow")]
    Result,
    /// A retry policy contradicts itself.
    #[error("step `{key}`: {problem}")]
    Policy {
        /// The step.
        key: String,
        /// What contradicts itself.
        problem: PolicyProblem,
    },
    /// Two different functions share a name.
    #[error("step `{key}` uses a custom delay function `{name}` that another step defines as well")]
    CustomNameTaken {
        /// The step.
        key: String,
        /// The name.
        name: String,
    },
    /// A timeout of zero.
    #[error("step `{key}` has a timeout of zero; leave it out for none")]
    ZeroTimeout {
        /// The step.
        key: String,
    },
    /// An idle timeout that can never pass.
    #[error("step `{key}` has an idle timeout that its timeout never lets pass; make it shorter")]
    IdleTimeout {
        /// The step.
        key: String,
    },
    /// A breaker's policy contradicts itself.
    #[error("step `{key}`: {problem}")]
    Breaker {
        /// The step.
        key: String,
        /// What contradicts itself.
        problem: BreakerProblem,
    },
    /// More steps than a run may have.
    #[error("the workflow has {steps} steps, at most {steps_max} are allowed")]
    TooManySteps {
        /// Steps of the workflow.
        steps: usize,
        /// The limit.
        steps_max: usize,
    },
    /// The graph does not fit into a record of the journal.
    #[error(
        "the graph takes {bytes} bytes, at most {bytes_max} fit a record; use fewer or shorter keys"
    )]
    GraphTooLarge {
        /// Size of the graph.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
}

impl BuildError {
    /// Everything that is wrong.
    pub fn problems(&self) -> &[BuildProblem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "workflow `{}` cannot be built", self.workflow)?;
        for problem in &self.problems {
            write!(f, "\n- {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}
