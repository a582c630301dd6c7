//! One section `[[artifact]]`: a file to fetch.

use std::path::{Path, PathBuf};

use resurge::RunKey;
use resurge::steps::artifact::{Algorithm, Artifact, Expected, InstallPath, Unpack};
use toml::{Table, Value};
use url::Url;

use super::fields::{Fields, text, texts, whole};
use super::problem::Problem;
use crate::place;

/// The input of a run must fit a record of the journal, together with two paths of the system.
const ADDRESS_BYTES_MAX: usize = 1_536;

/// One artifact of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of its run: the same name again resumes or returns that run.
    pub name: RunKey,
    url: String,
    mirrors: Vec<String>,
    digest: Option<Expected>,
    size: Option<u64>,
    /// Where it goes, below the root.
    pub install_to: InstallPath,
    unpack: Unpack,
}

impl Entry {
    /// The input of its run, for a root that is absolute.
    pub fn artifact(&self, root: &Path) -> Artifact {
        Artifact {
            url: self.url.clone(),
            mirrors: self.mirrors.clone(),
            digest: self.digest.clone(),
            size: self.size,
            staging: place::staging(root),
            root: PathBuf::from(root),
            install_to: self.install_to.clone(),
            unpack: self.unpack,
        }
    }

    /// An artifact that is asked for by itself, held to the rules of a manifest.
    pub(crate) fn asked_for(section: Table) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let fields = Fields::new("the order".to_owned(), section, &mut problems);
        let entry = Self::read(fields);
        entry.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// Reads the section; none if anything is wrong with it.
    pub(super) fn read(mut fields: Fields<'_>) -> Option<Self> {
        let name = fields.required("name", name);
        let url = fields.required("url", address);
        let mirrors = fields.optional("mirrors", mirrors).unwrap_or_default();
        let digest = digest(&mut fields);
        let size = fields.optional("size", |value| whole(&value, 1));
        let install_to = fields.required("install_to", install_path);
        let unpack = fields.optional("unpack", unpack).unwrap_or_default();
        let long = |text: &String| text.len();
        let bytes = url.iter().chain(&mirrors).map(long).sum::<usize>();
        if bytes > ADDRESS_BYTES_MAX {
            fields.problem(format!(
                "url and mirrors together have {bytes} bytes; at most {ADDRESS_BYTES_MAX} fit the journal"
            ));
        }
        fields.finish();
        Some(Self {
            name: name?,
            url: url?,
            mirrors,
            digest,
            size,
            install_to: install_to?,
            unpack,
        })
    }
}

fn name(value: Value) -> Result<RunKey, String> {
    let name = text(value)?;
    if name.trim().is_empty() {
        return Err("it is empty; it names the artifact and its run".to_owned());
    }
    RunKey::new(name).map_err(|error| error.to_string())
}

fn address(value: Value) -> Result<String, String> {
    http(text(value)?)
}

fn mirrors(value: Value) -> Result<Vec<String>, String> {
    texts(value)?.into_iter().map(http).collect()
}

fn http(text: String) -> Result<String, String> {
    let wrong =
        |why: String| format!("`{text}` is not an address: {why}; write http:// or https://");
    let url = Url::parse(&text).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("`{}` is not supported", url.scheme())));
    }
    Ok(text)
}

fn digest(fields: &mut Fields<'_>) -> Option<Expected> {
    let read = |algorithm| {
        move |value| Expected::new(algorithm, &text(value)?).map_err(|error| error.to_string())
    };
    let all = [
        fields.optional("sha256", read(Algorithm::Sha256)),
        fields.optional("sha512", read(Algorithm::Sha512)),
        fields.optional("blake3", read(Algorithm::Blake3)),
    ];
    let mut given = all.into_iter().flatten();
    let first = given.next();
    if given.next().is_some() {
        fields.problem("it has several digests; keep one of sha256, sha512 and blake3".to_owned());
    }
    first
}

fn install_path(value: Value) -> Result<InstallPath, String> {
    let path = InstallPath::new(text(value)?).map_err(|error| error.to_string())?;
    let first = path.as_str().split('/').next().unwrap_or_default();
    if first.eq_ignore_ascii_case(place::STAGING) {
        return Err(format!("`{path}` lies in `{}`, which holds unfinished files", place::STAGING));
    }
    Ok(path)
}

fn unpack(value: Value) -> Result<Unpack, String> {
    match text(value)?.as_str() {
        "none" => Ok(Unpack::No),
        "zip" => Ok(Unpack::Zip),
        "tar.gz" => Ok(Unpack::TarGz),
        "tar.zst" => Ok(Unpack::TarZst),
        other => Err(format!("`{other}` is not known; use none, zip, tar.gz or tar.zst")),
    }
}
