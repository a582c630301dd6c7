//! A step is added without being wired.

use resurge::{Step, StepContext, StepError, Workflow};

struct Length;

impl Step for Length {
    const KIND: &'static str = "length";
    type Input = String;
    type Output = usize;

    async fn run(&self, _cx: StepContext, text: String) -> Result<usize, StepError> {
        Ok(text.len())
    }
}

fn main() {
    let mut flow = Workflow::builder::<String>("wrong");
    let _length = flow.step("length", Length).add();
}
