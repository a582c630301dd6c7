//! Something that is not a step is added as one.

use resurge::Workflow;

struct Plain;

fn main() {
    let mut flow = Workflow::builder::<u32>("wrong");
    let number = flow.input();
    let _step = flow.step("plain", Plain).takes(number).add();
}
