//! Who plays: hosts with troubles of their own, and what they serve.

use std::time::Duration;

use resurge::RunStatus;
use zip::result::ZipResult;

use super::tempo::Tempo;
use crate::demo::fault::Fault;
use crate::demo::model::Model;

/// A host, and what it serves.
#[derive(Debug)]
pub(super) struct Host {
    /// How long it is down at first.
    pub(super) down: Duration,
    pub(super) models: Vec<Model>,
}

/// Every host of the show.
pub(super) fn hosts(tempo: Tempo) -> ZipResult<Vec<Host>> {
    let up = |models| Host { down: Duration::ZERO, models };
    let down = Host { down: tempo.seconds(25), models: mirror(tempo) };
    Ok(vec![up(hub(tempo)?), up(busy(tempo)), down])
}

/// Whether an artifact ended as the show means it to, or better: people may mend what fails.
pub(super) fn is_as_meant(name: &str, status: RunStatus) -> bool {
    match status {
        RunStatus::Success | RunStatus::Cancelled => true,
        RunStatus::Failed => name == WITHDRAWN,
        RunStatus::Exhausted => name == STUBBORN,
        _ => false,
    }
}

/// What the hub does not have any more.
const WITHDRAWN: &str = "withdrawn-model";
/// What the hub cannot read for as long as there are retries.
const STUBBORN: &str = "stubborn-model";

/// A host that drops the line again and again.
fn hub(tempo: Tempo) -> ZipResult<Vec<Model>> {
    let drops = |at: &[usize]| at.iter().map(|mib| Fault::DropAt(tempo.size(*mib))).collect();
    let file = |name, install_to, mib, kib, faults| {
        Model::file(name, install_to, tempo.size(mib), tempo.pace(kib), faults)
    };
    Ok(vec![
        file("base-model", "checkpoints/base.safetensors", 48, 400, drops(&[12, 26, 40])),
        file("text-encoder", "text_encoders/encoder.safetensors", 24, 320, drops(&[10, 18])),
        file("lora", "loras/detail.safetensors", 4, 256, vec![Fault::Think(tempo.seconds(4))]),
        Model::nodes(tempo.pace(200))?,
        file(WITHDRAWN, "checkpoints/withdrawn.safetensors", 1, 256, vec![Fault::Gone]),
        file(STUBBORN, "checkpoints/stubborn.safetensors", 4, 256, vec![Fault::Broken; 6]),
    ])
}

/// A host that has too much to do at first, and says for how long.
fn busy(tempo: Tempo) -> Vec<Model> {
    let busy = |seconds: &[u64]| {
        let faults = seconds.iter().map(|seconds| Fault::Busy(Some(tempo.patience(*seconds))));
        faults.collect()
    };
    let (size, pace) = (|mib| tempo.size(mib), tempo.pace(320));
    vec![
        Model::file("vae", "vae/vae.safetensors", size(12), pace, busy(&[6, 10, 4])),
        Model::file("embeddings", "embeddings/style.safetensors", size(6), pace, busy(&[8])),
    ]
}

/// A host that is down at first, with enough to do to notice.
fn mirror(tempo: Tempo) -> Vec<Model> {
    let file = |name, install_to, mib, kib| {
        Model::file(name, install_to, tempo.size(mib), tempo.pace(kib), Vec::new())
    };
    vec![
        file("control-net", "controlnet/canny.safetensors", 16, 400),
        file("ip-adapter", "ipadapter/face.safetensors", 8, 320),
        file("upscaler", "upscale_models/x4.safetensors", 4, 256),
    ]
}
