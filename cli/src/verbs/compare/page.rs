//! The page of a comparison: the baseline beside the best.
//!
//! Stands on [`page`](crate::page). Invariant: it takes the place of nothing that is read.

#![forbid(unsafe_code)]

use std::path::Path;

use super::comparison::Comparison;
use crate::{
    args::{CompareArgs, Order},
    failure::Failure,
    input::Input,
    page::{self, Execution, Page, PageMap},
    staging::stage,
    target::{Role, check_files},
    verbs::plan::notes,
};

/// Fails if the page can never be written, or would replace what is read.
pub(super) fn check_page(args: &CompareArgs) -> Result<(), Failure> {
    let mut inputs: Vec<Role> = vec![("the input", &args.source.input)];
    if let Order::Given(path) = &args.source.model.order {
        inputs.push(("the order", path));
    }
    check_files(&page_role(args), &inputs)
}

pub(super) fn page_role(args: &CompareArgs) -> Vec<Role<'_>> {
    args.html.iter().map(|path| ("--html", &**path)).collect()
}

/// Writes the page, if one was asked for and there is a plan; returns its path.
pub(super) fn write<'p>(
    args: &'p CompareArgs,
    input: &Input,
    comparison: &Comparison,
) -> Result<Option<&'p Path>, Failure> {
    let drawn = comparison.drawn();
    let Some(path) = args.html.as_deref().filter(|_| !drawn.is_empty()) else {
        return Ok(None);
    };
    let plans = drawn
        .iter()
        .filter_map(|entry| Some((&*entry.strategy, entry.plan()?)));
    let best = comparison
        .best()
        .and_then(|best| comparison.entries[best].plan());
    let page = Page {
        kind: "compare",
        title: &args
            .source
            .input
            .file_name()
            .unwrap_or_default()
            .to_string_lossy(),
        notes: best.map_or(Vec::new(), |plan| notes(input, plan)),
        maps: plans
            .map(|(title, plan)| PageMap {
                model: input.graph(),
                settings: Some(&args.source.model),
                execution: Execution::of_input(input),
                streams: input.streams.as_ref(),
                ..PageMap::new(title, plan)
            })
            .collect(),
    };
    stage(path, |file| page::write(&page, file))?.commit()?;
    Ok(Some(path))
}
