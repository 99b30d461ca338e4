//! The plan as source text, in Rust and in C.
//!
//! Stands on the library's source text and on [`staging`](crate::staging). Invariant: what the
//! macros of a header begin with is the name of its file, so that two headers can be included in
//! one program.

#![forbid(unsafe_code)]

use orionrt::files::PlanSource;

use crate::{
    args::PlanArgs,
    failure::Failure,
    staging::{Staged, stage},
    target::Role,
};

/// The files of source text that were asked for.
pub(super) fn roles(args: &PlanArgs) -> impl Iterator<Item = Role<'_>> {
    let rust = args.rust.iter().map(|path| ("--rust", &**path));
    let header = args.c_header.iter().map(|path| ("--c-header", &**path));
    rust.chain(header)
}

/// Writes them.
pub(super) fn write(args: &PlanArgs, source: &PlanSource<'_>) -> Result<Vec<Staged>, Failure> {
    let mut staged = Vec::new();
    if let Some(path) = &args.rust {
        staged.push(stage(path, |file| source.write_rust(file))?);
    }
    if let Some(path) = &args.c_header {
        let prefix = path.file_stem().unwrap_or_default().to_string_lossy();
        staged.push(stage(path, |file| source.write_c_header(&prefix, file))?);
    }
    Ok(staged)
}
