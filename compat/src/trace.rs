//! A recorded trace: one breaker of another library, one configuration, one line an operation.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The name of a state, as traces write it.
pub(crate) type StateName = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Admits, runs and settles.
    Call,
    /// Admits.
    Begin,
    /// Settles.
    End,
    /// Reads.
    Probe,
    /// Does something by hand.
    Control,
}

/// What a timer of theirs did.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) t: u64,
    pub(crate) what: String,
    pub(crate) id: Option<u64>,
    pub(crate) from: StateName,
    pub(crate) to: StateName,
    pub(crate) refused: bool,
}

/// One operation and what was seen of it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) t: u64,
    pub(crate) op: Op,
    pub(crate) id: u64,
    pub(crate) outcome: String,
    pub(crate) duration: u64,
    pub(crate) action: String,
    pub(crate) admitted: bool,
    pub(crate) reject: String,
    pub(crate) before: StateName,
    pub(crate) during: Option<StateName>,
    pub(crate) after: StateName,
    pub(crate) events: Vec<Event>,
    pub(crate) refused: bool,
    fields: Value,
}

impl Line {
    /// When the operation is over, in milliseconds.
    pub(crate) fn end(&self) -> u64 {
        if self.op == Op::Call && self.admitted { self.t + self.duration } else { self.t }
    }

    /// A counter of theirs; one that is absent is 0.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.fields["counts"][name].as_u64().unwrap_or(0)
    }

    /// A rate of theirs, which they hold in 32 bits.
    #[allow(clippy::cast_possible_truncation)] // as its writer did
    pub(crate) fn rate(&self, name: &str) -> f32 {
        self.fields[name].as_f64().unwrap_or(-1.0) as f32
    }

    fn parse(fields: Value) -> Result<Self, String> {
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| fields[name].as_u64().unwrap_or(0);
        let events = fields["events"].as_array().cloned().unwrap_or_default();
        Ok(Self {
            t: fields["t_ms"].as_u64().ok_or("no t_ms")?,
            op: match fields["op"].as_str() {
                Some("call") => Op::Call,
                Some("begin") => Op::Begin,
                Some("end") => Op::End,
                Some("probe") => Op::Probe,
                Some("control") => Op::Control,
                other => return Err(format!("an operation {other:?}")),
            },
            id: number("id"),
            outcome: text("outcome"),
            duration: number("duration_ms"),
            action: text("action"),
            admitted: fields["admitted"].as_bool().unwrap_or(false),
            reject: text("reject"),
            before: text("state_before"),
            during: fields["state_during"].as_str().map(str::to_owned),
            after: text("state_after"),
            events: events.iter().map(Event::parse).collect(),
            refused: fields["error"].is_string(),
            fields,
        })
    }
}

impl Event {
    fn parse(fields: &Value) -> Self {
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        Self {
            t: fields["t_ms"].as_u64().unwrap_or(0),
            what: text("event"),
            id: fields["id"].as_u64(),
            from: text("from"),
            to: text("to"),
            refused: fields["error"].is_string(),
        }
    }
}

/// A whole file.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) file: PathBuf,
    pub(crate) config: Value,
    pub(crate) lines: Vec<Line>,
}

impl Trace {
    fn parse(file: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
        let mut values = Vec::new();
        for line in text.lines() {
            values.push(serde_json::from_str::<Value>(line).map_err(|error| error.to_string())?);
        }
        if values.is_empty() {
            return Err("it is empty".to_owned());
        }
        let header = values.remove(0);
        if header["ops"].as_u64() != u64::try_from(values.len()).ok() {
            return Err("it has not as many lines as it says".to_owned());
        }
        let lines = values.into_iter().map(Line::parse).collect::<Result<_, _>>()?;
        Ok(Self { file: file.to_owned(), config: header["config"].clone(), lines })
    }

    /// A whole number of the configuration; one that is absent is 0.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.config[name].as_u64().unwrap_or(0)
    }

    /// Whether the list `name` of the configuration has `outcome`.
    pub(crate) fn lists(&self, name: &str, outcome: &str) -> bool {
        self.config[name].as_array().is_some_and(|all| all.iter().any(|one| one == outcome))
    }

    /// What to call it in messages.
    pub(crate) fn name(&self) -> String {
        let mut parts = self.file.components().rev().map(|part| part.as_os_str().to_string_lossy());
        let (file, system) = (parts.next(), parts.next());
        format!("{}/{}", system.unwrap_or_default(), file.unwrap_or_default())
    }
}

/// The traces of one system, in the order of their names.
pub(crate) fn of_system(root: &Path, system: &str) -> Vec<Trace> {
    let Ok(entries) = fs::read_dir(root.join(system)) else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let parse = |file: &PathBuf| {
        Trace::parse(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().map(parse).collect()
}
