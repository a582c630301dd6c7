//! Putting an engine together.

#[cfg(feature = "sled")]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use resurge_journal::WorkflowName;
use resurge_journal::store::Store;
use resurge_steps::classify::Rules;

use super::engine::{Engine, Inner};
use super::error::{OpenError, ReplayProblem};
use crate::core::Registry;
use crate::settings::Settings;
use crate::shell::{self, Clock, Parts, SystemClock, World};
use crate::workflow::Workflow;

/// Puts an engine together; [`start`](Self::start) opens it.
///
/// # Defaults
/// [`Settings::default`], the clock of the machine, durability against power cuts.
#[derive(Debug)]
#[must_use = "an engine runs after `start`"]
pub struct EngineBuilder {
    source: Source,
    settings: Settings,
    registry: Registry,
    clock: Arc<dyn Clock>,
    rules: Rules,
    /// A name and version that two different workflows claim.
    ambiguous: Option<(WorkflowName, u32)>,
    #[cfg(feature = "sled")]
    durability: resurge_journal::store::Durability,
}

#[derive(Debug)]
enum Source {
    #[cfg(feature = "sled")]
    Folder(PathBuf),
    Store(Arc<dyn Store>),
}

impl EngineBuilder {
    #[cfg(feature = "sled")]
    pub(super) fn at(journal: &Path) -> Self {
        Self::from_source(Source::Folder(journal.to_owned()))
    }

    pub(super) fn over(store: Arc<dyn Store>) -> Self {
        Self::from_source(Source::Store(store))
    }

    fn from_source(source: Source) -> Self {
        Self {
            source,
            settings: Settings::default(),
            registry: Registry::default(),
            clock: Arc::new(SystemClock),
            rules: Rules::new(),
            ambiguous: None,
            #[cfg(feature = "sled")]
            durability: resurge_journal::store::Durability::default(),
        }
    }

    /// Limits and times.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings.bounded();
        self
    }

    /// Makes a workflow known, so that its runs can start and resume.
    ///
    /// Register every version of which runs may be open; a run without one is parked.
    pub fn register<I, O>(mut self, flow: &Workflow<I, O>) -> Self {
        if !self.registry.insert(&flow.definition) {
            self.ambiguous.get_or_insert_with(|| (flow.name().clone(), flow.version()));
        }
        self
    }

    /// Rules of the application for failures, before or after those of the engine.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Tells the time from another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What the journal survives. Default: a power cut.
    #[cfg(feature = "sled")]
    pub const fn durability(mut self, durability: resurge_journal::store::Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Opens the journal, replays it, and goes on with every run that has not ended.
    ///
    /// # Errors
    /// [`OpenError`] if the journal is in use, damaged, foreign, or newer than this release.
    ///
    /// # Durability
    /// When it returns, the take-over is durable: attempts that a crash cut off are recorded.
    ///
    /// # Cancel safety
    /// When the future is dropped the engine winds down and closes the journal.
    pub async fn start(self) -> Result<Engine, OpenError> {
        if let Some((workflow, version)) = self.ambiguous {
            return Err(OpenError::AmbiguousWorkflow { workflow, version });
        }
        let (store, scratch_root) = self
            .source
            .open(
                #[cfg(feature = "sled")]
                self.durability,
            )
            .await?;
        let registry = Arc::new(self.registry);
        let parts = Parts {
            store: Arc::clone(&store),
            registry: Arc::clone(&registry),
            settings: self.settings.clone(),
            world: Arc::new(World::new(self.clock)),
            scratch_root,
            rules: self.rules,
        };
        let location = store.location().to_owned();
        let opened = shell::open(parts)
            .await
            .map_err(|source| OpenError::Replay { location, source: ReplayProblem(source) })?;
        let shell::Opened { inbox, feed, obituary, replay, alive } = opened;
        let settings = self.settings;
        let home = shell::Home::here();
        let inner =
            Inner { inbox, feed, store, settings, registry, obituary, replay, home, _alive: alive };
        Ok(Engine { inner: Arc::new(inner) })
    }
}

impl Source {
    async fn open(
        self,
        #[cfg(feature = "sled")] durability: resurge_journal::store::Durability,
    ) -> Result<(Arc<dyn Store>, PathBuf), OpenError> {
        match self {
            #[cfg(feature = "sled")]
            Self::Folder(folder) => {
                use resurge_journal::store::{DiskStore, OpenMode};
                let scratch_root = folder.join("scratch");
                let open = move || DiskStore::open(&folder, OpenMode::CreateIfMissing, durability);
                let store = match shell::spawn_blocking(open).await {
                    Ok(store) => store?,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                };
                Ok((Arc::new(store), scratch_root))
            }
            Self::Store(store) => {
                // A name that nobody can guess: what stands there is swept when the engine opens.
                Ok((store, std::env::temp_dir().join(format!("resurge-{}", shell::unique_name()))))
            }
        }
    }
}
