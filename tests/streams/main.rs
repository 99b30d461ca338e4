//! Operators on several streams: conflicts, plans, and runs in which the streams interleave.

mod builder;
mod contents;
mod plans;
mod threads;

use orionrt_testing::stream_programs::Program;
use proptest::prelude::*;

/// Programs of up to 40 operators on up to five streams.
fn programs() -> impl Strategy<Value = Program> {
    prop::collection::vec(any::<u8>(), 0..500).prop_map(|bytes| Program::decode(&bytes))
}
