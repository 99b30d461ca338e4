//! A flame graph: stacks as towers of functions, as wide as their values.
//!
//! Stands on `stacks`, `shapes` and `svg`, which escapes `&`, `<` and `>`. The outermost functions
//! are at the bottom. Of two profiles that are compared, a frame is as wide as its value now, red
//! if that is more than before and blue if it is less.
//!
//! ```text
//!   ┌────┐┌─┐
//!   │ c  ││d│
//!   ├────┴┴─┴──┐┌───┐     hover over a frame for its name and value
//!   │    b     ││ e │
//!   ├──────────┴┴───┴─┐
//!   │        a        │
//!   └─────────────────┘
//! ```
//!
//! Invariant: a frame lies within the one that it was called by; what is narrower than half a pixel
//! or deeper than [`MOST_DEPTH`] is not drawn, so the size of a picture is bounded.

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    io::{self, Write},
};

use svg::{
    Document, Node,
    node::element::{Group, Rectangle, Style, Title},
};

use super::stacks::{Stacks, Value};
use crate::{
    escape::xml_text,
    shapes::{rounded, text},
};

const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 10.0;
const TOP: f64 = 48.0;
const FRAME: f64 = 17.0;
/// The narrowest frame that is drawn, and the narrowest with a name, in pixels.
const NARROWEST: f64 = 0.5;
const NARROWEST_NAMED: f64 = 30.0;
/// The approximate width of a letter.
const LETTER: f64 = 6.4;
const MOST_DEPTH: usize = 256;

const CSS: &str = "\
svg { background: white; font-family: sans-serif; font-size: 11px; }
rect { stroke: white; stroke-width: 0.5; }
g:hover > rect { stroke: black; }
text { pointer-events: none; fill: #222; }
.head { font-size: 15px; }";

/// How a value is shown.
pub(crate) type Show<'f> = &'f dyn Fn(i64) -> String;

/// Writes the picture. `is_change`: two profiles are compared.
pub(crate) fn write(
    title: &str,
    stacks: &Stacks,
    is_change: bool,
    show: Show,
    output: &mut dyn Write,
) -> io::Result<()> {
    let tree = Tree::of(stacks);
    let picture = Picture {
        stacks,
        is_change,
        show,
        total: tree.total().now.max(1),
        largest: tree.largest_change().max(1),
        height: tree.depth as f64,
        tree,
    };
    let height = TOP + picture.height * FRAME + MARGIN;
    let mut document = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("width", WIDTH)
        .set("height", height)
        .add(Style::new(CSS))
        .add(text(title, MARGIN, 22.0).set("class", "head"))
        .add(text(picture.legend(), MARGIN, 40.0));
    picture.draw_below(&mut document, 0, MARGIN, 0);
    svg::write(output, &document)
}

/// A function below another one, with what its stacks add up to.
#[derive(Default)]
struct Frame {
    name: u32,
    parent: u32,
    value: Value,
}

/// The frames of all stacks. The first is the root, which is drawn as none.
struct Tree {
    frames: Vec<Frame>,
    /// The frames but the root by their parents, those of one parent in the order of their names.
    order: Vec<u32>,
    depth: usize,
}

impl Tree {
    fn of(stacks: &Stacks) -> Self {
        let mut frames = vec![Frame::default()];
        let mut known = HashMap::new();
        let mut depth = 1;
        for (stack, value) in stacks.iter() {
            let stack = &stack[..stack.len().min(MOST_DEPTH)];
            depth = depth.max(stack.len());
            frames[0].value.add(value);
            let mut parent = 0;
            for &name in stack {
                let new = frames.len() as u32;
                let at = *known.entry((parent, name)).or_insert(new);
                if at == new {
                    frames.push(Frame {
                        name,
                        parent,
                        ..Frame::default()
                    });
                }
                frames[at as usize].value.add(value);
                parent = at;
            }
        }
        let mut order: Vec<u32> = (1..frames.len() as u32).collect();
        let ranks = stacks.ranks();
        order.sort_unstable_by_key(|&frame| {
            let frame = &frames[frame as usize];
            (frame.parent, ranks[frame.name as usize])
        });
        Self {
            frames,
            order,
            depth,
        }
    }

    /// The frames that one called, in the order of their names.
    fn below(&self, parent: u32) -> impl Iterator<Item = u32> {
        let parent_of = |frame: u32| self.frames[frame as usize].parent;
        let start = self
            .order
            .partition_point(|&frame| parent_of(frame) < parent);
        let all = self.order[start..].iter().copied();
        all.take_while(move |&frame| parent_of(frame) == parent)
    }

    fn total(&self) -> Value {
        self.frames[0].value
    }

    fn largest_change(&self) -> u64 {
        let changes = self
            .frames
            .iter()
            .map(|frame| frame.value.change().unsigned_abs());
        changes.max().unwrap_or(0)
    }
}

struct Picture<'p> {
    tree: Tree,
    stacks: &'p Stacks,
    is_change: bool,
    show: Show<'p>,
    total: i64,
    /// The largest change of a frame.
    largest: u64,
    /// The number of frames of the highest tower.
    height: f64,
}

