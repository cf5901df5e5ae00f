//! Capacity over time as SVG: one panel for each alternative, with the capacity that was needed.

use super::run::Outcome;
use super::scenario::Scenario;

const WIDTH: f64 = 960.0;
const PANEL: f64 = 180.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 28.0;
/// Most points of a line: more are not seen.
const POINTS_MAX: usize = 1_440;

/// Colours for light and dark; the text says which line is which.
const STYLE: &str = "<style>
.back{fill:#fff}.text{fill:#222;font:13px system-ui,sans-serif}.small{fill:#555;font:11px system-ui,sans-serif}
.grid{stroke:#ddd;stroke-width:1}.capacity{fill:none;stroke:#0b62a4;stroke-width:1.8}
.needed{fill:#d9822b;fill-opacity:.25;stroke:#d9822b;stroke-width:1}
@media (prefers-color-scheme:dark){.back{fill:#111}.text{fill:#eee}.small{fill:#aaa}.grid{stroke:#333}.capacity{stroke:#6db3f2}}
</style>";

/// The plot.
#[must_use]
pub fn svg(scenario: &Scenario, outcomes: &[&Outcome]) -> String {
    let panels = f64::from(u32::try_from(outcomes.len()).unwrap_or(u32::MAX));
    let height = panels * PANEL;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Capacity over time\">{STYLE}<rect class=\"back\" width=\"{WIDTH}\" \
         height=\"{height}\"/>"
    );
    let most = outcomes
        .iter()
        .map(|outcome| outcome.measure.most_capacity)
        .fold(scenario.history.peak() / scenario.group.objective, f64::max)
        .clamp(1.0, f64::from(scenario.group.max).max(1.0) * 1.2);
    let mut top = 0.0;
    for outcome in outcomes {
        panel(&mut text, scenario, outcome, most.ceil(), top);
        top += PANEL;
    }
    text.push_str("</svg>\n");
    text
}

/// Where a panel is and how its values are drawn.
#[derive(Clone, Copy, Debug)]
struct Scale {
    top: f64,
    floor: f64,
    length: f64,
    most: f64,
}

impl Scale {
    fn x(&self, at: u32) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * f64::from(at) / self.length
    }

    fn y(&self, value: f64) -> f64 {
        self.floor - (self.floor - self.top - TOP) * (value.min(self.most) / self.most)
    }
}

fn panel(text: &mut String, scenario: &Scenario, outcome: &Outcome, most: f64, top: f64) {
    let scale = Scale {
        top,
        floor: top + PANEL - BOTTOM,
        length: f64::from(scenario.history.length()),
        most,
    };
    let thrashes = outcome.measure.thrash().map_or("", |_| ", thrashes");
    let title = format!(
        "{}: {} out, {} in, {:.1} minutes over, ${:.2}{thrashes}",
        outcome.name,
        outcome.measure.scale_outs,
        outcome.measure.scale_ins,
        outcome.measure.minutes_over,
        outcome.measure.usd_on_demand
    );
    let at = top + 20.0;
    put(
        text,
        &format!(
            "<text class=\"text\" x=\"{LEFT}\" y=\"{at:.1}\">{}</text>",
            escaped(&title)
        ),
    );
    for part in [0.0, 0.5, 1.0] {
        let at = scale.y(most * part);
        put(
            text,
            &format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"small\" x=\"8\" y=\"{:.1}\">{:.1}</text>",
                WIDTH - RIGHT,
                at + 4.0,
                most * part
            ),
        );
    }
    lines(text, scenario, outcome, &scale);
    put(
        text,
        &format!(
            "<text class=\"small\" x=\"{LEFT}\" y=\"{:.1}\">{:.1} h; line: instances; area: \
             instances that the load needs</text>",
            scale.floor + 18.0,
            scale.length / 3600.0
        ),
    );
}

fn lines(text: &mut String, scenario: &Scenario, outcome: &Outcome, scale: &Scale) {
    let floor = scale.floor;
    let every = (outcome.looks.len() / POINTS_MAX).max(1);
    let mut needed = format!("M{LEFT:.1},{floor:.1}");
    let mut capacity = String::new();
    for look in outcome.looks.iter().step_by(every) {
        let wanted = look.load.unwrap_or(0.0) / scenario.group.objective;
        let x = scale.x(look.at);
        let sign = if capacity.is_empty() { 'M' } else { 'L' };
        needed.push_str(&point('L', x, scale.y(wanted)));
        capacity.push_str(&point(sign, x, scale.y(look.capacity)));
    }
    put(
        text,
        &format!(
            "<path class=\"needed\" d=\"{needed}L{:.1},{floor:.1}Z\"/><path class=\"capacity\" \
             d=\"{capacity}\"/>",
            WIDTH - RIGHT
        ),
    );
}

fn point(sign: char, x: f64, y: f64) -> String {
    format!("{sign}{x:.1},{y:.1}")
}

fn put(text: &mut String, part: &str) {
    text.push_str(part);
    text.push('\n');
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
