//! Downloads that are ordered on the dashboard.

use std::path::Path;
use std::sync::Arc;

use resurge::journal::Json;
use resurge::journal::dump::with_causes;
use resurge::steps::artifact::Artifact;
use resurge::{Engine, RunId, RunView};
use resurge_dashboard::NewDownload;
use tokio::sync::Mutex;
use toml::{Table, Value};
use url::Url;

use crate::admit::admit;
use crate::flow::InstallFlow;
use crate::manifest::{Entry, overlap};
use crate::place::{DataDir, Root};
use crate::report::name_of;
use crate::retry::Insist;

/// Takes orders for one root.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    data: DataDir,
    root: Root,
    /// One order after the other: what is on its way is looked at before something else is.
    turn: Arc<Mutex<()>>,
}

impl Counter {
    pub(super) fn new(data: DataDir, root: Root) -> Self {
        Self { data, root, turn: Arc::default() }
    }

    /// Starts what is ordered, or gives the run that stands for it already.
    ///
    /// The error is for whoever ordered it.
    pub(super) async fn take(
        &self,
        engine: &Engine,
        flow: &InstallFlow,
        order: NewDownload,
    ) -> Result<RunId, String> {
        let entry = read(&order, self.root.path())?;
        self.root.check(&entry.install_to, &self.data).map_err(told)?;
        let artifact = entry.artifact(self.root.path());
        let _turn = self.turn.lock().await;
        let runs = engine.runs().await.map_err(told)?;
        if let Some(other) = runs.iter().find(|run| is_in_the_way(run, &artifact)) {
            let name = name_of(other);
            return Err(format!(
                "`{}` is where `{name}` goes, which has not ended; cancel that first, or choose another place",
                artifact.install_to
            ));
        }
        let admitted = admit(engine, flow, &entry.name, artifact, Insist::No).await;
        let (_, run) = admitted.map_err(told)?;
        Ok(run.id())
    }
}

fn told(error: impl std::error::Error) -> String {
    with_causes(&error)
}

/// The same rules as for an artifact of a manifest; it is called by the place that it goes to.
fn read(order: &NewDownload, root: &Path) -> Result<Entry, String> {
    let place = place(order, root)?;
    let mut section = Table::new();
    for (key, value) in [("name", &place), ("url", &order.url), ("install_to", &place)] {
        section.insert(key.to_owned(), Value::String(value.clone()));
    }
    if let Some(digest) = &order.digest {
        let known = digest.split_once(':').filter(|(name, _)| ALGORITHMS.contains(name));
        let (algorithm, hex) = known.ok_or_else(|| {
            format!("`{digest}` is no digest; write sha256:, sha512: or blake3: and the hex digits")
        })?;
        section.insert(algorithm.to_owned(), Value::String(hex.to_owned()));
    }
    Entry::asked_for(section).map_err(|problems| {
        let problems: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        problems.join("; ")
    })
}

/// Where it goes below the root: where it is wanted, or the name that the address has.
fn place(order: &NewDownload, root: &Path) -> Result<String, String> {
    if let Some(wanted) = &order.dest_path {
        // An absolute path is fine as long as it leads below the root.
        let below = Path::new(wanted).strip_prefix(root).ok().and_then(Path::to_str);
        return Ok(below.unwrap_or(wanted).to_owned());
    }
    let url = Url::parse(&order.url).ok();
    let last = url.as_ref().and_then(|url| url.path_segments()?.next_back());
    last.filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .ok_or_else(|| "the address names no file; say with dest_path where it is to go".to_owned())
}

/// Whether something else is on its way to the same place.
fn is_in_the_way(run: &RunView, wanted: &Artifact) -> bool {
    if run.status.is_final() || Json::of(wanted).is_ok_and(|wanted| wanted == run.input) {
        return false;
    }
    let there = run.input.read::<Artifact>();
    there.is_ok_and(|there| {
        there.root == wanted.root && overlap(&there.install_to, &wanted.install_to)
    })
}

const ALGORITHMS: [&str; 3] = ["sha256", "sha512", "blake3"];

#[cfg(test)]
mod tests {
    use super::*;

    fn order(url: &str, dest_path: Option<&str>, digest: Option<&str>) -> NewDownload {
        let order = serde_json::json!({"url": url, "dest_path": dest_path, "digest": digest});
        serde_json::from_value(order).expect("it is an order")
    }

    fn place_of(order: &NewDownload) -> Result<String, String> {
        read(order, Path::new("/models")).map(|entry| entry.install_to.to_string())
    }

    #[test]
    fn it_goes_where_it_is_wanted_or_is_called_as_its_address_says() {
        let url = "https://example.org/a/model.bin?x=1";
        for (wanted, place) in [
            (None, "model.bin"),
            (Some("vae/x.bin"), "vae/x.bin"),
            (Some("/models/vae/x.bin"), "vae/x.bin"),
        ] {
            assert_eq!(place_of(&order(url, wanted, None)).as_deref(), Ok(place));
        }
    }

    #[test]
    fn an_order_that_breaks_the_rules_is_refused_with_what_to_do() {
        let url = "https://example.org/model.bin";
        for (order, word) in [
            (order("ftp://example.org/model.bin", None, None), "http://"),
            (order("https://example.org/", None, None), "dest_path"),
            (order(url, Some("../x"), None), "../x"),
            (order(url, Some("/etc/passwd"), None), "absolute"),
            (order(url, Some(".resurge/x"), None), "unfinished"),
            (order(url, None, Some("md5:00")), "sha256:"),
            (order(url, None, Some("sha256:00")), "64"),
        ] {
            let why = place_of(&order).expect_err("it breaks a rule");
            assert!(why.contains(word), "{word} in {why}");
        }
    }
}
