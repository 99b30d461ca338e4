//! Shapes that several pictures are made of.
//!
//! Stands on `svg`, and on [`escape`](crate::escape) for control characters, which XML has no form
//! for.

#![forbid(unsafe_code)]

use svg::node::element::{Line, Text};

use crate::escape::xml_text;

/// A length or a place in pixels, to a hundredth: that is enough, and keeps the file small.
pub(crate) fn rounded(pixels: f64) -> f64 {
    (pixels * 100.0).round() / 100.0
}

/// A text that begins here, on this base line.
pub(crate) fn text(content: impl AsRef<str>, x: f64, y: f64) -> Text {
    Text::new(xml_text(content.as_ref()))
        .set("x", x)
        .set("y", y)
}

/// A straight line from one point to another.
pub(crate) fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> Line {
    Line::new()
        .set("x1", x1)
        .set("y1", y1)
        .set("x2", x2)
        .set("y2", y2)
}
