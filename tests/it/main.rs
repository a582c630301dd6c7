//! Behaviour of the engine through its public interface, under virtual time.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod breaker_crashes;
mod breaker_modes;
mod breaker_restarts;
mod breakers;
mod calls;
mod checkpoints;
mod classification;
mod clock_set_back;
mod conditions;
mod controls;
mod crashes;
mod custom_panics;
mod damaged;
mod drop_panics;
mod events;
mod failure_of_view;
mod fair_turns;
mod full_disk;
mod hanging_checks;
mod keys;
mod large_payloads;
mod large_settings;
mod last_words;
mod long_grace;
mod lost_outputs;
mod outages;
mod overdue;
mod parking;
mod policies;
mod probes;
mod refunds_from_zero;
mod reopened;
mod residence;
mod retained_bodies;
mod retention;
mod retries;
mod runs;
mod scratch;
mod second_shutdown;
mod shutdown;
mod statistics;
mod steering;
mod tuning;
mod unordered_inputs;
