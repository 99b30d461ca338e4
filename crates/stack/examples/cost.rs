//! What a frame costs: takes the stack of a recursion of 100 calls, as often as is said, for a tool
//! that counts instructions.
//!
//! ```sh
//! cargo build --release -p orionrt-stack --example cost
//! for times in 1 1001; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/cost $times
//! done
//! ```
//!
//! The difference of the two, divided by 1,000 and by the frames that are printed, is a warm frame:
//! 62 instructions on x86-64, with those of the recursion itself. With 0 and 1 it shows that an
//! address that was not seen before costs some 4,000.

use std::hint::black_box;

#[inline(never)]
fn recurse(depth: usize, frames: &mut [usize]) -> usize {
    match depth {
        0 => orionrt_stack::capture(frames),
        _ => black_box(recurse)(depth - 1, frames) + black_box(0),
    }
}

fn main() {
    let times = std::env::args().nth(1).and_then(|text| text.parse().ok());
    orionrt_stack::prepare();
    let mut frames = [0; 256];
    let mut found = 0;
    for _ in 0..times.unwrap_or(1) {
        found = recurse(100, &mut frames);
    }
    println!("{found} frames");
}
