//! The tables: what was found, in Markdown.

use crate::measure::{Cost, Panel};

/// All panels, one after the other.
pub(crate) fn render(panels: &[Panel]) -> String {
    panels.iter().map(panel).collect::<Vec<_>>().join("\n")
}

fn panel(panel: &Panel) -> String {
    let Panel { title, axis, places, note, curves } = panel;
    let mut table = format!("## {title}\n\nNanoseconds a call; {note}.\n\n");
    let heads = places.iter().map(String::as_str);
    table.push_str(&row(axis, heads));
    table.push_str(&row("---", places.iter().map(|_| "---:")));
    for curve in curves {
        let cells: Vec<_> = curve.costs.iter().map(cell).collect();
        table.push_str(&row(curve.name, cells.iter().map(String::as_str)));
    }
    table
}

fn row<'a>(head: &'a str, cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<_> = core::iter::once(head).chain(cells).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn cell(cost: &Cost) -> String {
    format!("{:.1} ({:.1} to {:.1})", cost.median, cost.low, cost.high)
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", thousands(number / 1_000), number % 1_000)
    }
}
