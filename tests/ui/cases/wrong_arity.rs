//! A step that takes a pair is wired to one handle only.

use resurge::{Step, StepContext, StepError, Workflow};

struct Add;

impl Step for Add {
    const KIND: &'static str = "add";
    type Input = (u32, u32);
    type Output = u32;

    async fn run(&self, _cx: StepContext, (a, b): (u32, u32)) -> Result<u32, StepError> {
        Ok(a + b)
    }
}

fn main() {
    let mut flow = Workflow::builder::<u32>("wrong");
    let number = flow.input();
    let _sum = flow.step("add", Add).takes(number).add();
}
