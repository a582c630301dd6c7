//! Names the files of the page and leaves their comments out, so that what stands in `page/` is what is served, in fewer bytes.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let page = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("page");
    println!("cargo::rerun-if-changed={}", page.display());
    let out = env::var("OUT_DIR")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(&page)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let kind = path.extension().and_then(|ending| ending.to_str()).and_then(kind);
        if let Some(kind) = kind.filter(|_| !name.ends_with(".test.js")) {
            let lean_path = Path::new(&out).join(&name);
            let is_text = kind.starts_with("text/javascript") || kind.starts_with("text/css");
            if is_text {
                fs::write(&lean_path, lean(&name, &fs::read_to_string(&path)?)?)?;
            } else {
                fs::copy(&path, &lean_path)?;
            }
            let path = lean_path.display().to_string();
            files.push(format!("({name:?}, {kind:?}, include_bytes!({path:?})),\n"));
        }
    }
    // Folders have no order of their own.
    files.sort();
    let table = format!("&[\n{}]\n", files.concat());
    fs::write(Path::new(&out).join("page.rs"), table)?;
    Ok(())
}

/// A script or style sheet without comments that have lines of their own, empty lines and indents.
///
/// Goes by lines, so that no text may span several of them: such a file is refused.
fn lean(name: &str, text: &str) -> Result<String, String> {
    let mut lean = String::with_capacity(text.len());
    let mut is_comment = false;
    for (number, line) in (1..).zip(text.lines()) {
        let mut line = line.trim();
        if is_comment || line.starts_with("/*") {
            // A cast has code behind its comment.
            let behind = line.split_once("*/").map(|(_, behind)| behind.trim());
            is_comment = behind.is_none();
            line = behind.unwrap_or_default();
        }
        if !line.is_empty() && !line.starts_with("//") {
            if line.matches('`').count() % 2 == 1 {
                return Err(format!("page/{name}:{number}: let no text span several lines"));
            }
            lean.push_str(line);
            lean.push('\n');
        }
    }
    Ok(lean)
}

/// What browsers are told a file is; none for what is not served.
fn kind(ending: &str) -> Option<&'static str> {
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => return None,
    })
}
