//! `orionrt run` in a build without the inference engine: says how to get one that has it.
//!
//! Stands on [`failure`](crate::failure).

#![forbid(unsafe_code)]

use crate::failure::Failure;

pub(crate) fn run() -> Result<(), Failure> {
    Err(Failure::Usage(
        "this build has no inference engine to run models; on Linux, \
         'cargo install --path cli --features engine' makes one that has"
            .into(),
    ))
}
