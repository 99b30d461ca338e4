//! `orionrt check` of the recording of a process: whether the heap gave any byte to two blocks at
//! once.
//!
//! Stands on [`input::check_blocks`]. Invariant: "ok" is printed only for a recording in which no
//! two live blocks share a byte.

#![forbid(unsafe_code)]

use serde::Serialize;

use super::check_scope::{Scope, verdict};
use crate::{
    args::CheckArgs,
    failure::Failure,
    format::{self, Lines},
    input, output,
};

#[derive(Serialize)]
struct Json {
    ok: bool,
    blocks: u64,
    threads: usize,
    live_peak: u64,
    lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    #[serde(flatten)]
    scope: Scope,
}

/// Checks the addresses of blocks; the capacity is that of the bytes alive at once.
pub(super) fn check_recording(args: &CheckArgs) -> Result<(), Failure> {
    let path = args.plan.display();
    if let Some(model) = &args.model {
        return Err(Failure::Usage(format!(
            "--model {}: '{path}' is a recording, whose own addresses are checked; expected its \
             plan and --model '{path}'",
            model.display()
        )));
    }
    if args.html.is_some() {
        return Err(Failure::Usage(format!(
            "--html draws plans in files of their own, and '{path}' is a recording: expected \
             'orionrt plan {path} --html FILE'"
        )));
    }
    let found = input::check_blocks(&args.plan)?;
    let (scope, live_peak) = (Scope::of_blocks(&found), found.live_peak);
    let ok = args.capacity.is_none_or(|capacity| live_peak <= capacity);
    if args.json {
        output::print_json(&Json {
            ok,
            blocks: found.blocks,
            threads: found.threads,
            live_peak,
            lost: found.lost,
            capacity: args.capacity,
            scope,
        })?;
    } else {
        let lines = Lines::default()
            .title(format!("{path}: {}", verdict(ok)))
            .line("blocks", format::thousands(found.blocks))
            .line("alive", format!("at most {}", format::bytes(live_peak)));
        output::print(&lines.scope(&scope).finish())?;
    }
    match args.capacity.filter(|_| !ok) {
        None => Ok(()),
        Some(capacity) => Err(Failure::Capacity {
            path: args.plan.clone(),
            reached: format!(
                "no bytes are shared, but up to {} bytes were alive at once, above the capacity of \
                 {} bytes",
                format::thousands(live_peak),
                format::thousands(capacity)
            ),
            unwritten: Vec::new(),
        }),
    }
}
