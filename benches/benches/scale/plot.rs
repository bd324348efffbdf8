//! The picture: each panel a plot with its legend at the right, one above the other, as SVG.

use core::fmt::Write;

use crate::measure::{Cost, Curve, Kind, Panel};

const WIDTH: f64 = 1_000.0;

/// The plots reach from here to there; right of them are the legends.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 650.0;
const LEGEND: f64 = 690.0;

/// Where the first plot begins, how high each is, and how far one is from the next.
const TOP: f64 = 116.0;
const PLOT: f64 = 190.0;
const PITCH: f64 = 296.0;

const INK: &str = "#24292f";
const FAINT: &str = "#6e7781";
const GRID: &str = "#d8dee4";

/// A picture under construction.
struct Picture {
    svg: String,
}

/// Draws all panels.
pub(crate) fn draw(panels: &[Panel], about: &str) -> String {
    let mut picture = Picture { svg: String::new() };
    let mut y = TOP;
    for panel in panels {
        picture.panel(panel, y);
        y += PITCH;
    }
    let height = y - PITCH + PLOT + 60.0;
    let frame = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="{INK}" role="img">
<title>What a call costs as the work grows</title>
<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>
<text x="{LEFT}" y="34" font-size="19" font-weight="bold">What a call costs as the work grows</text>
<text x="{LEFT}" y="57" fill="{FAINT}" font-size="12">{about}</text>
"##,
        about = escaped(about),
    );
    format!("{frame}{}</svg>\n", picture.svg)
}

impl Picture {
    fn add(&mut self, element: &str) {
        self.svg.push_str(element);
        self.svg.push('\n');
    }

    fn text(&mut self, x: f64, y: f64, style: &str, text: &str) {
        self.add(&format!(r#"<text x="{x:.1}" y="{y:.1}" {style}>{}</text>"#, escaped(text)));
    }

    /// One panel, its plot from `y` down.
    fn panel(&mut self, panel: &Panel, y: f64) {
        self.text(LEFT, y - 27.0, r#"font-weight="bold" font-size="14""#, panel.title);
        self.text(LEFT, y - 10.0, &format!(r#"fill="{FAINT}" font-size="12""#), &panel.note);
        let costs = || panel.curves.iter().flat_map(|curve| &curve.costs);
        let (step, steps) = scale(costs().map(|cost| cost.median).fold(0.0, f64::max));
        self.axes(panel, step, steps, y);
        let top = step * f64::from(steps);
        let mut line = y + 5.0;
        for curve in &panel.curves {
            self.curve(curve, top, y);
            self.legend(curve, line);
            line += 36.0;
        }
    }

    /// The grid and the numbers at it.
    fn axes(&mut self, panel: &Panel, step: f64, steps: u32, y: f64) {
        let bottom = y + PLOT;
        for index in 0..=steps {
            let line = bottom - PLOT * f64::from(index) / f64::from(steps);
            let colour = if index == 0 { FAINT } else { GRID };
            self.add(&format!(r#"<path d="M{LEFT} {line:.1}H{RIGHT}" stroke="{colour}"/>"#));
            let style = format!(r#"text-anchor="end" fill="{FAINT}" font-size="12""#);
            self.text(LEFT - 8.0, line + 4.0, &style, &format!("{}", step * f64::from(index)));
        }
        for (place, name) in panel.places.iter().enumerate() {
            let x = x(place, panel.places.len());
            let style = format!(r#"text-anchor="middle" fill="{FAINT}" font-size="12""#);
            self.add(&format!(r#"<path d="M{x:.1} {bottom}v4" stroke="{FAINT}"/>"#));
            self.text(x, bottom + 18.0, &style, name);
        }
        let style = format!(r#"text-anchor="middle" fill="{FAINT}" font-size="12""#);
        let middle = f64::midpoint(LEFT, RIGHT);
        self.text(middle, bottom + 36.0, &style, panel.axis);
        let middle = y + PLOT / 2.0;
        let turned = format!(r#"{style} transform="rotate(-90 18 {middle})""#);
        self.text(18.0, middle, &turned, "ns a call");
    }

    /// A line through the medians, and at each the quartiles.
    fn curve(&mut self, curve: &Curve, top: f64, y: f64) {
        let colour = colour(curve.kind);
        let height = |nanos: f64| y + PLOT * (1.0 - (nanos / top).min(1.0));
        let mut path = String::new();
        for (place, cost) in curve.costs.iter().enumerate() {
            let Cost { low, median, high } = *cost;
            let (x, y) = (x(place, curve.costs.len()), height(median));
            let verb = if place == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{verb}{x:.1} {y:.1}"); // a String takes everything
            let (low, high) = (height(low), height(high));
            self.add(&format!(
                r#"<path d="M{x:.1} {low:.1}V{high:.1}" stroke="{colour}" stroke-width="5" opacity="0.35"/>"#,
            ));
            self.add(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="2.8" fill="{colour}"/>"#));
        }
        self.add(&format!(
            r#"<path d="{path}" fill="none" {} stroke-linejoin="round"/>"#,
            stroke(curve.kind),
        ));
    }

    /// The curve's name, and its first and last cost.
    fn legend(&mut self, curve: &Curve, y: f64) {
        self.add(&format!(r#"<path d="M{LEGEND} {y:.1}h26" {}/>"#, stroke(curve.kind)));
        self.text(LEGEND + 34.0, y + 4.5, "", curve.name);
        if let [first, .., last] = &*curve.costs {
            let span = format!("{:.1} to {:.1} ns", first.median, last.median);
            let style = format!(r#"fill="{FAINT}" font-size="12""#);
            self.text(LEGEND + 34.0, y + 19.5, &style, &span);
        }
    }
}

const fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Success => "#1a7f37",
        Kind::Failure => "#cf222e",
        Kind::HalfFailing => "#d4721a",
        Kind::Refused => "#8250df",
        Kind::Floor => "#0a3069",
        Kind::SharedFloor => "#6e7781",
    }
}

/// Floors are dashed.
fn stroke(kind: Kind) -> String {
    let (width, dashes) = match kind {
        Kind::Floor | Kind::SharedFloor => (1.6, "2 3.5"),
        _ => (2.4, "none"),
    };
    let colour = colour(kind);
    format!(r#"stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}""#)
}

/// Where on the axis a place is: all equally far from each other.
fn x(place: usize, places: usize) -> f64 {
    let share = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    LEFT + (RIGHT - LEFT) * (share(place) + 0.5) / share(places)
}

/// A round step and how many of them, at most 6, reach up to `value`.
fn scale(value: f64) -> (f64, u32) {
    let steps = |step: f64| (1..=6).find(|steps| value <= step * f64::from(*steps));
    let units = core::iter::successors(Some(1.0), |unit| Some(unit * 10.0));
    let mut all = units.flat_map(|unit: f64| [unit, unit * 2.0, unit * 5.0]);
    all.find_map(|step| Some((step, steps(step)?))).expect("steps grow without end")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
