//! Asking twice to shut down, as with a second Ctrl-C.

use std::time::Duration;

use resurge::Settings;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_second_shutdown_can_shorten_the_grace() {
    let flow = support::deaf();
    let mut settings = Settings::default();
    settings.stop_grace = SECOND * 3_600;
    let engine = support::engine().settings(settings).register(&flow).start().await.unwrap();
    engine.start(&flow, ()).await.unwrap();
    let begun = tokio::time::Instant::now();
    let (patient, hasty) = (engine.clone(), engine);
    let first = tokio::spawn(async move { patient.shutdown(SECOND * 600).await });
    tokio::time::sleep(SECOND).await;
    hasty.shutdown(Duration::ZERO).await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn shutting_down_twice_is_as_good_as_once() {
    let engine = support::engine().start().await.unwrap();
    engine.clone().shutdown(SECOND).await.unwrap();
    engine.shutdown(SECOND).await.unwrap();
}
