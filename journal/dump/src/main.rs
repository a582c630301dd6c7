//! Shows what is in a journal, without touching it.

mod args;
mod attempts;
mod breakers;
mod carry;
mod clock;
mod exit;
mod follow;
mod log;
mod ls;
mod repair;
mod select;
mod show;
mod simulate;
mod simulate_args;
mod source;
mod stats;
mod verify;
mod why;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::exit::{Exit, Trouble};

fn main() -> ExitCode {
    let command = Args::parse().into_command();
    let mut out = BufWriter::new(io::stdout().lock());
    let done = run(&command, &mut out).and_then(|exit| Ok(out.flush().map(|()| exit)?));
    match done {
        Ok(exit) => exit.into(),
        // Whoever reads has seen enough.
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(trouble) => {
            exit::tell(&trouble);
            trouble.exit().into()
        }
    }
}

fn run(command: &Command, out: &mut dyn Write) -> Result<Exit, Trouble> {
    match command {
        Command::Log(args) if args.follow => follow::run(args, out),
        Command::Log(args) => log::run(args, out),
        Command::Ls(args) => ls::run(args, out),
        Command::Show(args) => show::run(args, out),
        Command::Why(args) => why::run(args, out),
        Command::Stats(args) => stats::run(args, out),
        Command::Breakers(args) => breakers::run(args, out),
        Command::Simulate(args) => simulate::run(args, out),
        Command::Repair(args) => repair::run(args, out),
        Command::Export(args) => carry::export(args, out),
        Command::Import(args) => carry::import(args, out),
        Command::Verify(args) => verify::run(args, out),
    }
}
