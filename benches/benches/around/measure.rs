//! Columns of candidates that do the same work, measured in turns and shown as one table.

use core::time::Duration;
use std::env;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// About how long one slice is.
    slice: Duration,
    /// How many slices there are of each cell.
    slices: usize,
    /// What is wanted by name, if not all.
    name: Option<String>,
}

impl Plan {
    /// What the command line asks for, if anything: cargo passes `--bench` when it is to measure.
    pub(crate) fn from_args() -> Option<Self> {
        let (flags, names): (Vec<_>, Vec<_>) =
            env::args().skip(1).partition(|argument| argument.starts_with('-'));
        let asked = |flag: &str| flags.iter().any(|given| given == flag);
        let (slice, slices) = if asked("--list") {
            return None;
        } else if asked("--test") || !asked("--bench") {
            (Duration::from_micros(50), 1)
        } else if asked("--quick") {
            (Duration::from_millis(2), 15)
        } else {
            (Duration::from_millis(5), 61)
        };
        Some(Self { slice, slices, name: names.into_iter().next() })
    }

    /// Whether the table of this name is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|wanted| wanted == name)
    }
}

/// Does the work so many times, and says how long a core was busy with that of one thread.
type Time<'a> = Box<dyn Fn(u64) -> Duration + 'a>;

/// One candidate under one kind of work.
struct Cell<'a> {
    row: String,
    time: Time<'a>,
    count: u64,
    nanos: Vec<f64>,
}

/// One kind of work, and who does it.
pub(crate) struct Column<'a> {
    title: String,
    cells: Vec<Cell<'a>>,
}

impl<'a> Column<'a> {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), cells: Vec::new() }
    }

    /// Adds a candidate. The first of ours is what the others are compared with.
    pub(crate) fn cell(
        mut self,
        row: impl Into<String>,
        time: impl Fn(u64) -> Duration + 'a,
    ) -> Self {
        self.cells.push(Cell {
            row: row.into(),
            time: Box::new(time),
            count: 1,
            nanos: Vec::new(),
        });
        self
    }

    fn base(&self) -> Option<f64> {
        self.cells.iter().find(|cell| is_ours(&cell.row)).map(Cell::median)
    }
}

fn is_ours(row: &str) -> bool {
    row.starts_with("cutout")
}

impl Cell<'_> {
    fn calibrate(&mut self, slice: Duration) {
        while (self.time)(self.count) < slice && self.count < 1 << 40 {
            self.count *= 2;
        }
    }

    fn measure(&mut self) {
        let spent = (self.time)(self.count);
        self.nanos.push(spent.as_secs_f64() * 1e9 / self.count as f64);
    }

    fn quantile(&self, quarters: usize) -> f64 {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[quarters * (sorted.len() - 1) / 4]
    }

    fn median(&self) -> f64 {
        self.quantile(2)
    }
}

/// Measures all cells slice by slice in turns, so that whatever disturbs the machine hits all alike,
/// and prints the table.
pub(crate) fn table(title: &str, notes: &str, mut columns: Vec<Column<'_>>) {
    let plan = Plan::from_args().expect("there is something to measure");
    let cells = |columns: &mut Vec<Column<'_>>, act: &dyn Fn(&mut Cell<'_>)| {
        columns.iter_mut().flat_map(|column| &mut column.cells).for_each(act);
    };
    cells(&mut columns, &|cell| cell.calibrate(plan.slice));
    for _ in 0..plan.slices {
        cells(&mut columns, &|cell| cell.measure());
    }
    println!("## {title}\n\n{notes}\n\n{}", render(&columns));
}

/// Median nanoseconds, in brackets the ratio to the first of ours, then half the distance between
/// the quartiles.
fn render(columns: &[Column<'_>]) -> String {
    let mut rows: Vec<&str> = Vec::new();
    for cell in columns.iter().flat_map(|column| &column.cells) {
        if !rows.contains(&cell.row.as_str()) {
            rows.push(&cell.row);
        }
    }
    let titles: Vec<_> = columns.iter().map(|column| column.title.as_str()).collect();
    let mut text =
        format!("| | {} |\n| --- |{}\n", titles.join(" | "), " ---: |".repeat(titles.len()));
    for row in rows {
        let name = if is_ours(row) { format!("**{row}**") } else { row.into() };
        let shown = columns.iter().map(|column| {
            let cell = column.cells.iter().find(|cell| cell.row == row);
            cell.map_or_else(
                || "–".into(),
                |cell| {
                    let (median, half) =
                        (cell.median(), (cell.quantile(3) - cell.quantile(1)) / 2.0);
                    let ratio = column.base().map_or(1.0, |base| median / base);
                    format!("{} ({ratio:.2}) ±{}", number(median), number(half))
                },
            )
        });
        text.push_str(&format!("| {name} | {} |\n", shown.collect::<Vec<_>>().join(" | ")));
    }
    text
}

/// A number with as many digits as mean something.
fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// The version of a package that is linked into this program.
pub(crate) fn version(package: &str) -> &'static str {
    let (_, entry) = include_str!("../../../Cargo.lock")
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .expect("the lock file names what is linked");
    entry.split('"').next().expect("a version ends")
}
