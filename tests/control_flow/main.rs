//! Control flow in graphs: branches exclude each other, loops repeat, and every path keeps what it
//! still reads.

use std::alloc::Layout;

use orionrt::{GraphBuilder, TensorId};

mod aliases;
mod lifetimes;
mod order;
mod refused;

fn tensors<const N: usize>(g: &mut GraphBuilder, names: [&str; N]) -> [TensorId; N] {
    names.map(|name| g.tensor(name, Layout::new::<[u8; 8]>()))
}
