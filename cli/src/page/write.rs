//! The page: the viewer with a document in it.
//!
//! Stands on `document`, and on the viewer as it is built from `viewer/` into `assets/viewer.html`.
//! Invariant: what comes from the input is base64 of compressed bytes, so that no name can end the
//! element that it is in.

#![forbid(unsafe_code)]

use std::io::Write;

use base64::{engine::general_purpose::STANDARD, write::EncoderWriter};
use flate2::{Compression, write::GzEncoder};
use orionrt::Plan;

use super::{
    document::{PageError, document},
    execution::Execution,
    groups::Groups,
    map::MapSource,
    recorded::Mark,
    savings::savings,
};
use crate::{
    args::ModelArgs,
    input::{Calls, History, ModelGraph, Streams},
};

const VIEWER: &str = include_str!("../../assets/viewer.html");
/// Where the document goes.
const PLACE: &str = "<!--ORIONRT-DATA-->";

/// What a page shows.
pub(crate) struct Page<'p> {
    /// The verb that made it.
    pub(crate) kind: &'static str,
    /// The name of the input.
    pub(crate) title: &'p str,
    /// What the plans leave out.
    pub(crate) notes: Vec<String>,
    /// What is drawn: a map for each of them, of which the first of a memory is compared
    /// with the others of that memory.
    pub(crate) maps: Vec<PageMap<'p>>,
}

/// A plan on a page.
pub(crate) struct PageMap<'p> {
    /// What tells it from the others; empty where there are none.
    pub(crate) title: &'p str,
    /// The number of the memory: maps of one memory are compared, those of two devices are not.
    pub(crate) memory: usize,
    pub(crate) plan: &'p Plan,
    pub(crate) capacity: Option<u64>,
    /// The graph of a model.
    pub(crate) model: Option<&'p ModelGraph>,
    /// How the model was read, if what would lower the peak is to be shown.
    pub(crate) settings: Option<&'p ModelArgs>,
    /// The order of the operators and the aliasing, if the plan is of a model and they are known.
    pub(crate) execution: Option<Execution<'p>>,
    /// What the allocator had that placed the tensors, if this is no plan.
    pub(crate) history: Option<&'p History>,
    /// Whose the tensors are, if they are several models'.
    pub(crate) groups: Option<&'p Groups>,
    /// The streams that the tensors are on, if there are several.
    pub(crate) streams: Option<&'p Streams>,
    /// What happened at some steps.
    pub(crate) marks: Vec<Mark>,
    /// The calls that allocated the tensors.
    pub(crate) calls: Option<&'p Calls>,
}

impl<'p> PageMap<'p> {
    /// A plan without a model.
    pub(crate) fn new(title: &'p str, plan: &'p Plan) -> Self {
        Self {
            title,
            memory: 0,
            plan,
            capacity: None,
            model: None,
            settings: None,
            execution: None,
            history: None,
            groups: None,
            streams: None,
            marks: Vec::new(),
            calls: None,
        }
    }

    fn source(&self) -> MapSource<'_> {
        let saves = self.model.zip(self.settings);
        MapSource {
            title: self.title,
            memory: self.memory,
            plan: self.plan,
            capacity: self.capacity,
            model: self.model,
            savings: saves.and_then(|(model, args)| savings(self.plan, model, args)),
            execution: self.execution.as_ref(),
            history: self.history,
            groups: self.groups,
            streams: self.streams,
            marks: self.marks.clone(),
            calls: self.calls,
        }
    }
}

/// Writes the page.
pub(crate) fn write(page: &Page<'_>, output: &mut dyn Write) -> Result<(), PageError> {
    let sources = page.maps.iter().map(PageMap::source);
    let document = document(page.kind, page.title, &page.notes, sources)?;
    let (before, after) = VIEWER.split_once(PLACE).unwrap_or((VIEWER, ""));
    output.write_all(before.as_bytes())?;
    output.write_all(b"<script id=\"orionrt-data\" type=\"application/octet-stream\">")?;
    let encoder = EncoderWriter::new(&mut *output, &STANDARD);
    let mut packer = GzEncoder::new(encoder, Compression::default());
    packer.write_all(&document)?;
    packer.finish()?.finish()?;
    output.write_all(b"</script>")?;
    output.write_all(after.as_bytes())?;
    Ok(())
}
