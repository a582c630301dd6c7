//! What a decision costs: an attempt starts, an attempt fails and is to be retried, with few or
//! many runs open.

use std::cell::RefCell;

use divan::{AllocProfiler, Bencher};
use resurge::lab::{Crowd, LabError};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Open runs, and hosts that they are spread over.
const CROWDS: [(u32, u32); 5] =
    [(1, 1), (1_000, 1), (100_000, 1), (1_000, 1_000), (100_000, 1_000)];
const RUNS: [u32; 3] = [1, 1_000, 100_000];

fn main() {
    divan::main();
}

/// Measures the start of an attempt; the one before it fails first.
fn starts(bencher: Bencher<'_, '_>, crowd: Result<Crowd, LabError>) {
    let crowd = RefCell::new(crowd.expect("a crowd"));
    bencher
        .with_inputs(|| {
            let mut crowd = crowd.borrow_mut();
            crowd.fail().expect("decided");
            assert_eq!(crowd.under_way(), 0);
        })
        .bench_local_refs(|()| crowd.borrow_mut().begin().expect("decided"));
    assert_eq!(crowd.borrow().under_way(), 1, "an attempt has started");
}

/// Measures the failure of an attempt; it starts first.
fn fails(bencher: Bencher<'_, '_>, crowd: Result<Crowd, LabError>) {
    let crowd = RefCell::new(crowd.expect("a crowd"));
    bencher
        .with_inputs(|| {
            let mut crowd = crowd.borrow_mut();
            crowd.begin().expect("decided");
            assert_eq!(crowd.under_way(), 1);
        })
        .bench_local_refs(|()| crowd.borrow_mut().fail().expect("decided"));
    assert_eq!(crowd.borrow().under_way(), 0, "the attempt has failed");
}

#[divan::bench(args = CROWDS, sample_size = 1, sample_count = 2_000)]
fn attempt_starts(bencher: Bencher<'_, '_>, (runs, hosts): (u32, u32)) {
    starts(bencher, Crowd::waiting(runs, hosts));
}

#[divan::bench(args = CROWDS, sample_size = 1, sample_count = 2_000)]
fn attempt_fails(bencher: Bencher<'_, '_>, (runs, hosts): (u32, u32)) {
    fails(bencher, Crowd::waiting(runs, hosts));
}

#[divan::bench(args = RUNS, sample_size = 1, sample_count = 2_000)]
fn attempt_starts_beside_parked(bencher: Bencher<'_, '_>, runs: u32) {
    starts(bencher, Crowd::parked(runs));
}

#[divan::bench(args = RUNS, sample_size = 1, sample_count = 2_000)]
fn attempt_fails_beside_parked(bencher: Bencher<'_, '_>, runs: u32) {
    fails(bencher, Crowd::parked(runs));
}

/// One failure opens the breaker of everybody who is ready: one decision, many records.
#[divan::bench(args = CROWDS, sample_size = 1, sample_count = 3)]
fn everybody_parks(bencher: Bencher<'_, '_>, (runs, hosts): (u32, u32)) {
    bencher
        .with_inputs(|| Crowd::ready(runs, hosts).expect("a crowd"))
        .bench_local_refs(|crowd| crowd.fail().expect("decided"));
}
