//! What recordings with stacks need before the program's own code runs: unwind tables are found
//! outside of the allocation functions, since that allocates.
//!
//! Invariant: nothing is allocated unless stacks are asked for.

use crate::{
    environment::each_variable,
    settings::{are_read, record_stacks, record_target},
};

/// Called when the library is loaded.
extern "C" fn at_start() {
    if wants_stacks() {
        orionrt_stack::prepare();
    }
}

/// Whether stacks are asked for. Where nothing was allocated yet, settings are not read.
fn wants_stacks() -> bool {
    if are_read() {
        return record_stacks() && record_target().is_some();
    }
    const NAME: &[u8] = b"ORIONRT_RECORD_STACKS";
    let mut wants = false;
    each_variable(NAME, |name, value| {
        wants |= name == NAME && value == Some(b"1")
    });
    wants
}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = at_start;
