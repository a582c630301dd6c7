//! The promises of the breaker, held under any sequence of clocks and outcomes.

use proptest::prelude::*;

use super::*;
use crate::shell::real_now;

const REST: Duration = Duration::from_secs(300);

fn breaker(threshold: u32) -> Breaker {
    let threshold = NonZeroU32::new(threshold).expect("not zero");
    Breaker::new(BreakerSettings { threshold, rest: REST })
}

fn fail(breaker: &mut Breaker, now: Instant) {
    let permit = breaker.admit(now).expect("closed or probing");
    breaker.record(&permit, Outcome::Failure, now);
}

#[test]
fn failures_in_a_row_open_it_for_exactly_its_rest() {
    let (mut breaker, t0) = (breaker(5), real_now());
    for _ in 0..4 {
        fail(&mut breaker, t0);
    }
    let permit = breaker.admit(t0).expect("closed");
    breaker.record(&permit, Outcome::Alive, t0);
    for _ in 0..5 {
        assert_eq!(breaker.blocked(t0), None);
        fail(&mut breaker, t0);
    }
    assert_eq!(breaker.admit(t0 + REST / 2), Err(Refusal { remaining: REST / 2, again: REST / 2 }));
    assert!(breaker.admit(t0 + REST).is_ok_and(|permit| permit.is_probe()));
}

#[test]
fn one_probe_decides() {
    let (mut breaker, t0) = (breaker(1), real_now());
    fail(&mut breaker, t0);
    let probe = breaker.admit(t0 + REST).expect("the break is over");
    let refusal = breaker.admit(t0 + REST).expect_err("somebody probes");
    assert_eq!(refusal.remaining, Duration::ZERO);
    breaker.record(&probe, Outcome::Failure, t0 + REST);
    assert_eq!(breaker.blocked(t0 + REST), Some(REST));
    let probe = breaker.admit(t0 + REST * 2).expect("the break is over again");
    breaker.record(&probe, Outcome::Alive, t0 + REST * 2);
    assert!(breaker.is_fresh());
}

#[test]
fn a_probe_that_was_called_off_leaves_its_place_to_another() {
    let (mut breaker, t0) = (breaker(1), real_now());
    fail(&mut breaker, t0);
    let probe = breaker.admit(t0 + REST).expect("the break is over");
    breaker.record(&probe, Outcome::Ignored, t0 + REST);
    assert!(breaker.admit(t0 + REST).is_ok_and(|permit| permit.is_probe()));
}

#[test]
fn a_probe_that_never_ends_is_lost_after_a_while() {
    let (mut breaker, t0) = (breaker(1), real_now());
    fail(&mut breaker, t0);
    let lost = breaker.admit(t0 + REST).expect("the break is over");
    assert!(breaker.admit(t0 + REST + Duration::from_secs(299)).is_err());
    let probe = breaker.admit(t0 + REST * 2).expect("its lease is over");
    breaker.record(&lost, Outcome::Alive, t0 + REST * 2);
    assert_eq!(breaker.blocked(t0 + REST * 2), Some(Duration::ZERO));
    breaker.record(&probe, Outcome::Alive, t0 + REST * 2);
    assert!(breaker.is_fresh());
}

#[test]
fn what_began_before_it_opened_changes_nothing() {
    let (mut breaker, t0) = (breaker(2), real_now());
    let early = [breaker.admit(t0).expect("closed"), breaker.admit(t0).expect("closed")];
    fail(&mut breaker, t0);
    fail(&mut breaker, t0);
    for (permit, outcome) in early.iter().zip([Outcome::Alive, Outcome::Failure]) {
        breaker.record(permit, outcome, t0 + Duration::from_secs(100));
        assert_eq!(breaker.blocked(t0 + Duration::from_secs(100)), Some(Duration::from_secs(200)));
    }
}

/// What may happen next: time passes, or an attempt begins or ends.
#[derive(Debug, Clone)]
enum Act {
    /// The clock shows this many seconds after the start.
    Clock(u64),
    Admit,
    /// The attempt at this place ends.
    End(usize, Outcome),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Failure),
        1 => Just(Outcome::Alive),
        1 => Just(Outcome::Ignored),
    ];
    let act = prop_oneof![
        (0..2_000_u64).prop_map(Act::Clock),
        Just(Act::Admit),
        (any::<usize>(), outcome).prop_map(|(at, outcome)| Act::End(at, outcome)),
    ];
    prop::collection::vec(act, 1..200)
}

proptest! {
    #[test]
    fn at_most_one_probe_an_epoch_and_no_change_without_a_new_epoch(
        acts in acts(), threshold in 1..4_u32,
    ) {
        let (mut breaker, t0) = (breaker(threshold), real_now());
        let (mut now, mut flying, mut probed) = (t0, Vec::new(), Vec::new());
        for act in acts {
            let before = (breaker.epoch, std::mem::discriminant(&breaker.state));
            match act {
                Act::Clock(seconds) => now = t0 + Duration::from_secs(seconds),
                Act::Admit => if let Ok(permit) = breaker.admit(now) {
                    prop_assert_eq!(permit.epoch, breaker.epoch);
                    if permit.is_probe() {
                        prop_assert!(!probed.contains(&permit.epoch));
                        probed.push(permit.epoch);
                    }
                    flying.push(permit);
                },
                Act::End(at, outcome) if !flying.is_empty() => {
                    let permit = flying.swap_remove(at % flying.len());
                    let is_stale = permit.epoch != breaker.epoch;
                    let changed = breaker.record(&permit, outcome, now);
                    prop_assert!(!(is_stale && changed));
                }
                Act::End(..) => {}
            }
            let after = (breaker.epoch, std::mem::discriminant(&breaker.state));
            prop_assert!(after.0 >= before.0);
            prop_assert!(before.1 == after.1 || after.0 > before.0);
        }
    }

    #[test]
    fn no_clock_makes_a_break_longer(clocks in prop::collection::vec(0..2_000_u64, 1..50)) {
        let (mut breaker, t0) = (breaker(1), real_now() + Duration::from_secs(1_000));
        fail(&mut breaker, t0);
        let (mut seen, mut passed, mut left) = (t0, Duration::ZERO, REST);
        for clock in clocks {
            let now = real_now() + Duration::from_secs(clock);
            passed += now.saturating_duration_since(seen);
            seen = now;
            let remaining = breaker.blocked(now).unwrap_or_default();
            prop_assert!(remaining <= left);
            prop_assert_eq!(remaining.is_zero(), passed >= REST);
            left = remaining;
        }
    }
}
