//! Blocking functions that an engine recovers.

use std::io;
use std::sync::mpsc;

use resurge::recover::SettingsProblem;
use resurge::{Engine, RecoveryError, recoverable};
use support::Calls;

use super::down;

#[recoverable(engine = engine, key = path, max_retries = 1, initial_delay = "10ms")]
fn read(engine: &Engine, path: &str, calls: &Calls) -> resurge::Recovered<u32, io::Error> {
    let call = calls.count();
    if call == 1 { Err(down()) } else { Ok(call) }
}

#[recoverable(persistence = engine, max_retries = 1, initial_delay = "10ms")]
async fn read_async(engine: &Engine, calls: &Calls) -> resurge::Recovered<u32, io::Error> {
    let call = calls.count();
    if call == 1 { Err(down()) } else { Ok(call) }
}

#[test]
fn blocking_functions_use_an_engine_of_another_thread() {
    let (tell, told) = mpsc::channel();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tell.send(Engine::in_memory().start().await.unwrap()).unwrap();
            ended.await.unwrap();
        });
    });
    let engine = told.recv().unwrap();
    assert_eq!(read(&engine, "a", &Calls::default()).unwrap(), 2);
    end.send(()).unwrap();
    server.join().unwrap();
    let error = read(&engine, "a", &Calls::default()).unwrap_err();
    assert!(matches!(error, RecoveryError::Unavailable), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn blocking_functions_do_not_block_their_own_engine() {
    let engine = Engine::in_memory().start().await.unwrap();
    let run = tokio::spawn({
        let engine = engine.clone();
        async move { read(&engine, "a", &Calls::default()).unwrap() }
    });
    assert_eq!(run.await.unwrap(), 2);
    assert_eq!(read_async(&engine, &Calls::default()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_blocking_function_on_the_only_thread_of_its_engine_is_refused() {
    let engine = Engine::in_memory().start().await.unwrap();
    let error = read(&engine, "a", &Calls::default()).unwrap_err();
    let RecoveryError::Settings { problems } = error else { panic!("{error}") };
    assert_eq!(problems, [SettingsProblem::BlocksEngine]);
    let calls = Calls::default();
    let read = tokio::task::spawn_blocking(move || read(&engine, "a", &calls));
    assert_eq!(read.await.unwrap().unwrap(), 2);
}
