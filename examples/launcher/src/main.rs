//! The binary `launcher`; everything is in the library, so that the example of that name shares it.

use std::process::ExitCode;

fn main() -> ExitCode {
    resurge_launcher::main()
}
