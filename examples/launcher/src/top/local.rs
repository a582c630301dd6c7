//! An engine in this process.

use resurge::journal::event::BreakerMode;
use resurge::{
    BreakerControl, Control, Engine, EventsError, Json, ResourceKey, RunId, Seq, StepKey,
};
use resurge_dashboard::{Dashboard, Live, ViewMessage};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::ask::{Ask, BreakerVerb, Verb};
use super::source::{Far, Heard, Wish};

/// Carries wishes to an engine and tells what its dashboard shows, until nobody listens any more.
pub(crate) async fn follow(engine: Engine, dashboard: Dashboard, mut far: Far) {
    let mut live: Option<Live> = None;
    loop {
        let heard = tokio::select! {
            biased;
            wish = far.wishes.recv() => match wish {
                None => return,
                Some(Wish::Do(ask)) => {
                    drop(tokio::spawn(carry_out(engine.clone(), ask, far.heard.clone())));
                    continue;
                }
                Some(Wish::Show(wanted)) => match dashboard.watch(wanted).await {
                    Ok(wanted) => {
                        live = Some(wanted);
                        continue;
                    }
                    Err(gone) => Heard::Lost(gone.to_string()),
                },
            },
            message = next(&mut live) => match message {
                Ok(Some(ViewMessage::Snapshot { data, .. })) => Heard::Snapshot(data),
                Ok(Some(ViewMessage::Patch { data, .. })) => Heard::Patch(data),
                Ok(None) => {
                    live = None;
                    Heard::Lost("the engine has stopped".to_owned())
                }
                Err(error) => {
                    live = None;
                    Heard::Lost(error.to_string())
                }
            },
        };
        if far.heard.send(heard).await.is_err() {
            return;
        }
    }
}

async fn next(live: &mut Option<Live>) -> Result<Option<ViewMessage>, EventsError> {
    match live {
        Some(live) => live.next().await,
        None => std::future::pending().await,
    }
}

async fn carry_out(engine: Engine, ask: Ask, heard: mpsc::Sender<Heard>) {
    let title = ask.title();
    let told = match control(&engine, ask).await {
        Ok(()) => Heard::Done(format!("{title}: done")),
        Err(why) => Heard::Refused(format!("{title}: {why}")),
    };
    // Nobody listens any more? Then nobody misses it.
    drop(heard.send(told).await);
}

async fn control(engine: &Engine, ask: Ask) -> Result<(), String> {
    let asked = match ask {
        Ask::Operation { id, version, verb, .. } => {
            let run: RunId = id.parse().map_err(|_| "this is no operation".to_owned())?;
            let control = match verb {
                Verb::Pause => Control::Pause { freezes_timers: false },
                Verb::Resume => Control::Resume,
                Verb::Retry => Control::RetryNow,
                Verb::ForceRetry => Control::ForceRetry,
                Verb::CancelRecovery => Control::CancelRecovery,
                Verb::Cancel => Control::Cancel,
            };
            let seen = Seq::new(version);
            engine
                .control_if(run, seen, control, ACTOR, REASON)
                .await
                .map_err(|why| why.to_string())
        }
        Ask::Skip { id, version, step, output, .. } => {
            let run: RunId = id.parse().map_err(|_| "this is no operation".to_owned())?;
            let step = StepKey::new(&step).map_err(|why| why.to_string())?;
            let output: Box<RawValue> =
                serde_json::from_str(&output).map_err(|why| why.to_string())?;
            let output = Json::of(&output).map_err(|why| why.to_string())?;
            let (seen, skip) = (Seq::new(version), Control::Skip { step, output });
            engine.control_if(run, seen, skip, ACTOR, REASON).await.map_err(|why| why.to_string())
        }
        Ask::Breaker { key, verb, .. } => {
            let key = ResourceKey::new(&key).map_err(|why| why.to_string())?;
            let mode = |mode| BreakerControl::Mode { mode, lasts: None };
            let control = match verb {
                BreakerVerb::Close => BreakerControl::Close,
                BreakerVerb::Probe => BreakerControl::Probe,
                BreakerVerb::Isolate => mode(BreakerMode::Isolated),
                BreakerVerb::Disable => mode(BreakerMode::Disabled),
                BreakerVerb::Enforce => mode(BreakerMode::Enforced),
            };
            engine
                .control_breaker(&key, control, ACTOR, REASON)
                .await
                .map_err(|why| why.to_string())
        }
    };
    asked.map(drop)
}

/// In whose name the journal says that something was asked.
const ACTOR: &str = "launcher top";
const REASON: &str = "asked in the terminal";
