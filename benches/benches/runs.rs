//! Runs of three steps over a journal in memory: what the engine itself costs.

use benches::{payload, three_steps};
use divan::Bencher;
use divan::counter::ItemsCount;
use resurge::{Engine, Settings};

const AT_ONCE: [usize; 2] = [1, 64];

fn main() {
    divan::main();
}

#[divan::bench(args = AT_ONCE, max_time = 5)]
fn in_memory(bencher: Bencher<'_, '_>, at_once: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let flow = three_steps();
    let mut settings = Settings::default();
    settings.attempts_in_flight_max = at_once;
    let engine = Engine::in_memory().settings(settings).register(&flow);
    let engine = runtime.block_on(engine.start()).expect("opened");
    bencher.counter(ItemsCount::new(at_once)).bench_local(|| {
        runtime.block_on(async {
            let runs: Vec<_> = (0..at_once)
                .map(|_| tokio::spawn(engine.start(&flow, payload()).into_future()))
                .collect();
            for run in runs {
                let run = run.await.expect("no panic").expect("started");
                run.outcome().await.expect("succeeded");
            }
        });
    });
}
