//! The sum of all events, with the number and name of each.

use super::{
    AttemptFailed, AttemptInterrupted, AttemptStarted, AttemptSucceeded, BreakerClosed,
    BreakerHalfOpened, BreakerModeSet, BreakerOpened, BreakerWouldOpen, CheckpointSaved,
    EngineClosed, EngineOpened, ForceRetry, JournalCreated, JournalRecovered, JournalTrimmed,
    LateResultIgnored, LintFound, OutputsInvalidated, ProbePassed, RecoveryCancelled, RetryNow,
    RunCancelled, RunExhausted, RunFailed, RunParked, RunPaused, RunResumed, RunStarted,
    RunSucceeded, RunUnparked, SettingsChanged, StepParked, StepRefused, StepReleased, StepSkipped,
    TailCut, older,
};

/// Declares [`Event`] with the tag (on disk) and name (in JSON) of every variant, once.
macro_rules! events {
    ($($tag:literal $version:literal $name:literal $Event:ident,)+) => {
        /// A fact: something that happened, in the past tense, with its conclusions.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(
            clippy::large_enum_variant,
            reason = "events are passed on by reference, and a box would cost a failure more"
        )]
        #[non_exhaustive]
        pub enum Event {
            $(#[doc = concat!("See [`", stringify!($Event), "`].")] $Event($Event),)+
        }

        impl Event {
            /// Names of all events, as they stand in JSON lines.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Tag, version and name of all events, for the table in the documentation.
            #[cfg(test)]
            pub(crate) const KINDS: &'static [(u16, u16, &'static str)] =
                &[$(($tag, $version, $name)),+];

            /// Name of this event in JSON lines.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$Event(_) => $name),+ }
            }

            /// Tag of this event on disk.
            pub(crate) const fn tag(&self) -> u16 {
                match self { $(Self::$Event(_) => $tag),+ }
            }

            /// Version of the body that this build writes.
            pub(crate) const fn body_version(&self) -> u16 {
                match self { $(Self::$Event(_) => $version),+ }
            }

            /// Whether this build reads a body with this tag and version.
            pub(crate) const fn is_known(tag: u16, version: u16) -> bool {
                $((tag == $tag && version == $version))||+ || older::is_known(tag, version)
            }

            /// Passes the body to a generic function of the codec.
            pub(crate) fn encode_body<C: BodyEncoder>(&self, to: C) -> C::Output {
                match self { $(Self::$Event(body) => to.encode(body)),+ }
            }

            /// Asks the codec for the body that a tag and version announce.
            pub(crate) fn decode_body<D: BodyDecoder>(
                tag: u16,
                version: u16,
                from: D,
            ) -> Result<Option<Self>, D::Error> {
                match (tag, version) {
                    $(($tag, $version) => from.decode::<$Event>().map(|b| Some(Self::$Event(b))),)+
                    _ => older::decode_body(tag, version, from),
                }
            }
        }

        $(impl From<$Event> for Event {
            fn from(body: $Event) -> Self {
                Self::$Event(body)
            }
        })+
    };
}

/// What [`Event::encode_body`] hands a body to.
pub(crate) trait BodyEncoder {
    type Output;
    fn encode<T: serde::Serialize>(self, body: &T) -> Self::Output;
}

/// What [`Event::decode_body`] gets a body from.
pub(crate) trait BodyDecoder {
    type Error;
    fn decode<T: serde::de::DeserializeOwned>(self) -> Result<T, Self::Error>;
}

// The high byte is the family: 1 engine, 2 run, 3 attempt, 4 breaker, 5 control.
// A new one needs its rows in docs/journal-format.md and in tests/python/bodies.py; tests ask for them.
// Never reuse a tag; a changed body gets a new version here, and what it was a line in older.rs.
events! {
    0x0101 1 "journal_created" JournalCreated,
    0x0102 1 "engine_opened" EngineOpened,
    0x0103 1 "engine_closed" EngineClosed,
    0x0104 1 "tail_cut" TailCut,
    0x0105 1 "journal_recovered" JournalRecovered,
    0x0106 1 "journal_trimmed" JournalTrimmed,
    0x0201 2 "run_started" RunStarted,
    0x0202 1 "run_succeeded" RunSucceeded,
    0x0203 1 "run_failed" RunFailed,
    0x0204 1 "run_exhausted" RunExhausted,
    0x0205 1 "run_cancelled" RunCancelled,
    0x0206 1 "run_parked" RunParked,
    0x0207 1 "run_unparked" RunUnparked,
    0x0301 2 "attempt_started" AttemptStarted,
    0x0302 2 "attempt_succeeded" AttemptSucceeded,
    0x0303 2 "attempt_failed" AttemptFailed,
    0x0304 1 "attempt_interrupted" AttemptInterrupted,
    0x0305 1 "checkpoint_saved" CheckpointSaved,
    0x0306 1 "outputs_invalidated" OutputsInvalidated,
    0x0307 1 "late_result_ignored" LateResultIgnored,
    0x0401 1 "breaker_opened" BreakerOpened,
    0x0402 1 "breaker_half_opened" BreakerHalfOpened,
    0x0403 1 "breaker_closed" BreakerClosed,
    0x0404 1 "breaker_mode_set" BreakerModeSet,
    0x0405 1 "breaker_would_open" BreakerWouldOpen,
    0x0406 1 "probe_passed" ProbePassed,
    0x0407 1 "step_parked" StepParked,
    0x0408 1 "step_released" StepReleased,
    0x0409 1 "step_refused" StepRefused,
    0x0501 1 "run_paused" RunPaused,
    0x0502 1 "run_resumed" RunResumed,
    0x0503 1 "retry_now" RetryNow,
    0x0504 1 "force_retry" ForceRetry,
    0x0505 1 "recovery_cancelled" RecoveryCancelled,
    0x0506 1 "step_skipped" StepSkipped,
    0x0507 1 "settings_changed" SettingsChanged,
    0x0508 1 "lint_found" LintFound,
}
