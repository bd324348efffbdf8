//! `cargo run --release -p cutout-service`: starts the service and its two upstream hosts.

#![forbid(unsafe_code)]

use std::io;
use std::sync::Arc;

use clap::Parser;
use cutout_service::{Hosts, serve, service, upstream};

/// An axum service that calls two upstream hosts, which can be told to fail or to hang.
#[derive(Debug, Parser)]
#[command(name = "cutout-service")]
struct Options {
    /// Where the service listens; port 0 is any free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Pages that the service works on at a time, in all; other requests wait.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    at_once: u32,
    /// Without breakers, bulkheads and timeouts.
    #[arg(long)]
    without: bool,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let options = Options::parse();
    let one = serve(upstream(), "127.0.0.1:0").await?;
    let other = serve(upstream(), "127.0.0.1:0").await?;
    let hosts = Hosts::new([one.clone(), other.clone()], !options.without);
    let hosts = Arc::new(hosts.map_err(io::Error::other)?);
    let at_once = usize::try_from(options.at_once).unwrap_or(usize::MAX);
    let here = serve(service(hosts, at_once), &options.listen).await?;
    let how = if options.without { "without" } else { "with" };
    println!("The service listens, {how} breakers, bulkheads and timeouts. To look at it:");
    println!("  curl -i http://{here}/pages/{one}");
    println!("  curl -i http://{here}/pages/{other}");
    println!("  curl -i http://{here}/health");
    println!("  curl http://{here}/metrics");
    println!("  curl http://{here}/breakers");
    println!(
        "  curl -X POST http://{here}/breakers/{one}/force-open # force-closed, release, reset"
    );
    println!("  wrk -t1 -c8 -d5s --latency http://{here}/pages/{other}");
    println!("  curl -X POST http://{one}/behave/hang # well, fail");
    println!("  curl -X POST http://{other}/behave/fail");
    println!("Ctrl-C ends it.");
    tokio::signal::ctrl_c().await
}
