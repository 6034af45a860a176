//! Charts as SVG, without a library: lines with few ticks, each named at its end, and bars.

use std::fmt::Write as _;

const HEIGHT: f64 = 400.0;
const TOP: f64 = 78.0;
const BOTTOM: f64 = 340.0;
const LEFT: f64 = 64.0;
const PANEL: f64 = 560.0;
/// Between two panels, for the second one's scale.
const GAP: f64 = 64.0;
/// Right of the last panel, for the names of lines.
const NAMES: f64 = 250.0;
const LINE: f64 = 16.0;
const WIDTH: f64 = LEFT + PANEL + NAMES;

/// The background is drawn, so that the chart can be read wherever it is shown.
const STYLE: &str = "
  .paper { fill: #ffffff; stroke: #d0d7de }
  text { font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .faint { fill: #59636e; font-size: 12px }
  .grid { stroke: #d8dee4; stroke-width: 1 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round }
  .strong { stroke-width: 3 }
  .leader { fill: none; stroke-width: 1; opacity: .6 }
  .value { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .grid { stroke: #2a313c }
  }";

#[derive(Debug, Clone)]
pub struct Line {
    pub name: &'static str,
    /// One that can be seen on white and on black.
    pub colour: &'static str,
    pub dashes: &'static str,
    pub strong: bool,
    pub values: Vec<f64>,
}

#[derive(Debug, Clone)]
pub struct Panel {
    pub title: String,
    /// What stands below the values of a line, one for each.
    pub labels: Vec<String>,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    Log,
}

#[derive(Debug, Clone)]
pub struct Chart {
    pub title: String,
    pub subtitle: String,
    pub scale: Scale,
    pub panels: Vec<Panel>,
}

impl Chart {
    pub fn is_empty(&self) -> bool {
        let mut lines = self.panels.iter().flat_map(|panel| &panel.lines);
        lines.all(|line| line.values.is_empty())
    }

    pub fn draw(&self) -> String {
        let panels = self.panels.len() as f64;
        let width = (PANEL - GAP * (panels - 1.0)) / panels;
        let mut svg = open(&self.title, &self.subtitle, HEIGHT);
        let ticks = self.ticks();
        for (place, panel) in self.panels.iter().enumerate() {
            let left = LEFT + place as f64 * (width + GAP);
            let frame = Frame {
                left,
                right: left + width,
                scale: self.scale,
                from: ticks[0],
                to: ticks[ticks.len() - 1],
            };
            frame.grid(&mut svg, &ticks);
            frame.lines(&mut svg, panel);
            if place + 1 == self.panels.len() {
                frame.names(&mut svg, panel);
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Round numbers from below the least value to above the largest.
    fn ticks(&self) -> Vec<f64> {
        let lines = self.panels.iter().flat_map(|panel| &panel.lines);
        let values: Vec<f64> = lines.flat_map(|line| line.values.iter().copied()).collect();
        let largest = values.iter().copied().fold(0.0, f64::max);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        match self.scale {
            Scale::Linear => {
                let magnitude = 10_f64.powf((largest / 5.0).log10().floor());
                let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * magnitude);
                let step = steps
                    .into_iter()
                    .find(|step| largest / step <= 6.0)
                    .unwrap();
                let count = (largest / step).ceil() as u32;
                (0..=count).map(|tick| f64::from(tick) * step).collect()
            }
            Scale::Log => {
                let decades = least.log10().floor() as i32..=largest.log10().ceil() as i32;
                let ticks: Vec<f64> = decades
                    .flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(decade)))
                    .collect();
                let first = ticks.iter().rposition(|tick| *tick <= least).unwrap();
                let last = ticks.iter().position(|tick| *tick >= largest).unwrap();
                ticks[first..=last].to_vec()
            }
        }
    }
}

#[derive(Debug, Clone)]
pub struct Bar {
    pub name: &'static str,
    /// One that can be seen on white and on black.
    pub colour: &'static str,
    pub value: f64,
    /// What stands at the bar's end.
    pub label: String,
}

/// Horizontal bars from zero, each with its label at its end.
#[derive(Debug, Clone)]
pub struct BarChart {
    pub title: String,
    pub subtitle: String,
    pub bars: Vec<Bar>,
}

impl BarChart {
    pub fn draw(&self) -> String {
        const FIRST: f64 = 72.0;
        const STEP: f64 = 42.0;
        const THICKNESS: f64 = 26.0;
        const START: f64 = 200.0;
        /// Right of the longest bar, for its label.
        const LABELS: f64 = 200.0;
        let height = FIRST + STEP * self.bars.len() as f64 + 6.0;
        let mut svg = open(&self.title, &self.subtitle, height);
        let values = self.bars.iter().map(|bar| bar.value);
        let largest = values.fold(f64::MIN_POSITIVE, f64::max);
        for (place, bar) in self.bars.iter().enumerate() {
            let top = FIRST + STEP * place as f64;
            let length = (WIDTH - START - LABELS) * bar.value / largest;
            let baseline = top + THICKNESS / 2.0 + 4.5;
            text(&mut svg, "", "end", (START - 12.0, baseline), bar.name);
            let _ = writeln!(
                svg,
                "<rect x=\"{START:.0}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{THICKNESS:.0}\" rx=\"2\" \
                 fill=\"{}\"/>",
                bar.colour
            );
            text(
                &mut svg,
                "value",
                "start",
                (START + length + 10.0, baseline),
                &bar.label,
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// What every chart begins with.
fn open(title: &str, subtitle: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\">\n<title>{title}</title>\n<style>{STYLE}\n</style>\n\
         <rect class=\"paper\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        WIDTH - 1.0,
        height - 1.0,
    );
    text(&mut svg, "title", "start", (20.0, 28.0), title);
    text(&mut svg, "faint", "start", (20.0, 47.0), subtitle);
    svg
}

struct Frame {
    left: f64,
    right: f64,
    scale: Scale,
    from: f64,
    to: f64,
}

impl Frame {
    fn y(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.from) / (self.to - self.from),
            Scale::Log => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        BOTTOM - part * (BOTTOM - TOP)
    }

    fn x(&self, place: usize, places: usize) -> f64 {
        const MARGIN: f64 = 14.0;
        let room = self.right - self.left - 2.0 * MARGIN;
        self.left + MARGIN + room * place as f64 / (places.max(2) - 1) as f64
    }

    fn grid(&self, svg: &mut String, ticks: &[f64]) {
        for tick in ticks {
            let y = self.y(*tick);
            let (left, right) = (self.left, self.right);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{left:.0} {y:.1}H{right:.0}\"/>"
            );
            text(svg, "faint", "end", (left - 8.0, y + 4.0), &short(*tick));
        }
    }

    fn lines(&self, svg: &mut String, panel: &Panel) {
        let places = panel.labels.len();
        let middle = f64::midpoint(self.left, self.right);
        text(
            svg,
            "faint",
            "middle",
            (middle, BOTTOM + 42.0),
            &panel.title,
        );
        for (place, label) in panel.labels.iter().enumerate() {
            let x = self.x(place, places);
            text(svg, "faint", "middle", (x, BOTTOM + 20.0), label);
        }
        for line in &panel.lines {
            let mut path = String::new();
            for (place, value) in line.values.iter().enumerate() {
                let (x, y) = (self.x(place, places), self.y(*value));
                let command = if place == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{command}{x:.1} {y:.1}");
                let radius = if line.strong { 4.0 } else { 3.0 };
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{}\"/>",
                    line.colour
                );
            }
            let strong = if line.strong { " strong" } else { "" };
            let _ = writeln!(
                svg,
                "<path class=\"line{strong}\" stroke=\"{}\" stroke-dasharray=\"{}\" d=\"{path}\"/>",
                line.colour, line.dashes
            );
        }
    }

    /// Names at the ends of lines, moved apart where those are close together.
    fn names(&self, svg: &mut String, panel: &Panel) {
        let mut ends: Vec<_> = panel
            .lines
            .iter()
            .filter_map(|line| Some((self.y(*line.values.last()?), line)))
            .collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut places: Vec<f64> = ends.iter().map(|end| end.0).collect();
        for place in 1..places.len() {
            places[place] = places[place].max(places[place - 1] + LINE);
        }
        let mut limit = BOTTOM;
        for place in places.iter_mut().rev() {
            *place = place.min(limit);
            limit = *place - LINE;
        }
        for ((end, line), place) in ends.into_iter().zip(places) {
            let (from, to) = (self.right - 6.0, self.right + 12.0);
            let _ = writeln!(
                svg,
                "<path class=\"leader\" stroke=\"{}\" d=\"M{from:.0} {end:.1}L{to:.0} {place:.1}\"/>",
                line.colour
            );
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.0}\" cy=\"{place:.1}\" r=\"4\" fill=\"{}\"/>",
                to + 4.0,
                line.colour
            );
            text(svg, "", "start", (to + 13.0, place + 4.5), line.name);
        }
    }
}

fn text(svg: &mut String, class: &str, anchor: &str, (x, y): (f64, f64), words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

/// 1200000 as `1.2 M`.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        million if million >= 1e6 => (million / 1e6, " M"),
        thousand if thousand >= 1e3 => (thousand / 1e3, " k"),
        small => (small, ""),
    };
    format!("{}{unit}", (value * 100.0).round() / 100.0)
}