impl Picture<'_> {
    /// Draws what a frame called.
    fn draw_below(&self, to: &mut Document, parent: u32, left: f64, depth: usize) {
        let mut at = left;
        for frame in self.tree.below(parent) {
            at += self.draw(to, frame, at, depth);
        }
    }

    /// Draws a frame and what it called; returns its width.
    fn draw(&self, to: &mut Document, number: u32, left: f64, depth: usize) -> f64 {
        let &Frame { name, value, .. } = &self.tree.frames[number as usize];
        let width = value.now.max(0) as f64 / self.total as f64 * (WIDTH - 2.0 * MARGIN);
        if width < NARROWEST {
            return width;
        }
        let top = TOP + (self.height - 1.0 - depth as f64) * FRAME;
        let shown = xml_text(self.stacks.name(name));
        let mut group = Group::new().add(Title::new(self.title(name, value))).add(
            Rectangle::new()
                .set("x", rounded(left))
                .set("y", top)
                .set("width", rounded(width))
                .set("height", FRAME - 1.0)
                .set("fill", self.colour(name, value)),
        );
        if width >= NARROWEST_NAMED {
            let letters = (width / LETTER) as usize;
            let label: String = if shown.chars().count() <= letters {
                shown.into()
            } else {
                let beginning = shown.chars().take(letters.saturating_sub(1));
                beginning.chain(['…']).collect()
            };
            group = group.add(text(label, rounded(left + 3.0), top + 12.0));
        }
        to.append(group);
        self.draw_below(to, number, left, depth + 1);
        width
    }

    fn title(&self, name: u32, value: Value) -> String {
        let share = value.now as f64 / self.total as f64 * 100.0;
        let mut title = format!(
            "{}: {}, {share:.1} %",
            xml_text(self.stacks.name(name)),
            (self.show)(value.now)
        );
        if self.is_change {
            let sign = if value.change() > 0 { "+" } else { "" };
            title += &format!(", {sign}{}", (self.show)(value.change()));
        }
        title
    }

    fn legend(&self) -> String {
        let total = self.tree.total();
        let shown = (self.show)(total.now);
        match self.is_change {
            false => format!("{shown} · hover over a frame for its name and value"),
            true => format!(
                "{shown}, before {} · red: more than before · blue: less",
                (self.show)(total.before)
            ),
        }
    }

    fn colour(&self, name: u32, value: Value) -> String {
        if self.is_change {
            let strength = value.change().unsigned_abs() as f64 / self.largest as f64;
            // At least some colour wherever something has changed.
            let faint = if value.change() == 0 {
                245.0
            } else {
                225.0 - strength * 145.0
            };
            let faint = faint as u8;
            return match value.change() {
                0 => "rgb(245,245,245)".into(),
                1.. => format!("rgb(250,{faint},{faint})"),
                _ => format!("rgb({faint},{faint},250)"),
            };
        }
        // A colour of each name, the same in every picture.
        let hash = self
            .stacks
            .name(name)
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
        let (green, blue) = (110 + (hash >> 8) % 120, (hash >> 20) % 60);
        format!("rgb({},{green},{blue})", 215 + hash % 40)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stacks::tests::profile, *};

    fn draw(now: &[(&[u32], i64)], before: Option<&[(&[u32], i64)]>) -> String {
        let mut stacks = Stacks::default();
        stacks.add(&profile(now), 0, false).unwrap();
        if let Some(before) = before {
            stacks.add(&profile(before), 0, true).unwrap();
        }
        let mut picture = Vec::new();
        let show = |value: i64| value.to_string();
        write("a & <b>", &stacks, before.is_some(), &show, &mut picture).unwrap();
        String::from_utf8(picture).unwrap()
    }

    /// The title, left end, width and colour of each frame.
    fn frames(picture: &str) -> Vec<(String, f64, f64, String)> {
        let document = roxmltree::Document::parse(picture).expect("XML");
        let groups = document.descendants().filter(|node| node.has_tag_name("g"));
        let frame = |group: roxmltree::Node| {
            let child = |name| {
                group
                    .children()
                    .find(|node| node.has_tag_name(name))
                    .unwrap()
            };
            let of = |name| child("rect").attribute(name).unwrap();
            let title = child("title").text().unwrap().to_owned();
            let number = |name| of(name).parse().unwrap();
            (title, number("x"), number("width"), of("fill").to_owned())
        };
        groups.map(frame).collect()
    }

    #[test]
    fn a_frame_is_as_wide_as_its_value_and_above_its_caller() {
        let picture = draw(
            &[(&[1, 0], 30), (&[2, 0], 10), (&[0], 40), (&[3], 20)],
            None,
        );
        let frames = frames(&picture);
        let of = |name: &str| {
            let found = frames.iter().find(|(title, ..)| title.starts_with(name));
            found.map(|(_, left, width, _)| (*left, *width)).unwrap()
        };
        assert_eq!(frames.len(), 4);
        assert_eq!(of("f0: 80, 80.0 %"), (10.0, 944.0));
        assert_eq!(of("f1: 30, 30.0 %"), (10.0, 354.0));
        assert_eq!(of("f2: 10, 10.0 %"), (364.0, 118.0));
        assert_eq!(of("f3: 20, 20.0 %"), (954.0, 236.0));
        assert!(picture.contains("a &amp; &lt;b&gt;"), "{picture}");
    }

    #[test]
    fn what_has_grown_is_red_and_what_has_shrunk_is_blue() {
        let picture = draw(
            &[(&[1], 30), (&[2], 10), (&[3], 9)],
            Some(&[(&[1], 10), (&[2], 15), (&[3], 9)]),
        );
        let colours: Vec<_> = frames(&picture)
            .into_iter()
            .map(|(title, .., of)| (title, of))
            .collect();
        assert_eq!(
            colours[0],
            ("f1: 30, 61.2 %, +20".into(), "rgb(250,80,80)".into())
        );
        assert_eq!(
            colours[1],
            ("f2: 10, 20.4 %, -5".into(), "rgb(188,188,250)".into())
        );
        assert_eq!(colours[2].1, "rgb(245,245,245)");
    }

    #[test]
    fn what_cannot_be_seen_is_not_drawn() {
        let deep = [0; 1000];
        assert_eq!(frames(&draw(&[(&deep, 1)], None)).len(), MOST_DEPTH);
        assert_eq!(frames(&draw(&[(&[1], 1), (&[0], 10_000)], None)).len(), 1);
        assert_eq!(frames(&draw(&[], None)).len(), 0);
        assert_eq!(frames(&draw(&[(&[1], -5), (&[0], 5)], None)).len(), 1);
    }
}
