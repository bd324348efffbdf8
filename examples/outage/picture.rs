//! The picture: the runs over time, one above the other on the same axes, as SVG.

use core::fmt::Write;
use core::time::Duration;

use cutout::State;

use crate::client::Ending;
use crate::recorder::Change;
use crate::run::Run;
use crate::script::{Phase, Script};
use crate::series::{self, Series};
use crate::table::count;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 906.0;

/// The plots reach from here to there.
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 24.0;

/// Where the plots begin, and how high each is.
const TOPS: [f64; 3] = [144.0, 406.0, 668.0];
const PLOT: f64 = 200.0;

const INK: &str = "#24292f";
const FAINT: &str = "#6e7781";
const GRID: &str = "#d8dee4";
const OPEN: &str = "#ffdcd7";
const HALF_OPEN: &str = "#f9d77e";

/// How a series is drawn.
struct Pen {
    name: &'static str,
    colour: &'static str,
    width: f64,
    dashes: &'static str,
}

const GOOD: Pen = Pen { name: "good answers", colour: "#1a7f37", width: 2.4, dashes: "none" };
const STALE: Pen = Pen { name: "stale answers", colour: "#0969da", width: 2.4, dashes: "none" };
const ERRORS: Pen = Pen { name: "errors", colour: "#cf222e", width: 2.4, dashes: "none" };
const REFUSED: Pen = Pen { name: "refused at once", colour: "#8250df", width: 1.8, dashes: "none" };
const LOAD: Pen =
    Pen { name: "load on the server", colour: "#0a3069", width: 1.6, dashes: "2 3.5" };

/// A picture under construction.
struct Picture<'a> {
    svg: String,
    script: &'a Script,
    /// The step from grid line to grid line, and how many steps there are.
    step: f64,
    steps: u32,
}

/// Draws the runs from top to bottom.
pub(crate) fn draw(runs: &[Run; 3], script: &Script) -> String {
    let all = runs.each_ref().map(|run| series::all(run, script));
    let highest = all.iter().flat_map(Series::values).fold(0.0, f64::max);
    let (step, steps) = scale(highest);
    let mut picture = Picture { svg: String::new(), script, step, steps };
    picture.frame();
    for ((run, series), y) in runs.iter().zip(&all).zip(TOPS) {
        picture.panel(run, series, y);
    }
    picture.phases();
    picture.svg.push_str("</svg>\n");
    picture.svg
}

