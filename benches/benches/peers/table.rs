//! A table in markdown, and who is ahead of ours in it.

use crate::row::Kind;

/// One column: what each row has in it, as numbers to compare and as text to show.
pub(crate) struct Column {
    title: String,
    /// Whether less is better.
    less: bool,
    cells: Vec<Option<(f64, String)>>,
}

impl Column {
    /// A column in which the smallest number is the best.
    pub(crate) fn of_costs(title: impl Into<String>, cells: Vec<Option<(f64, String)>>) -> Self {
        Self { title: title.into(), less: true, cells }
    }

    /// A column in which the largest number is the best.
    pub(crate) fn of_gains(title: impl Into<String>, cells: Vec<Option<(f64, String)>>) -> Self {
        Self { title: title.into(), less: false, cells }
    }

    /// Which of the others are better than `ours`.
    fn ahead_of<'a>(&self, ours: usize, rows: &'a [(String, Kind)]) -> Vec<&'a str> {
        let Some((mine, _)) = &self.cells[ours] else { return Vec::new() };
        let better = |theirs: f64| if self.less { theirs < *mine } else { theirs > *mine };
        let theirs = rows.iter().zip(&self.cells).filter(|((_, kind), cell)| {
            *kind == Kind::Theirs && cell.as_ref().is_some_and(|(value, _)| better(*value))
        });
        theirs.map(|((name, _), _)| name.as_str()).collect()
    }
}

/// Rows by name, and their columns.
pub(crate) struct Table {
    pub(crate) head: &'static str,
    pub(crate) rows: Vec<(String, Kind)>,
    pub(crate) columns: Vec<Column>,
}

impl Table {
    pub(crate) fn render(&self) -> String {
        let titles: Vec<_> = self.columns.iter().map(|column| column.title.as_str()).collect();
        let mut text = format!("| {} | {} |\n", self.head, titles.join(" | "));
        text.push_str(&format!("| --- |{}\n", " ---: |".repeat(titles.len())));
        for (row, (name, kind)) in self.rows.iter().enumerate() {
            let name = match kind {
                Kind::Ours => format!("**{name}**"),
                Kind::Part | Kind::Floor | Kind::Theirs => name.clone(),
            };
            let cell = |column: &Column| {
                column.cells[row].as_ref().map_or_else(|| "-".into(), |(_, text)| text.clone())
            };
            let cells: Vec<String> = self.columns.iter().map(cell).collect();
            text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
        }
        text
    }

    /// Column by column, who is ahead of which of ours.
    pub(crate) fn ahead(&self) -> String {
        let mut text = String::new();
        for column in &self.columns {
            let ours = self.rows.iter().enumerate().filter(|(_, (_, kind))| *kind == Kind::Ours);
            let ahead: String = ours
                .map(|(row, (name, _))| (name, column.ahead_of(row, &self.rows)))
                .filter(|(_, ahead)| !ahead.is_empty())
                .map(|(name, ahead)| format!("  - of **{name}**: {}\n", ahead.join("; ")))
                .collect();
            let who = if ahead.is_empty() { "nobody is ahead of ours" } else { "ahead are" };
            text.push_str(&format!("- {}: {who}\n{ahead}", column.title));
        }
        text
    }
}

/// A number with as many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
