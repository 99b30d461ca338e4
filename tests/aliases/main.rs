//! Tensors within others: views, results in place, parts of results, and the transfer of values to
//! them and from them.

mod refused;
mod values;
mod donated;
mod parts;
mod transfer;
mod join;
mod model;
#[cfg(feature = "files")]
mod files;

use std::alloc::Layout;

use orionrt::{GraphBuilder, TensorId};

fn bytes(size: usize, alignment: usize) -> Layout {
    Layout::from_size_align(size, alignment).unwrap()
}

/// Tensors of 8 bytes each.
fn tensors<const N: usize>(g: &mut GraphBuilder, names: [&str; N]) -> [TensorId; N] {
    names.map(|name| g.tensor(name, bytes(8, 1)))
}
