//! The outage demo: an HTTP server falls ill and recovers, its users call it without a circuit
//! breaker, with one, and with a whole policy, and a table and a picture compare the three.
//!
//! Run it by `cargo run --release --example outage`; `-- --help` shows its flags.
//!
//! Everything is measured and nothing is staged but the server's illness, which `script` sets out.
//! Where to read first: `guard` for how a call goes through a policy, `args` for the settings.

mod args;
mod books;
mod child;
mod client;
mod dice;
mod gauge;
mod guard;
mod live;
mod numbers;
mod picture;
mod promises;
mod recorder;
mod run;
mod script;
mod series;
mod server;
mod table;
mod warmup;

use core::error::Error;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime;

use args::{Args, Role};
use guard::Guard;
use run::Run;
use script::Script;

/// What goes wrong here ends the demo; its text is for the user.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(answer) => {
            // Help and the version come this way too, and are no errors.
            let code = u8::from(answer.use_stderr());
            return answer.print().map_or(ExitCode::FAILURE, |()| ExitCode::from(code));
        }
    };
    let done = match args.role {
        Some(Role::Serve { clients }) => {
            on(runtime::Builder::new_current_thread(), server::serve(clients))
        }
        None => on(runtime::Builder::new_multi_thread(), demonstrate(&args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what there is to do on a runtime.
fn on(
    mut runtime: runtime::Builder,
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = runtime
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the asynchronous runtime: {error}"))?;
    runtime.block_on(work)
}

async fn demonstrate(args: &Args) -> Result<(), Failure> {
    let (breaker, bulkhead) = (args.breaker_config()?, args.bulkhead_config()?);
    let script = Script::new(args.duration());
    let output = args.output.clone().map_or_else(default_output, Ok)?;
    check_writable(&output)?;

    let mut out = io::stdout();
    writeln!(
        out,
        "One outage of {} s, three times at the same time: {} clients each.\n",
        args.duration, args.clients,
    )?;
    let guards =
        || Ok([Guard::Timeout, Guard::breaker(breaker)?, Guard::policy(breaker, bulkhead)?]);
    let runs = run::run(args, &script, guards).await?;
    writeln!(out)?;
    let books = runs.each_ref().map(Run::books);
    for (run, Ok(text) | Err(text)) in runs.iter().zip(&books) {
        writeln!(out, "{}: {text}.", run.name)?;
    }
    let numbers = runs.each_ref().map(|run| numbers::Numbers::of(run, &script));
    writeln!(out, "\n{}", table::render(&numbers))?;

    fs::write(&output, picture::draw(&runs, &script))
        .map_err(|error| format!("cannot write {}: {error}", output.display()))?;
    writeln!(out, "The picture: {}", output.display())?;
    if books.iter().any(Result::is_err) {
        return Err("a call was lost or invented".into());
    }
    let broken = if args.check { promises::broken(&numbers) } else { Vec::new() };
    if broken.is_empty() { Ok(()) } else { Err(format!("not so: {}", broken.join("; ")).into()) }
}

/// `outage.svg` in cargo's target directory, which is where this program was built.
fn default_output() -> Result<PathBuf, Failure> {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = match target {
        Some(target) => target,
        None => env::current_exe()
            .map_err(|error| format!("cannot tell where this program is: {error}"))?
            .ancestors()
            .find(|folder| folder.join("CACHEDIR.TAG").is_file()) // cargo marks it so
            .map_or_else(|| PathBuf::from("target"), Path::to_path_buf),
    };
    Ok(target.join("outage.svg"))
}

/// Better to find out now than in half a minute.
fn check_writable(output: &Path) -> Result<(), Failure> {
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(output)
        .map_err(|error| format!("cannot write {}: {error}", output.display()))?;
    Ok(())
}