impl Picture<'_> {
    fn add(&mut self, element: &str) {
        self.svg.push_str(element);
        self.svg.push('\n');
    }

    fn x(&self, time: Duration) -> f64 {
        let share = time.as_secs_f64() / self.script.length().as_secs_f64();
        LEFT + share.min(1.0) * (RIGHT - LEFT)
    }

    fn text(&mut self, x: f64, y: f64, style: &str, text: &str) {
        self.add(&format!(r#"<text x="{x:.1}" y="{y:.1}" {style}>{text}</text>"#));
    }

    /// The ground, the title and the legend.
    fn frame(&mut self) {
        self.add(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             font-family=\"Helvetica, Arial, sans-serif\" \
             font-size=\"13\" fill=\"{INK}\" role=\"img\">",
        ));
        self.add("<title>One outage, three times</title>");
        self.add(&format!(r##"<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>"##));
        let style = r#"font-size="19" font-weight="bold""#;
        self.text(LEFT, 34.0, style, "One outage, three times");
        let mut x = LEFT;
        let pens = [(GOOD, 132.0), (STALE, 134.0), (ERRORS, 86.0), (REFUSED, 144.0), (LOAD, 168.0)];
        for (Pen { name, colour, width, dashes }, room) in pens {
            self.add(&format!(
                "<path d=\"M{x} 57h26\" stroke=\"{colour}\" \
                 stroke-width=\"{width}\" stroke-dasharray=\"{dashes}\"/>",
            ));
            self.text(x + 32.0, 61.5, "", name);
            x += room;
        }
        for (name, colour) in [("circuit open", OPEN), ("half-open", HALF_OPEN)] {
            self.add(&format!(
                r#"<rect x="{x}" y="50" width="20" height="14" rx="2" fill="{colour}"/>"#
            ));
            self.text(x + 27.0, 61.5, "", name);
            x += 120.0;
        }
    }

    /// One run, its plot from `y` down.
    fn panel(&mut self, run: &Run, series: &Series, y: f64) {
        self.text(LEFT, y - 10.0, r#"font-weight="bold" font-size="14""#, run.name);
        let endings = [
            (Ending::Good, "good"),
            (Ending::StaleResult, "stale"),
            (Ending::Error, "errors"),
            (Ending::Refused, "refused"),
        ];
        let mut summary = String::new();
        for (ending, name) in endings {
            let number = run.count(ending);
            if number > 0 || matches!(ending, Ending::Good | Ending::Error) {
                let _ = write!(summary, "{} {name}, ", count(number)); // a String takes everything
            }
        }
        let _ = write!(summary, "at most {} calls in flight", run.most_in_flight);
        self.text(RIGHT, y - 10.0, &format!(r#"text-anchor="end" fill="{FAINT}""#), &summary);
        if let Some(account) = &run.breaker {
            self.states(&account.changes, y);
        }
        self.axes(y);
        self.curve(&series.load, &LOAD, y);
        for (rates, pen) in [
            (&series.refused, &REFUSED),
            (&series.stale, &STALE),
            (&series.errors, &ERRORS),
            (&series.good, &GOOD),
        ] {
            if rates.iter().any(|rate| *rate > 0.0) {
                self.curve(rates, pen, y);
            }
        }
    }

    /// Shades the times when the circuit is not closed.
    fn states(&mut self, changes: &[Change], y: f64) {
        let ends = changes.iter().skip(1).map(|change| change.at).chain([self.script.length()]);
        // A half-open time may be a few milliseconds, and is not to be hidden by its neighbours.
        for (state, colour, least) in [(State::Open, OPEN, 0.0), (State::HalfOpen, HALF_OPEN, 2.0)]
        {
            for (change, end) in changes.iter().zip(ends.clone()) {
                if change.to == state {
                    let x = self.x(change.at);
                    let width = (self.x(end) - x).max(least);
                    self.add(&format!(
                        "<rect x=\"{x:.1}\" y=\"{y}\" \
                         width=\"{width:.1}\" height=\"{PLOT}\" fill=\"{colour}\"/>",
                    ));
                }
            }
        }
    }

    /// The grid and the numbers at it.
    fn axes(&mut self, y: f64) {
        let bottom = y + PLOT;
        for step in 0..=self.steps {
            let line = bottom - PLOT * f64::from(step) / f64::from(self.steps);
            let colour = if step == 0 { FAINT } else { GRID };
            self.add(&format!(r#"<path d="M{LEFT} {line:.1}H{RIGHT}" stroke="{colour}"/>"#));
            let style = format!(r#"text-anchor="end" fill="{FAINT}" font-size="12""#);
            let value = format!("{}", self.step * f64::from(step));
            self.text(LEFT - 8.0, line + 4.0, &style, &value);
        }
        let seconds = self.script.length().as_secs();
        let step = if seconds <= 20 { 1 } else { seconds.div_ceil(20) };
        for second in (0..=seconds).step_by(usize::try_from(step).unwrap_or(1)) {
            let x = self.x(Duration::from_secs(second));
            let style = format!(r#"text-anchor="middle" fill="{FAINT}" font-size="12""#);
            self.add(&format!(r#"<path d="M{x:.1} {bottom}v4" stroke="{FAINT}"/>"#));
            let unit = if second == 0 { " s" } else { "" };
            self.text(x, bottom + 18.0, &style, &format!("{second}{unit}"));
        }
        let style = format!(
            "text-anchor=\"middle\" fill=\"{FAINT}\" font-size=\"12\" \
             transform=\"rotate(-90 18 {middle})\"",
            middle = y + PLOT / 2.0,
        );
        self.text(18.0, y + PLOT / 2.0, &style, "per second");
    }

    fn curve(&mut self, rates: &[f64], pen: &Pen, y: f64) {
        let Pen { colour, width, dashes, .. } = pen;
        let path = self.path(rates, y);
        self.add(&format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"{width}\" stroke-dasharray=\"{dashes}\" \
             stroke-linejoin=\"round\"/>",
        ));
    }

    /// A line through the rates, each in the middle of its bin.
    fn path(&self, rates: &[f64], y: f64) -> String {
        let top = self.step * f64::from(self.steps);
        let mut path = String::new();
        for (index, rate) in (0_u32..).zip(rates) {
            let x = self.x(series::BIN * index + series::BIN / 2);
            let y = y + PLOT * (1.0 - (rate / top).min(1.0));
            let verb = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{verb}{x:.1} {y:.1}"); // a String takes everything
        }
        path
    }

    /// What ails the server, above everything, and where it changes.
    fn phases(&mut self) {
        for phase in Phase::ALL {
            let span = self.script.span(phase);
            let (start, end) = (self.x(span.start), self.x(span.end));
            let (fill, ink) = match phase {
                Phase::Healthy | Phase::HealthyAgain => ("#dafbe1", "#116329"),
                Phase::Weak => ("#fff8c5", "#7d4e00"),
                _ => ("#57606a", "#ffffff"),
            };
            let (x, width) = (start + 1.0, end - start - 2.0);
            self.add(&format!(
                r#"<rect x="{x:.1}" y="82" width="{width:.1}" height="22" rx="3" fill="{fill}"/>"#,
            ));
            let style = format!(r#"text-anchor="middle" font-size="12" fill="{ink}""#);
            self.text(f64::midpoint(start, end), 97.5, &style, phase.name());
            if phase != Phase::Healthy {
                for y in TOPS {
                    self.add(&format!(
                        "<path d=\"M{start:.1} {y}v{PLOT}\" stroke=\"{FAINT}\" \
                         stroke-width=\"0.8\" stroke-dasharray=\"4 4\"/>",
                    ));
                }
            }
        }
    }
}

/// A round step and how many of them, at most 6, reach up to `value`.
fn scale(value: f64) -> (f64, u32) {
    let mut unit = 1.0;
    loop {
        for step in [unit, unit * 2.0, unit * 5.0] {
            if let Some(steps) = (1..=6).find(|steps| value <= step * f64::from(*steps)) {
                return (step, steps);
            }
        }
        unit *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_few_and_round_steps() {
        assert_eq!(scale(0.0), (1.0, 1));
        assert_eq!(scale(99.0), (20.0, 5));
        assert_eq!(scale(431.0), (100.0, 5));
        assert_eq!(scale(601.0), (200.0, 4));
    }

    #[test]
    fn a_path_runs_from_bin_to_bin_and_keeps_to_the_plot() {
        let script = Script::new(Duration::from_millis(1_000));
        let picture = Picture { svg: String::new(), script: &script, step: 50.0, steps: 2 };
        assert_eq!(picture.path(&[0.0, 50.0], 0.0), "M292.0 200.0L748.0 100.0");
        assert_eq!(picture.path(&[1_000.0], 0.0), "M292.0 0.0");
    }
}
