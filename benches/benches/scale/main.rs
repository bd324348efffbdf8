//! How does the cost of a call grow: with threads, buckets, lanes, breakers?
//!
//! It prints a table for each, and draws them as SVG:
//!
//! ```text
//! cargo bench -p cutout-benches --bench scale -- [--svg FILE] [--test] [NAME]
//! ```
//!
//! `FILE` is seen from the root of the repository, `target/scale.svg` if not given. `--test` takes
//! a glance at everything, measures nothing, and draws no picture unless told where. `NAME`
//! chooses one of `threads`, `buckets`, `lanes`, `breakers`.

mod about;
mod breakers;
mod buckets;
mod lanes;
mod measure;
mod plot;
mod table;
mod threads;

use std::path::{Path, PathBuf};
use std::{env, fs};

use measure::{Panel, Plan};

fn main() {
    let args = Args::parse(env::args().skip(1));
    if args.is_list {
        return println!("scale: benchmark");
    }
    let plan = if args.is_test { Plan::GLANCE } else { Plan::FULL };
    let about = about::this_run(plan);
    let panels: Vec<Panel> = [
        ("threads", threads::panel as fn(Plan) -> _),
        ("buckets", buckets::panel),
        ("lanes", lanes::panel),
        ("breakers", breakers::panel),
    ]
    .into_iter()
    .filter(|(name, _)| args.name.as_ref().is_none_or(|wanted| wanted == name))
    .map(|(_, panel)| panel(plan))
    .collect();
    if panels.is_empty() {
        return; // the name is meant for another bench
    }
    let tables = table::render(&panels);
    let picture = plot::draw(&panels, &about);
    if args.is_test {
        println!("scale: everything runs; nothing was measured");
    } else {
        println!("{about}\n\n{tables}");
    }
    let default = (!args.is_test).then(|| PathBuf::from("target/scale.svg"));
    if let Some(path) = args.svg.or(default) {
        write(&path, &picture);
    }
}

fn write(path: &Path, picture: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).expect("the picture's folder can be made");
    }
    fs::write(&path, picture).expect("the picture can be written");
    println!("The picture: {}", path.canonicalize().unwrap_or(path).display());
}

/// What the command line asks for.
struct Args {
    svg: Option<PathBuf>,
    name: Option<String>,
    is_test: bool,
    is_list: bool,
}

impl Args {
    /// Cargo says `--bench` unless it tests. Flags that are meant for other benches are passed over.
    fn parse(mut args: impl Iterator<Item = String>) -> Self {
        let mut parsed = Self { svg: None, name: None, is_test: true, is_list: false };
        let mut is_told_to_test = false;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bench" => parsed.is_test = false,
                "--list" => parsed.is_list = true,
                "--test" => is_told_to_test = true,
                "--svg" => parsed.svg = Some(args.next().expect("--svg needs a file").into()),
                flag if flag.starts_with('-') => {}
                name => parsed.name = Some(name.into()),
            }
        }
        parsed.is_test |= is_told_to_test;
        parsed
    }
}
