//! From figures to the three tables, with what a reader has to know of them.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use crate::layers::{COLUMNS, Outcome as Layered};
use crate::memory::Memory;
use crate::row::{Kind, Row};
use crate::stats::Figure;
use crate::table::{Column, Table, number};
use crate::tasks::Outcome;
use crate::work::Load;

const NOTES: &str = "\
Median nanoseconds a call, for each thread; in brackets, how many times the floor. 1T is one thread,
by its processor time; 2T is two threads, each on its own core, by the clock, over the slices in
which both truly ran all the time; an asterisk says that there were too few of those, and the least
disturbed had to do. All in one run, in turns. Bytes are of the handle and the heap behind it;
allocations are of a call that succeeds / fails / is refused.

All are set to what is nearest to: open for an hour at 90 % failures of the last 100 results or 10 s,
given 20 of them, or at 5 failures in a row. The defaults of ours count over 30 s. Where the name
says \"all results\" or \"all failures\", no window is kept, whatever the setting is called.
";

const TASK_NOTES: &str = "\
32 tasks share one breaker on a runtime of two workers and yield after every 64 calls, all of which
succeed; ns are of processor time, in brackets as multiples of the call alone.
";

const LAYER_NOTES: &str = "\
32 tasks share one tower service, each by its own clone, on a runtime of one worker or of two; ns are
of processor time for a call and its `ready`, in brackets as multiples of the bare service on one
worker. Allocations are of a call that succeeds / is refused.
";

/// What was measured in a column, row by row.
pub(crate) struct Measured {
    pub(crate) load: Load,
    pub(crate) threads: usize,
    pub(crate) figures: Vec<Option<Figure>>,
}

/// The first table.
pub(crate) fn threads(rows: &[Row], measured: &[Measured], memory: &[Option<Memory>]) -> String {
    let floor = floor(rows, measured);
    let mut columns: Vec<_> = measured.iter().map(|column| calls(column, floor)).collect();
    let bytes = |of: fn(&Memory) -> f64| -> Vec<Option<(f64, String)>> {
        memory
            .iter()
            .map(|memory| memory.as_ref().map(|it| (of(it), format!("{:.0}", of(it)))))
            .collect()
    };
    columns.push(Column::of_costs("bytes, fresh", bytes(|memory| memory.fresh)));
    columns.push(Column::of_costs("bytes, after 5,000 calls", bytes(|memory| memory.used)));
    let allocations = |memory: &Memory| {
        let texts = memory.allocations.map(|each| format!("{}", (each * 100.0).round() / 100.0));
        (memory.allocations.iter().sum(), texts.join(" / "))
    };
    let cells = memory.iter().map(|memory| memory.as_ref().map(allocations)).collect();
    columns.push(Column::of_costs("allocations", cells));
    let rows = rows.iter().map(|row| (row.name.clone(), row.kind)).collect();
    let table = Table { head: "ns a call", rows, columns };
    format!("{}\n{NOTES}{}\n{}", table.render(), spread(&table, measured), table.ahead())
}

fn floor(rows: &[Row], measured: &[Measured]) -> f64 {
    let row = rows.iter().position(|row| row.kind == Kind::Floor).expect("there is a floor");
    let column = measured
        .iter()
        .find(|column| column.load == Load::Success && column.threads == 1)
        .expect("the floor was measured by one thread");
    column.figures[row].expect("the floor was measured").median
}

fn calls(column: &Measured, floor: f64) -> Column {
    let cell = |figure: &Figure| {
        let ns = number(figure.median);
        let text = match (column.threads, figure.disturbed) {
            (1, _) => format!("{ns} (x{})", number(figure.median / floor)),
            (_, true) => format!("{ns} *"),
            (_, false) => ns,
        };
        (figure.median, text)
    };
    let title = format!("{}, {}T", column.load.title(), column.threads);
    Column::of_costs(title, column.figures.iter().map(|figure| figure.as_ref().map(cell)).collect())
}

/// How far the slices lay apart.
fn spread(table: &Table, measured: &[Measured]) -> String {
    let mut spreads: Vec<_> = measured
        .iter()
        .flat_map(|column| column.figures.iter().zip(&table.rows).map(move |pair| (column, pair)))
        .filter_map(|(column, (figure, (name, _)))| {
            figure.map(|figure| (figure.spread, name, column))
        })
        .collect();
    spreads.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let (usual, ..) = spreads[spreads.len() / 2];
    let (widest, name, column) = spreads[spreads.len() - 1];
    format!(
        "The middle half of the slices lay within {:.1} % of the median in the usual cell, and within \
         {:.0} % in the worst ({name}, {}, {}T).\n",
        usual * 100.0,
        widest * 100.0,
        column.load.title(),
        column.threads,
    )
}

/// The second table.
pub(crate) fn tasks(outcomes: &[Outcome]) -> String {
    let bare = outcomes.iter().find(|outcome| outcome.kind == Kind::Floor).expect("a bare call");
    let gains = outcomes.iter().map(|outcome| {
        let calls = outcome.mega_calls.median;
        Some((calls, format!("{calls:.2}")))
    });
    let costs = outcomes.iter().map(|outcome| {
        let ns = outcome.cpu_ns.median;
        Some((ns, format!("{} (x{})", number(ns), number(ns / bare.cpu_ns.median))))
    });
    let columns = vec![
        Column::of_gains("million calls a second", gains.collect()),
        Column::of_costs("worker-ns a call", costs.collect()),
    ];
    let rows = outcomes.iter().map(|outcome| (outcome.name.clone(), outcome.kind)).collect();
    let table = Table { head: "as tasks", rows, columns };
    format!("{}\n{TASK_NOTES}\n{}", table.render(), table.ahead())
}

/// The third table.
pub(crate) fn layers(outcomes: &[Layered]) -> String {
    let bare = outcomes.iter().find(|outcome| outcome.kind == Kind::Floor).expect("a bare service");
    let floor = bare.ns[0].expect("the bare service was measured").median;
    let mut columns: Vec<_> = COLUMNS
        .iter()
        .enumerate()
        .map(|(at, (load, workers))| {
            let cell = |outcome: &Layered| {
                let ns = outcome.ns[at]?.median;
                Some((ns, format!("{} (x{})", number(ns), number(ns / floor))))
            };
            let title = format!("{}, {workers}W", load.title());
            Column::of_costs(title, outcomes.iter().map(cell).collect())
        })
        .collect();
    let allocations = |outcome: &Layered| {
        let texts: Vec<_> = outcome
            .allocations
            .iter()
            .map(|each| format!("{}", (each * 100.0).round() / 100.0))
            .collect();
        Some((outcome.allocations.iter().sum(), texts.join(" / ")))
    };
    columns.push(Column::of_costs("allocations", outcomes.iter().map(allocations).collect()));
    let rows = outcomes.iter().map(|outcome| (outcome.name.clone(), outcome.kind)).collect();
    let table = Table { head: "as a layer", rows, columns };
    format!("{}\n{LAYER_NOTES}\n{}", table.render(), table.ahead())
}

/// On what and of what this was measured.
pub(crate) fn heading() -> String {
    let cores = available_parallelism().map_or_else(|_| "?".into(), |cores| cores.to_string());
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|info| {
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(": ")?.1.to_owned())
    });
    let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let commit = commit.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    format!(
        "Measured on {} ({cores} cores, {}), commit {}.\n",
        cpu.as_deref().unwrap_or("an unknown processor"),
        std::env::consts::OS,
        commit.as_deref().map(str::trim).filter(|text| !text.is_empty()).unwrap_or("unknown"),
    )
}
