//! A plan as an SVG picture: steps to the right, offsets upwards, one rectangle a tensor.
//!
//! Stands on `shapes`, and on `svg`, which escapes `&`, `<` and `>`. The load is drawn over the
//! tensors as a line on the same scale: where it touches the peak, every byte is in use; the gap
//! between line and peak is waste or cannot be avoided.
//!
//! ```text
//! offset  ┌─────────┐          peak
//!    │  ┌─┤    b    ├──┐
//!    │  │ └─────────┘  │ c     hover over a rectangle for its name, size and steps
//!    │  └── a ──┘──────┘
//!    └────────────────────── step
//! ```
//!
//! Invariant: each tensor that ever occupies bytes is one `rect` for each range of steps that it is
//! alive in, and there are no others; the picture is well-formed XML, whatever the names.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    ops::Range,
};

use orionrt::Plan;
use svg::{
    Document, Node,
    node::element::{Group, Line, Path, Rectangle, Style, Title, path::Data},
};

use crate::{
    escape::xml_text,
    format,
    shapes::{line, rounded, text},
};

const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 48.0;
const HEIGHT: f64 = 640.0;
/// The width grows with the number of steps, so that a lifetime of one step stays visible.
const WIDTHS: std::ops::RangeInclusive<f64> = 960.0..=3200.0;
const PIXELS_PER_SECTION: f64 = 6.0;
/// The approximate width of a letter of a label.
const LETTER: f64 = 6.2;

