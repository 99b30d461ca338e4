//! Collections in a buddy arena, and the statistics of the arena: `cargo run --release --example
//! arena`.

use allocator_api2::{boxed::Box, vec::Vec};
use orionrt::{Arena, ArenaError};

fn main() -> Result<(), ArenaError> {
    let arena = Arena::builder().capacity(64 << 20).build()?;

    let mut activations: Vec<f32, &Arena> = Vec::with_capacity_in(1 << 20, &arena);
    activations.resize(1 << 20, 0.5);
    let weights = Box::new_in([1.0f32; 4096], &arena);

    // 33 MiB take 33 MiB, not the 64 MiB of the next power of two.
    let large: Vec<u8, &Arena> = Vec::with_capacity_in(33 << 20, &arena);
    println!("with three allocations:\n{}\n", arena.stats());

    drop((activations, weights, large));
    println!("with none:\n{}", arena.stats());
    Ok(())
}
