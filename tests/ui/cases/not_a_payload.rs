//! A value that cannot stand in the journal flows between steps.

use resurge::{StepContext, Workflow};

struct Secret;

fn main() {
    let mut flow = Workflow::builder::<u32>("wrong");
    let number = flow.input();
    let _step = flow.step_fn("step", number, |_cx: StepContext, _n| async move { Ok(Secret) }).add();
}
