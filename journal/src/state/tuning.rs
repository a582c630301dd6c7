//! Settings that people change while the engine runs.

use serde::{Deserialize, Serialize};

use crate::event::SettingsChanged;
use crate::json::Json;

/// Declares [`Tuning`] with the name of every setting in the journal, once.
macro_rules! tuning {
    ($($(#[$meta:meta])* $field:ident: $Type:ty,)+) => {
        /// Settings that people changed while the engine ran; none stands for the engine's own.
        ///
        /// They apply to every decision after the change, of runs under way as well.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        pub struct Tuning {
            $($(#[$meta])* pub $field: Option<$Type>,)+
        }

        impl Tuning {
            /// Names of all settings.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];

            /// The value of a setting; null if it was not changed, none if there is no such setting.
            pub fn get(&self, name: &str) -> Option<Json> {
                match name {
                    $(stringify!($field) => Json::of(&self.$field).ok(),)+
                    _ => None,
                }
            }

            /// Changes a setting; null takes the change back.
            pub(crate) fn set(&mut self, name: &str, value: &Json) -> Result<(), String> {
                match name {
                    $(stringify!($field) => {
                        self.$field = value.read().map_err(|error| error.to_string())?;
                    })+
                    _ => {
                        let known = Self::NAMES.join(", ");
                        return Err(format!("there is no setting `{name}`; there are {known}"));
                    }
                }
                Ok(())
            }
        }
    };
}

tuning! {
    /// Retries after the first attempt, whatever the policy of a step says.
    max_retries: u32,
    /// Delay before the first retry, in milliseconds.
    initial_delay_ms: u64,
    /// Growth of the delay per retry; at least 1.
    backoff_factor: f64,
    /// Longest computed delay, in milliseconds.
    max_delay_ms: u64,
    /// Failures in a row that open a breaker; 0 leaves this rule out.
    circuit_breaker_threshold: u32,
    /// The longest break, in milliseconds; at least 1.
    circuit_breaker_timeout_ms: u64,
    /// Most attempts under way at the same time; at least 1.
    attempts_in_flight_max: u32,
    /// Bytes a second of all transfers together; 0 is no limit.
    bandwidth_limit: u64,
}

impl Tuning {
    /// Whether a setting can have a value; the same check for a request and for a record.
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn check(name: &str, value: &Json) -> Result<(), String> {
        let mut tuning = Self::default();
        tuning.set(name, value)?;
        if tuning.backoff_factor.is_some_and(|factor| !(factor.is_finite() && factor >= 1.0)) {
            return Err("the backoff factor must be a number of at least 1".to_owned());
        }
        if tuning.attempts_in_flight_max == Some(0) {
            return Err("at least one attempt must be allowed in flight".to_owned());
        }
        if tuning.circuit_breaker_timeout_ms == Some(0) {
            return Err("a break of no length lets everything pass; give it at least 1 ms, or disable the breakers".to_owned());
        }
        Ok(())
    }

    /// These settings with one of them changed; null takes a change back.
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn with(&self, name: &str, value: &Json) -> Result<Self, String> {
        Self::check(name, value)?;
        let mut changed = self.clone();
        changed.set(name, value)?;
        Ok(changed)
    }

    pub(crate) fn changed(&mut self, event: &SettingsChanged) -> Result<(), String> {
        Self::check(&event.name, &event.new)?;
        self.set(&event.name, &event.new)
    }
}
