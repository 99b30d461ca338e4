//! Plans drawn by other programs: what the command line writes with `--svg` and `--html`.
//!
//! Stands on [`picture`](crate::picture) and [`page`](crate::page). Invariant: a drawing shows what
//! the plan and the model have, and nothing is written but what the caller asks for.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use orionrt::{Graph, Plan};
use orionrt_models::Model;

use crate::{
    input::{ModelGraph, model_graph},
    page::{self, Page, PageMap},
    picture,
};

/// A plan to be drawn: as a picture, or as a page with the viewer in it.
///
/// ```
/// use orionrt::{Lifetimes, Planner};
/// use orionrt_cli::Drawing;
///
/// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 64, 64)])?)?;
/// let (mut picture, mut page) = (Vec::new(), Vec::new());
/// Drawing::new("one tensor", &plan).write_picture(&mut picture)?;
/// Drawing::new("one tensor", &plan).write_page(&mut page)?;
/// assert!(picture.starts_with(b"<svg"));
/// assert!(page.starts_with(b"<!doctype html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Drawing<'p> {
    title: &'p str,
    plan: &'p Plan,
    model: Option<&'p DrawnModel>,
    notes: Vec<String>,
}

/// The model that a plan is for, with what its file says of operators and tensors.
#[derive(Debug)]
pub struct DrawnModel(ModelGraph);

impl DrawnModel {
    /// A model whose operators run in the order of `ordered`, a graph of the same operators.
    #[must_use]
    pub fn new(model: &Model, ordered: Graph) -> Self {
        Self(model_graph(model, ordered))
    }
}

impl<'p> Drawing<'p> {
    /// A plan, and what it is called.
    #[must_use]
    pub fn new(title: &'p str, plan: &'p Plan) -> Self {
        Self {
            title,
            plan,
            model: None,
            notes: Vec::new(),
        }
    }

    /// Shows the operators of the model that the plan is for.
    #[must_use]
    pub fn model(self, model: &'p DrawnModel) -> Self {
        let model = Some(model);
        Self { model, ..self }
    }

    /// Adds a sentence that belongs to the figures: what is left out or taken for granted. A page
    /// shows it.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Writes a picture in SVG.
    ///
    /// # Errors
    /// When `output` refuses a write.
    pub fn write_picture(&self, output: &mut dyn Write) -> io::Result<()> {
        picture::write(self.title, self.plan, output)
    }

    /// Writes a page in HTML, which opens without a server.
    ///
    /// # Errors
    /// When `output` refuses a write, or when the plan has numbers above 2^53 - 1, which a page
    /// cannot hold.
    pub fn write_page(&self, output: &mut dyn Write) -> io::Result<()> {
        let map = PageMap {
            model: self.model.map(|model| &model.0),
            ..PageMap::new("", self.plan)
        };
        let page = Page {
            kind: "plan",
            title: self.title,
            notes: self.notes.clone(),
            maps: vec![map],
        };
        page::write(&page, output).map_err(io::Error::other)
    }
}
