//! What a person can ask for.

/// Something that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Of an operation, as long as it stands as it was seen.
    Operation { id: String, name: String, version: u64, verb: Verb },
    /// To take an output, as JSON, for what a step gives, and to go on with the steps after it.
    Skip { id: String, name: String, version: u64, step: String, output: String },
    /// Of a breaker.
    Breaker { key: String, name: String, verb: BreakerVerb },
}

impl Ask {
    /// What is asked for, in a few words.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Operation { name, verb, .. } => format!("{} {name}", verb.label()),
            Self::Skip { name, step, .. } => format!("Skip {step} of {name}"),
            Self::Breaker { name, verb, .. } => format!("{} {name}", verb.label()),
        }
    }
}

/// What can be asked of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Pause,
    Resume,
    Retry,
    ForceRetry,
    CancelRecovery,
    Cancel,
}

impl Verb {
    /// All of them, the mildest first.
    pub(crate) const ALL: [Self; 6] = [
        Self::Pause,
        Self::Resume,
        Self::Retry,
        Self::ForceRetry,
        Self::CancelRecovery,
        Self::Cancel,
    ];

    /// Its name in views and addresses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::ForceRetry => "force-retry",
            Self::CancelRecovery => "cancel-recovery",
            Self::Cancel => "cancel",
        }
    }

    /// Its name for people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Pause => "Pause",
            Self::Resume => "Resume",
            Self::Retry => "Retry now",
            Self::ForceRetry => "Force retry",
            Self::CancelRecovery => "Cancel recovery",
            Self::Cancel => "Cancel",
        }
    }

    /// Its key.
    pub(crate) const fn key(self) -> char {
        match self {
            Self::Pause => 'p',
            Self::Resume => 'r',
            Self::Retry => 'n',
            Self::ForceRetry => 'f',
            Self::CancelRecovery => 'x',
            Self::Cancel => 'c',
        }
    }

    /// What it does, where the engine has not said it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Pause => "nothing new starts until it is resumed",
            Self::Resume => "go on from where it stopped",
            Self::Retry => "try again at once instead of waiting",
            Self::ForceRetry => "try again, whatever was wrong and whatever is down",
            Self::CancelRecovery => "let the attempt under way end; start no further one",
            Self::Cancel => "stop for good; this cannot be taken back",
        }
    }

    /// Whether it ends or overrules something, so that a person is asked before.
    pub(crate) const fn asks(self) -> bool {
        matches!(self, Self::ForceRetry | Self::CancelRecovery | Self::Cancel)
    }
}

/// The key that skips a step.
pub(crate) const SKIP: char = 'S';

/// What can be asked of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakerVerb {
    Probe,
    Close,
    Isolate,
    Disable,
    Enforce,
}

impl BreakerVerb {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Probe, Self::Close, Self::Isolate, Self::Disable, Self::Enforce];

    /// Its name in views and addresses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Close => "close",
            Self::Isolate => "isolate",
            Self::Disable => "disable",
            Self::Enforce => "enforce",
        }
    }

    /// Its name for people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Probe => "Probe",
            Self::Close => "Close",
            Self::Isolate => "Isolate",
            Self::Disable => "Disable",
            Self::Enforce => "Enforce",
        }
    }

    /// Its key while breakers are shown.
    pub(crate) const fn key(self) -> char {
        match self {
            Self::Probe => 'p',
            Self::Close => 'c',
            Self::Isolate => 'i',
            Self::Disable => 'd',
            Self::Enforce => 'e',
        }
    }

    /// What it does.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Probe => "let one attempt through now",
            Self::Close => "let everything through in waves",
            Self::Isolate => "hold everything back until somebody ends it",
            Self::Disable => "let everything through and watch nothing",
            Self::Enforce => "watch and hold back as usual again",
        }
    }

    /// Whether a person is asked before.
    pub(crate) const fn asks(self) -> bool {
        matches!(self, Self::Isolate | Self::Disable)
    }
}
