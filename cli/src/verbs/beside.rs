//! Several inputs on one page: plans as they are, and plans of everything else.
//!
//! Stands on the loaders and the page. Invariant: all that is planned is planned with the same
//! options, one after the other, and the maps are in the order in which the inputs are named.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use orionrt::Plan;

use super::plan::notes;
use crate::{
    args::{Order, SourceArgs, ViewArgs},
    failure::Failure,
    format::Lines,
    input::{self, Input, ModelJson},
    interrupt, output,
    page::{self, Execution, Page, PageMap},
    progress,
    staging::stage,
    target::{Role, check_files},
};

/// As many inputs as a page has room for.
const MOST: usize = 6;

/// A plan, and what it is of.
struct Side {
    title: String,
    plan: Plan,
    source: Source,
}

/// Where a plan comes from.
enum Source {
    /// It was made of this input.
    Planned(Box<Input>),
    /// It was read from a file, which may state how its model is executed.
    Read(Option<ModelJson>),
}

impl Side {
    /// What the plan was made of.
    fn input(&self) -> Option<&Input> {
        match &self.source {
            Source::Planned(input) => Some(input),
            Source::Read(_) => None,
        }
    }

    fn execution(&self) -> Option<Execution<'_>> {
        match &self.source {
            Source::Planned(input) => Execution::of_input(input),
            Source::Read(stated) => stated.as_ref().map(Execution::of_file),
        }
    }
}

/// Writes a page of all inputs.
pub(super) fn beside(args: &ViewArgs, page: &Path) -> Result<(), Failure> {
    let paths: Vec<&PathBuf> = [&args.source.input]
        .into_iter()
        .chain(&args.others)
        .collect();
    check(args, &paths)?;
    let titles = titles(&paths);
    let mut sides = Vec::new();
    for (path, title) in paths.iter().zip(titles) {
        sides.push(side(args, path, title)?);
    }
    let weights = sides.iter().filter_map(Side::input);
    let weights: Vec<Role> = weights.flat_map(Input::weight_roles).collect();
    check_files(&page_role(args), &weights)?;
    write(args, &sides, page)?;
    let mut lines = Lines::default();
    for side in &sides {
        let limits = side.input().map(Input::limits).unwrap_or_default();
        lines = lines.title(side.title.clone()).peak(&side.plan, limits);
    }
    output::print(&lines.finish())
}

/// Fails if there are too many inputs, or if the page would replace one of them.
fn check(args: &ViewArgs, paths: &[&PathBuf]) -> Result<(), Failure> {
    if paths.len() > MOST {
        let count = paths.len();
        return Err(Failure::Usage(format!(
            "{count} inputs do not fit on one page: expected at most {MOST}"
        )));
    }
    let mut inputs: Vec<Role> = paths.iter().map(|path| ("the input", &***path)).collect();
    if let Order::Given(path) = &args.source.model.order {
        inputs.push(("the order", path));
    }
    check_files(&page_role(args), &inputs)
}

fn page_role(args: &ViewArgs) -> Vec<Role<'_>> {
    args.html.iter().map(|path| ("--html", &**path)).collect()
}

/// The names of the files or, where two have one name, the paths; a path that was there before has
/// a number.
fn titles(paths: &[&PathBuf]) -> Vec<String> {
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let names: Vec<String> = paths.iter().map(|path| name(path)).collect();
    let is_only = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
    if names.iter().all(is_only) {
        return names;
    }
    let mut titles: Vec<String> = Vec::new();
    for path in paths {
        let path = path.display().to_string();
        let numbered = (2..).map(|number| format!("{path}#{number}"));
        let mut candidates = std::iter::once(path.clone()).chain(numbered);
        let unused = candidates.find(|title| !titles.contains(title));
        titles.push(unused.unwrap_or_default());
    }
    titles
}

/// Reads a plan, or plans what is no plan.
fn side(args: &ViewArgs, path: &Path, title: String) -> Result<Side, Failure> {
    if has_ending(path, "html") {
        return Err(Failure::Usage(format!(
            "'{}' is a page already: expected what it was made of",
            path.display()
        )));
    }
    if input::is_plan(path)? {
        let (plan, stated) = input::load_plan_of_model(path)?;
        return Ok(Side {
            title,
            plan,
            source: Source::Read(stated),
        });
    }
    let mut source = SourceArgs {
        input: path.into(),
        ..args.source.clone()
    };
    source.model.has_page = true;
    source.model.keeps_graph = true;
    let input = input::load(&source)?;
    let planner = args
        .search
        .planner(input.alignment, &interrupt::cancel_on_ctrl_c());
    let message = format!("planning {} tensors", input.lifetimes.len());
    let planned = progress::with_spinner(message, || planner.plan(&input.lifetimes));
    let plan = planned.map_err(|error| Failure::file(path, error))?;
    input.check_device(&plan)?;
    Ok(Side {
        title,
        plan,
        source: Source::Planned(input.into()),
    })
}

fn write(args: &ViewArgs, sides: &[Side], page: &Path) -> Result<(), Failure> {
    let titles: Vec<&str> = sides.iter().map(|side| &*side.title).collect();
    let notes_of = |side: &Side| -> Vec<String> {
        let notes = side.input().map(|input| notes(input, &side.plan));
        let each = notes.into_iter().flatten();
        each.map(|note| format!("{}: {note}", side.title)).collect()
    };
    let drawn = Page {
        kind: "compare",
        title: &titles.join(", "),
        notes: sides.iter().flat_map(notes_of).collect(),
        maps: sides
            .iter()
            .map(|side| PageMap {
                model: side.input().and_then(Input::graph),
                execution: side.execution(),
                settings: Some(&args.source.model),
                streams: side.input().and_then(|input| input.streams.as_ref()),
                calls: side.input().and_then(|input| input.calls.as_ref()),
                ..PageMap::new(&side.title, &side.plan)
            })
            .collect(),
    };
    stage(page, |file| page::write(&drawn, file))?.commit()
}

pub(super) fn has_ending(path: &Path, ending: &str) -> bool {
    let found = path.extension();
    found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
}