const CSS: &str = "\
svg { background: white; font-family: sans-serif; font-size: 11px; }
.tensor { stroke: white; stroke-width: 0.5; }
.tensor:hover { stroke: black; stroke-width: 1.5; }
.label { pointer-events: none; fill: #222; }
.load { fill: none; stroke: #111; stroke-width: 1.5; pointer-events: none; }
.peak { stroke: #c00; stroke-dasharray: 6 4; }
.bound { stroke: #06c; stroke-dasharray: 2 3; }
.grid { stroke: #ddd; }
.head { font-size: 15px; }";

/// Writes the picture; `name` is the name of the input.
pub(crate) fn write(name: &str, plan: &Plan, output: &mut dyn Write) -> io::Result<()> {
    svg::write(output, &draw(name, plan))
}

fn draw(name: &str, plan: &Plan) -> Document {
    let scale = Scale::of(plan);
    let (width, height) = (scale.width + LEFT + RIGHT, HEIGHT + TOP + BOTTOM);
    Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .add(Style::new(CSS))
        .add(head(name, plan))
        .add(grid(plan, &scale))
        .add(tensors(plan, &scale))
        .add(load(plan, &scale))
        .add(level("bound", plan.lower_bound(), &scale))
        .add(level("peak", plan.peak(), &scale))
}

/// The mapping from steps and bytes to pixels.
struct Scale {
    start: i64,
    end: i64,
    peak: u64,
    width: f64,
}

impl Scale {
    fn of(plan: &Plan) -> Self {
        let rows = || plan.lifetimes().rows().iter().filter(|row| row.occupies());
        let sections = plan.lifetimes().load_profile().len() as f64;
        Self {
            start: rows().map(|row| row.lower).min().unwrap_or(0),
            end: rows().map(|row| row.upper).max().unwrap_or(1),
            peak: plan.peak().max(1),
            width: (sections * PIXELS_PER_SECTION).clamp(*WIDTHS.start(), *WIDTHS.end()),
        }
    }

    fn steps(&self) -> f64 {
        self.end as f64 - self.start as f64
    }

    fn x(&self, step: i64) -> f64 {
        // Differences as floats: steps may span all of `i64`.
        let share = (step as f64 - self.start as f64) / self.steps();
        rounded(LEFT + share * self.width)
    }

    fn y(&self, offset: u64) -> f64 {
        rounded(TOP + HEIGHT - offset as f64 / self.peak as f64 * HEIGHT)
    }

    fn right(&self) -> f64 {
        LEFT + self.width
    }
}

fn head(name: &str, plan: &Plan) -> Group {
    let title = format!(
        "{name}: {} tensors, peak {}, {:.4} of the lower bound",
        format::thousands(plan.len() as u64),
        format::bytes(plan.peak()),
        plan.ratio()
    );
    let key = "black line: load · red: peak · blue: lower bound · hover over a tensor for its name";
    Group::new()
        .add(text(title, LEFT, 22.0).set("class", "head"))
        .add(text(key, LEFT, 42.0))
}

fn grid(plan: &Plan, scale: &Scale) -> Group {
    let mut group = Group::new();
    for tick in 0..=5 {
        let offset = (plan.peak() as f64 / 5.0 * f64::from(tick)) as u64;
        let y = scale.y(offset);
        let label = text(format::short_bytes(offset), LEFT - 8.0, y + 4.0);
        group = group
            .add(line(LEFT, y, scale.right(), y).set("class", "grid"))
            .add(label.set("text-anchor", "end"));
    }
    for step in ticks(scale) {
        let x = scale.x(step);
        let label = text(step.to_string(), x, TOP + HEIGHT + 18.0);
        group = group
            .add(line(x, TOP, x, TOP + HEIGHT).set("class", "grid"))
            .add(label.set("text-anchor", "middle"));
    }
    let centre = LEFT + scale.width / 2.0;
    group.add(text("step", centre, TOP + HEIGHT + 38.0).set("text-anchor", "middle"))
}

/// Round steps, about ten of them.
fn ticks(scale: &Scale) -> Vec<i64> {
    let rough = (scale.steps() / 10.0).max(1.0);
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|f| f * power >= rough)
        .unwrap_or(10.0);
    let width = (factor * power) as i64;
    let first = scale.start.div_euclid(width).saturating_mul(width);
    let all = (0..).map(|i| first.saturating_add(width.saturating_mul(i)));
    let shown = all
        .take(32)
        .filter(|t| (scale.start..=scale.end).contains(t));
    shown.collect()
}

fn level(class: &str, bytes: u64, scale: &Scale) -> Line {
    let y = scale.y(bytes.min(scale.peak));
    line(LEFT, y, scale.right(), y).set("class", class)
}

fn tensors(plan: &Plan, scale: &Scale) -> Group {
    let mut group = Group::new();
    let placed = plan.lifetimes().iter().zip(plan.offsets());
    for ((id, name, _), &offset) in placed.filter(|((_, _, row), _)| row.occupies()) {
        for piece in plan.lifetimes().pieces(id) {
            let bytes = offset + piece.bytes.start..offset + piece.bytes.end;
            tensor(&mut group, id.index(), name, piece.steps, bytes, scale);
        }
    }
    group
}

/// The rectangle of a piece of a tensor: one for each range of steps that it is alive in or, with
/// windows, for each range of bytes that are needed.
fn tensor(
    group: &mut Group,
    index: usize,
    name: &str,
    steps: Range<i64>,
    bytes: Range<u64>,
    scale: &Scale,
) {
    let (x, y) = (scale.x(steps.start), scale.y(bytes.end));
    let (width, height) = (
        rounded(scale.x(steps.end) - x),
        rounded(scale.y(bytes.start) - y),
    );
    let name = xml_text(name);
    let tip = format!(
        "{name}\n{}\nbytes {}..{}\nsteps {}..{}",
        format::bytes(bytes.end - bytes.start),
        format::thousands(bytes.start),
        format::thousands(bytes.end),
        steps.start,
        steps.end
    );
    // The golden angle: adjacent tensors in the list never have similar colours.
    let hue = (index as f64 * 137.508) % 360.0;
    let rectangle = Rectangle::new()
        .set("class", "tensor")
        .set("x", x)
        .set("y", y)
        .set("width", width)
        .set("height", height)
        .set("fill", pastel(hue))
        .add(Title::new(tip));
    group.append(rectangle);
    let letters = (width / LETTER) as usize;
    if height >= 12.0 && letters >= 4 {
        let label: String = name.chars().take(letters - 1).collect();
        let label = text(label, rounded(x + 3.0), rounded(y + height / 2.0 + 4.0));
        group.append(label.set("class", "label"));
    }
}

fn load(plan: &Plan, scale: &Scale) -> Path {
    let mut data = Data::new().move_to((scale.x(scale.start), scale.y(0)));
    for (steps, bytes) in plan.lifetimes().load_profile() {
        data = data
            .vertical_line_to(scale.y(bytes))
            .horizontal_line_to(scale.x(steps.end));
    }
    Path::new()
        .set("class", "load")
        .set("d", data.vertical_line_to(scale.y(0)))
}

/// A light colour of this hue, in degrees, in a notation that every SVG reader supports.
fn pastel(hue: f64) -> String {
    let channel = |shift: f64| {
        // HSL with 60 % saturation and 75 % lightness: each channel is a trapezoid over the hue.
        let distance = ((hue / 60.0 + shift) % 6.0 - 3.0).abs();
        let level = 0.60 + 0.30 * (distance - 1.0).clamp(0.0, 1.0);
        (level * 255.0).round() as u8
    };
    format!(
        "#{:02x}{:02x}{:02x}",
        channel(0.0),
        channel(4.0),
        channel(2.0)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use orionrt::Lifetimes;

    fn picture(rows: &[(&str, i64, i64, u64, u64)], offsets: &[u64]) -> String {
        let lifetimes = Lifetimes::from_rows(rows.iter().copied()).unwrap();
        let plan = Plan::new(lifetimes, offsets.into()).unwrap();
        let mut text = Vec::new();
        write("test", &plan, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// The value of an attribute of the tag that holds this tooltip.
    fn attribute(picture: &str, tip: &str, name: &str) -> f64 {
        let end = picture.find(&format!("{tip}\n")).unwrap();
        let tag = &picture[..end][picture[..end].rfind("<rect").unwrap()..];
        let value = &tag[tag.find(&format!(" {name}=\"")).unwrap() + name.len() + 3..];
        value[..value.find('"').unwrap()].parse().unwrap()
    }

    #[test]
    fn a_tensor_is_where_its_steps_and_bytes_are() {
        let picture = picture(&[("low", 0, 4, 100, 1), ("high", 2, 4, 300, 1)], &[0, 100]);
        let of = |tip, names: [&str; 4]| names.map(|name| attribute(&picture, tip, name));
        let names = ["x", "y", "width", "height"];
        assert_eq!(of("low", names), [LEFT, TOP + 480.0, 960.0, 160.0]);
        assert_eq!(of("high", names), [LEFT + 480.0, TOP, 480.0, 480.0]);
    }

    #[test]
    fn only_tensors_that_occupy_bytes_are_rectangles() {
        let rows = [
            ("a", 0, 2, 8, 1),
            ("never", 1, 1, 8, 1),
            ("empty", 0, 2, 0, 1),
        ];
        assert_eq!(picture(&rows, &[0, 0, 0]).matches("<rect").count(), 1);
        assert_eq!(picture(&[], &[]).matches("<rect").count(), 0);
    }

    #[test]
    fn names_are_escaped() {
        let picture = picture(&[("<b> & \u{1}", 0, 1, 8, 1)], &[0]);
        assert!(picture.contains(r"&lt;b&gt; &amp; \u{1}"), "{picture}");
        assert!(!picture.contains('\u{1}'));
    }

    #[test]
    fn steps_may_span_all_of_i64() {
        let rows = [("a", i64::MIN, i64::MAX, 8, 1), ("b", 0, 1, 8, 1)];
        let picture = picture(&rows, &[0, 8]);
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
        assert_eq!(attribute(&picture, "a", "width"), 960.0);
    }

    #[test]
    fn ticks_are_round_and_few() {
        let scale = |start, end| Scale {
            start,
            end,
            peak: 1,
            width: 960.0,
        };
        assert_eq!(ticks(&scale(0, 1)), [0, 1]);
        assert_eq!(
            ticks(&scale(-3, 47)),
            [0, 5, 10, 15, 20, 25, 30, 35, 40, 45]
        );
        assert!(ticks(&scale(i64::MIN, i64::MAX)).len() <= 32);
    }
}
