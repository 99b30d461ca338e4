//! The verb `profile`.
//!
//! Stands on [`heap_profile`](crate::heap_profile). Invariant: files appear when all of them are
//! complete, and the result is printed only then.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt_pprof::{Profile, is_profile};

use super::{
    accuracy::Accuracy,
    show::{Shown, value},
};
use crate::{
    args::ProfileArgs,
    failure::Failure,
    heap_profile::{
        Stacks, StacksError, add_names, chosen_type, top, write_compressed, write_flame_graph,
        write_folded,
    },
    input::read_any,
    output, progress,
    staging::{Staged, stage},
    target::{Role, check_files},
};

pub(crate) fn profile(args: &ProfileArgs) -> Result<(), Failure> {
    let mut inputs = vec![("the profile", &*args.input)];
    inputs.extend(args.before.iter().map(|path| ("the profile", &**path)));
    check_files(&outputs(args), &inputs)?;
    let (profile, unnamed) = load(args, &args.input)?;
    let of = of_file(&args.input);
    let kind = chosen_type(&profile, args.kind.as_deref()).map_err(&of)?;
    let chosen = profile.sample_types[kind];
    let (name, unit) = (profile.text(chosen.kind), profile.text(chosen.unit));
    let is_of_heap = name.starts_with("alloc_") || name.starts_with("inuse_");
    let mut stacks = Stacks::new(args.keeps_allocator || !is_of_heap);
    stacks.add(&profile, kind, false).map_err(&of)?;
    let kind = name;
    let mut accuracy_before = Accuracy::default();
    if let Some(path) = &args.before {
        let (before, _) = load(args, path)?;
        warn_if_later(path, &before, &args.input, &profile);
        let of = of_file(path);
        let same = chosen_type(&before, Some(kind)).map_err(&of)?;
        stacks.add(&before, same, true).map_err(&of)?;
        accuracy_before = Accuracy::new(&comments(&before), kind);
    }
    let rows = top(&stacks, args.before.is_some());
    let comments = comments(&profile);
    let shown = Shown {
        name: args.input.display().to_string(),
        kind: kind.into(),
        unit: unit.into(),
        stacks: &stacks,
        rows: &rows,
        top: args.top,
        before: args.before.as_ref().map(|path| path.display().to_string()),
        unnamed,
        accuracy: Accuracy::new(&comments, kind),
        accuracy_before,
        comments,
        written: outputs(args)
            .iter()
            .map(|(_, path)| path.display().to_string())
            .collect(),
    };
    for file in write(args, &profile, &shown)? {
        file.commit()?;
    }
    match args.json {
        true => output::print_json(&shown.json()),
        false => output::print(&shown.text()),
    }
}

/// The files that are asked for.
fn outputs(args: &ProfileArgs) -> Vec<Role<'_>> {
    let files = [
        ("--folded", &args.folded),
        ("--svg", &args.svg),
        ("--pprof", &args.pprof),
    ];
    let files = files.into_iter();
    files
        .filter_map(|(option, path)| Some((option, &**path.as_ref()?)))
        .collect()
}

/// Reads a profile and names its addresses; returns how many have no name.
fn load(args: &ProfileArgs, path: &Path) -> Result<(Profile, usize), Failure> {
    let bytes = read_any(path)?;
    let mut profile = Profile::read(&bytes).map_err(|error| match is_profile(&bytes) {
        true => Failure::file(path, error),
        false => Failure::file(path, no_profile(&bytes)),
    })?;
    let message = format!("naming the addresses of {}", path.display());
    let unnamed =
        progress::with_spinner(message, || add_names(&mut profile, !args.opens_no_binaries));
    Ok((profile, unnamed))
}

fn comments(profile: &Profile) -> Vec<String> {
    let texts = profile.comments.iter();
    texts.map(|&text| profile.text(text).to_owned()).collect()
}

/// What a file is that does not begin as profiles do.
fn no_profile(bytes: &[u8]) -> String {
    // Of jemalloc, and of gperftools and older versions of Go.
    let texts = ["heap_v2/", "heap profile:"];
    match texts.iter().find(|text| bytes.starts_with(text.as_bytes())) {
        Some(text) => {
            format!("is a heap profile as text ('{text}'), expected protobuf in pprof's format")
        }
        None => "is no profile in pprof's format".into(),
    }
}

/// Warns if the profile to compare with is the later one: by their times, which are 0 in profiles
/// that tell none.
fn warn_if_later(before_path: &Path, before: &Profile, now_path: &Path, now: &Profile) {
    if now.time_nanos != 0 && before.time_nanos > now.time_nanos {
        let warning = format!(
            "is later than {}, so what is shown as grown has shrunk",
            now_path.display()
        );
        output::warn(before_path, &warning);
    }
}

/// A failure because of what a profile holds, or does not hold though it was asked for.
fn of_file(path: &Path) -> impl Fn(StacksError) -> Failure {
    move |error| match error {
        StacksError::NoSuchType { .. } => {
            Failure::Usage(format!("--type: '{}' {error}", path.display()))
        }
        StacksError::TooMany => Failure::file(path, error),
    }
}

/// Writes each file under a temporary name.
fn write(args: &ProfileArgs, profile: &Profile, shown: &Shown) -> Result<Vec<Staged>, Failure> {
    let mut files = Vec::new();
    if let Some(path) = &args.folded {
        files.push(stage(path, |to| {
            write_folded(shown.stacks, shown.before.is_some(), to)
        })?);
    }
    if let Some(path) = &args.svg {
        let title = format!("{}: {}", shown.name, shown.kind);
        let show = |of| value(of, &shown.unit);
        files.push(stage(path, |to| {
            write_flame_graph(&title, shown.stacks, shown.before.is_some(), &show, to)
        })?);
    }
    if let Some(path) = &args.pprof {
        files.push(stage(path, |to| write_compressed(profile, to))?);
    }
    Ok(files)
}
