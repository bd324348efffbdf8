//! What does a call cost through our breaker, and what through those of others?
//!
//! `cargo bench -p cutout-benches --bench peers` measures all in one run and writes `peers.md` into
//! the target folder; with `-- --quick` it takes less time and is less sure.
//!
//! Where to read first: `breakers` for who takes part and how each is set, `work` for what they are
//! asked, `crew` for how two threads are kept together, `cell` for which slices count.

mod breakers;
mod cell;
mod cpu;
mod crew;
mod layers;
mod memory;
mod parts;
mod peer;
mod plan;
mod report;
mod row;
mod stats;
mod table;
mod tasks;
mod work;

use std::fs;
use std::path::Path;
use std::time::Instant;

use cell::Cell;
use crew::Crew;
use plan::Plan;
use report::Measured;
use row::Row;
use work::Load;

fn main() {
    let Some(plan) = Plan::from_args() else { return };
    let mut rows = parts::rows();
    rows.extend(breakers::rows());
    let memory: Vec<_> = rows.iter().map(Row::memory).collect();
    let measured = measure(&rows, &plan);
    let outcomes = tasks::measure(breakers::tasks(), &plan);
    let layered = layers::measure(breakers::layers(), &plan);
    let text = [
        report::heading(),
        report::threads(&rows, &measured, &memory),
        report::tasks(&outcomes),
        report::layers(&layered),
    ]
    .join("\n");
    println!("{text}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    fs::write(target.join("peers.md"), text).expect("the target folder can be written");
}

/// Measures all rows slice by slice in turns, so that whatever disturbs the machine hits all alike.
fn measure(rows: &[Row], plan: &Plan) -> Vec<Measured> {
    let crew = Crew::start();
    let mut cells: Vec<_> = columns()
        .flat_map(|(load, threads)| {
            let rows = rows.iter().enumerate().filter(move |(_, row)| row.loads().contains(&load));
            rows.map(move |(at, row)| Cell::new(at, row, load, threads))
        })
        .collect();
    for cell in &mut cells {
        cell.calibrate(&crew, plan.slice);
    }
    let since = Instant::now();
    loop {
        let mut wanting: Vec<_> = cells.iter_mut().filter(|cell| cell.wants_more(plan)).collect();
        if wanting.is_empty() {
            break;
        }
        for cell in &mut wanting {
            cell.measure(&crew);
        }
        if since.elapsed() >= plan.limit {
            break;
        }
    }
    let mut measured: Vec<_> = columns()
        .map(|(load, threads)| Measured { load, threads, figures: vec![None; rows.len()] })
        .collect();
    for cell in cells {
        let column = measured
            .iter_mut()
            .find(|column| (column.load, column.threads) == (cell.load, cell.threads))
            .expect("each cell is in a column");
        let row = cell.row;
        column.figures[row] = Some(cell.finish());
    }
    measured
}

fn columns() -> impl Iterator<Item = (Load, usize)> {
    Load::ALL.into_iter().flat_map(|load| [(load, 1), (load, 2)])
}
