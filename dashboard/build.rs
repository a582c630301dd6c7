//! Names the files of the page, so that what stands in `page/` is what is served.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let page = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("page");
    println!("cargo::rerun-if-changed={}", page.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&page)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let kind = path.extension().and_then(|ending| ending.to_str()).and_then(kind);
        if let Some(kind) = kind.filter(|_| !name.ends_with(".test.js")) {
            let path = path.display().to_string();
            files.push(format!("({name:?}, {kind:?}, include_bytes!({path:?})),\n"));
        }
    }
    // Folders have no order of their own.
    files.sort();
    let table = format!("&[\n{}]\n", files.concat());
    fs::write(Path::new(&env::var("OUT_DIR")?).join("page.rs"), table)?;
    Ok(())
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
