//! What `orionrt check` says of what it has checked: what was verified, what was not, and whether
//! it fits.
//!
//! Stands on [`input`](crate::input). Invariant: what was not verified stands beside what was.

#![forbid(unsafe_code)]

use serde::Serialize;

use crate::{
    args::CheckArgs,
    failure::Failure,
    format::{self, Lines},
    input::{CheckedBlocks, OfRecording, Verified},
};

/// What was verified, and what was not, in words.
#[derive(Serialize)]
pub(super) struct Scope {
    pub(super) verified: Vec<String>,
    pub(super) not_verified: Vec<String>,
}

/// What was verified of a plan, and what was not.
pub(super) fn scope(verified: Option<&Verified>) -> Scope {
    let Some(of) = verified else {
        return Scope {
            verified: vec![
                "no two live tensors share a byte".into(),
                "offsets are aligned".into(),
            ],
            not_verified: vec![
                "whether names, sizes and lifetimes are those of a model (--model MODEL)".into(),
            ],
        };
    };
    let alignment = format::count(of.alignment, "byte");
    let mut checked = vec![
        format!(
            "all {} with names, sizes and lifetimes in the order of {}",
            format::count(of.tensors as u64, "tensor"),
            format::count(of.operators as u64, "operator")
        ),
        format!("offsets are multiples of {alignment}; no two live tensors share a byte"),
    ];
    if of.within > 0 {
        let within = format::count(of.within as u64, "tensor");
        checked.push(format!("{within} within others, as the model allows"));
    }
    let mut not_verified = Vec::new();
    if of.limits.left_out > 0 {
        let left_out = format::thousands(of.limits.left_out as u64);
        not_verified.push(format!("{left_out} left out of the plan"));
    }
    if of.limits.bounds > 0 {
        let bounds = format::count(of.limits.bounds as u64, "size");
        not_verified.push(format!("that data keep to {bounds} given as bounds"));
    }
    not_verified.push("that the executor keeps to order and aliasing".into());
    Scope {
        verified: checked,
        not_verified,
    }
}

impl Lines {
    /// The lines about what was verified and what was not.
    pub(super) fn scope(self, scope: &Scope) -> Self {
        let lines = self.line("verified", scope.verified.join("; "));
        if scope.not_verified.is_empty() {
            return lines;
        }
        lines.line("not verified", scope.not_verified.join("; "))
    }
}

/// An error if a peak is above the capacity.
pub(super) fn fits(args: &CheckArgs, peak: u64) -> Result<(), Failure> {
    match args.capacity.filter(|capacity| peak > *capacity) {
        None => Ok(()),
        Some(capacity) => Err(Failure::Capacity {
            path: args.plan.clone(),
            reached: format!(
                "the plan is valid, but its peak of {} bytes is above the capacity of {} bytes",
                format::thousands(peak),
                format::thousands(capacity)
            ),
            unwritten: Vec::new(),
        }),
    }
}

pub(super) fn verdict(fits: bool) -> &'static str {
    if fits { "ok" } else { "valid, but too large" }
}

impl Scope {
    /// Of a plan of a process's blocks.
    pub(super) fn of_recording(of: &OfRecording) -> Self {
        let blocks = format::count(of.blocks, "block");
        let others = (of.others > 0).then(|| {
            let [others, bytes] = [
                format::count(of.others, "block"),
                format::short_bytes(of.other_bytes),
            ];
            format!("{others} of {bytes} that the plan leaves out")
        });
        Self {
            verified: vec![
                format!("all {blocks} with the sizes, alignments and lifetimes of the recording"),
                "no two live blocks share a byte".into(),
            ],
            not_verified: others.into_iter().chain(lost(of.lost)).collect(),
        }
    }

    /// Of the addresses in a recording.
    pub(super) fn of_blocks(of: &CheckedBlocks) -> Self {
        let threads = format::count(of.threads as u64, "thread");
        let unseen = (of.unseen_ends > 0).then(|| {
            let blocks = format::count(of.unseen_ends, "block");
            format!("{blocks} whose end may be lost, in whose place others began")
        });
        Self {
            verified: vec![
                format!("no two live blocks of {threads} share a byte"),
                "addresses are aligned as they were asked for".into(),
            ],
            not_verified: unseen.into_iter().chain(lost(of.lost)).collect(),
        }
    }
}

fn lost(events: u64) -> Option<String> {
    (events > 0).then(|| {
        let events = format::count(events, "event");
        format!("{events} that the recording has lost")
    })
}
