//! The launcher as an example: `cargo run --release --example launcher -- demo`.

fn main() -> std::process::ExitCode {
    resurge_launcher::main()
}
