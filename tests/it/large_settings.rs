//! Whatever the settings say, what does not fit a record is refused at the call.

use resurge::{Settings, StartError, StepContext, Workflow};

#[tokio::test(start_paused = true)]
async fn a_generous_limit_of_payloads_cannot_kill_the_engine() {
    let mut flow = Workflow::builder::<String>("large");
    let text = flow.input();
    let step =
        flow.step_fn("len", text, |_: StepContext, t: String| async move { Ok(t.len()) }).add();
    let flow = flow.build(step).unwrap();
    let mut settings = Settings::default();
    settings.payload_bytes_max = usize::MAX;
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    let most = 4_186_112;
    let error = engine.start(&flow, "x".repeat(most - 1)).await.unwrap_err();
    assert!(matches!(error, StartError::InputTooLarge { bytes_max, .. } if bytes_max == most));
    let run = engine.start(&flow, "x".repeat(most - 2)).key("k".repeat(200)).await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), most - 2);
    let run = engine.start(&flow, "small".to_owned()).await.unwrap();
    assert_eq!(run.outcome().await.unwrap(), 5);
}
