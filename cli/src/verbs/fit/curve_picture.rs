//! The curve as an SVG picture: capacities to the right, added time upwards.
//!
//! Stands on `shapes`, and on `svg`, which escapes `&`, `<` and `>`. The scale of the added time is
//! that of the logarithm of one percent more, so that 0 has a place and a small cost stays visible.
//!
//! ```text
//! added    │●
//!  100 %   │ ╲●
//!   20 %  ─│───●───────────────   the smallest capacity within the limit is where the curve
//!    5 %  ─│─────●─────────────   crosses its line
//!    0 %   │       ●────●─────●
//!          └────────────────────  capacity in percent of the peak
//! ```
//!
//! Invariant: each point of the curve is one `circle`, and there are no others; the picture is
//! well-formed XML, whatever the name.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use svg::{
    Document,
    node::element::{Circle, Group, Path, Style, Title, path::Data},
};

use super::curve::LIMITS;
use crate::{
    format,
    shapes::{line, rounded, text},
};

const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 56.0;
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// The picture reaches up to this much added time at least, in percent.
const LEAST_TOP: f64 = 25.0;
/// Added time beyond this is drawn at the upper edge, in percent.
const MOST_TOP: f64 = 1e6;

const CSS: &str = "\
svg { background: white; font-family: sans-serif; font-size: 11px; }
.curve { fill: none; stroke: #06c; stroke-width: 2; }
.point { fill: #06c; }
.point:hover { fill: #c00; }
.limit { stroke: #c00; stroke-dasharray: 6 4; }
.grid { stroke: #ddd; }
.head { font-size: 15px; }";

/// A point of the curve.
pub(super) struct Drawn {
    pub(super) capacity: u64,
    /// Added time in percent of the model's; `None` if the model takes no time.
    pub(super) percent: Option<f64>,
    /// What stands in its tooltip beside that.
    pub(super) tip: String,
}

/// Writes the picture; `name` is the name of the input. The points are from the peak down.
pub(super) fn write(
    name: &str,
    peak: u64,
    points: &[Drawn],
    output: &mut dyn Write,
) -> io::Result<()> {
    svg::write(output, &draw(name, peak, points))
}

fn draw(name: &str, peak: u64, points: &[Drawn]) -> Document {
    let scale = Scale::of(peak, points);
    let (width, height) = (WIDTH + LEFT + RIGHT, HEIGHT + TOP + BOTTOM);
    let title = format!("{name}: added time by capacity");
    let key = format!(
        "100 % is the peak, {} · red: 5 % and 20 % added time · hover over a point",
        format::short_bytes(peak)
    );
    Document::new()
        .set("viewBox", (0, 0, width, height))
        .set("width", width)
        .set("height", height)
        .add(Style::new(CSS))
        .add(text(title, LEFT, 22.0).set("class", "head"))
        .add(text(key, LEFT, 42.0))
        .add(grid(&scale))
        .add(limits(&scale))
        .add(steps(points, &scale))
        .add(circles(points, &scale))
}

/// The mapping from bytes and percent to pixels.
struct Scale {
    peak: u64,
    top: f64,
}

impl Scale {
    fn of(peak: u64, points: &[Drawn]) -> Self {
        let percents = points.iter().filter_map(|point| point.percent);
        let most = percents.fold(LEAST_TOP, f64::max).min(MOST_TOP);
        Self {
            peak: peak.max(1),
            top: most * 1.1,
        }
    }

    fn x(&self, capacity: u64) -> f64 {
        let share = (capacity as f64 / self.peak as f64).min(1.0);
        rounded(LEFT + share * WIDTH)
    }

    fn y(&self, percent: Option<f64>) -> f64 {
        let percent = percent.unwrap_or(self.top).min(self.top);
        let share = percent.max(0.0).ln_1p() / self.top.ln_1p();
        rounded(TOP + HEIGHT - share * HEIGHT)
    }
}

fn grid(scale: &Scale) -> Group {
    let mut group = Group::new();
    let ticks = [0.0, 1.0, 10.0, 50.0, 100.0, 1e3, 1e4, 1e5, 1e6];
    for percent in ticks.into_iter().filter(|tick| *tick <= scale.top) {
        let y = scale.y(Some(percent));
        let label = text(format!("{percent} %"), LEFT - 8.0, y + 4.0);
        group = group
            .add(line(LEFT, y, LEFT + WIDTH, y).set("class", "grid"))
            .add(label.set("text-anchor", "end"));
    }
    for tenth in 0..=10u64 {
        let x = rounded(LEFT + WIDTH * tenth as f64 / 10.0);
        let label = text(format!("{} %", 10 * tenth), x, TOP + HEIGHT + 18.0);
        group = group
            .add(line(x, TOP, x, TOP + HEIGHT).set("class", "grid"))
            .add(label.set("text-anchor", "middle"));
    }
    let centre = LEFT + WIDTH / 2.0;
    group.add(text("capacity", centre, TOP + HEIGHT + 38.0).set("text-anchor", "middle"))
}

fn limits(scale: &Scale) -> Group {
    let mut group = Group::new();
    for limit in LIMITS {
        let y = scale.y(Some(limit));
        let label = text(format!("{limit} %"), LEFT - 8.0, y + 4.0);
        group = group
            .add(line(LEFT, y, LEFT + WIDTH, y).set("class", "limit"))
            .add(label.set("text-anchor", "end"));
    }
    group
}

/// Between two points, the smaller capacity is what is known to work.
fn steps(points: &[Drawn], scale: &Scale) -> Path {
    let mut data = Data::new();
    for (at, point) in points.iter().enumerate() {
        let (x, y) = (scale.x(point.capacity), scale.y(point.percent));
        data = match at {
            0 => data.move_to((x, y)),
            _ => data.vertical_line_to(y).horizontal_line_to(x),
        };
    }
    Path::new().set("class", "curve").set("d", data)
}

fn circles(points: &[Drawn], scale: &Scale) -> Group {
    let mut group = Group::new();
    for point in points {
        let share = 100.0 * point.capacity as f64 / scale.peak as f64;
        let tip = format!(
            "{}\n{share:.1} % of the peak\n{}",
            format::bytes(point.capacity),
            point.tip
        );
        let circle = Circle::new()
            .set("class", "point")
            .set("cx", scale.x(point.capacity))
            .set("cy", scale.y(point.percent))
            .set("r", 3.5)
            .add(Title::new(tip));
        group = group.add(circle);
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(capacity: u64, percent: Option<f64>) -> Drawn {
        let tip = "spilled".into();
        Drawn {
            capacity,
            percent,
            tip,
        }
    }

    fn picture(points: &[Drawn]) -> String {
        let mut text = Vec::new();
        write("<a> & \u{1}", 1000, points, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn each_point_is_a_circle_where_its_capacity_and_its_cost_are() {
        let points = [
            drawn(1000, Some(0.0)),
            drawn(500, Some(25.0)),
            drawn(250, None),
        ];
        let picture = picture(&points);
        let circles: Vec<&str> = picture.split("<circle").skip(1).collect();
        let places = [
            (LEFT + WIDTH, TOP + HEIGHT),
            (LEFT + WIDTH / 2.0, Scale::of(1000, &points).y(Some(25.0))),
            (LEFT + WIDTH / 4.0, TOP),
        ];
        assert_eq!(circles.len(), places.len());
        for (circle, (x, y)) in circles.iter().zip(places) {
            assert!(circle.contains(&format!("cx=\"{x}\"")), "{circle}");
            assert!(circle.contains(&format!("cy=\"{y}\"")), "{circle}");
        }
        assert!(picture.contains("25.0 % of the peak\nspilled"));
        assert_eq!(picture.matches("class=\"limit\"").count(), 2);
        assert!(picture.contains(r"&lt;a&gt; &amp; \u{1}"), "{picture}");
    }

    #[test]
    fn costs_without_bounds_stay_in_the_picture() {
        let points = [drawn(0, Some(f64::MAX)), drawn(u64::MAX, Some(0.0))];
        let picture = picture(&points);
        assert!(
            !picture.contains("NaN") && !picture.contains("inf"),
            "{picture}"
        );
    }
}
