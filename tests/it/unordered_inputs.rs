//! Inputs are compared by what they say, not by how they were written.

use std::collections::HashMap;

use resurge::{StepContext, Workflow};

#[tokio::test(start_paused = true)]
async fn an_input_with_a_map_is_the_same_in_any_order() {
    let mut flow = Workflow::builder::<HashMap<String, u32>>("maps");
    let map = flow.input();
    let len =
        flow.step_fn("len", map, |_: StepContext, map: HashMap<String, u32>| async move {
            Ok(map.len())
        })
        .add();
    let flow = flow.build(len).unwrap();
    let engine = support::engine().register(&flow).start().await.unwrap();
    // Two maps iterate in two orders, within a process as from one process to the next.
    let input = || (0..32).map(|n| (format!("key-{n}"), n)).collect::<HashMap<_, _>>();
    let first = engine.start(&flow, input()).key("it").await.unwrap();
    let again = engine.start(&flow, input()).key("it").await.unwrap();
    assert_eq!(first.id(), again.id());
}
