//! Lifetimes of graphs: in the order in which operators were added, or in a better one.
//!
//! Stands on `graph` and `aliasing`.

use crate::aliasing::aliasing;
use crate::boundary::get;
use crate::error::{create, orionrt_error};
use crate::graph::orionrt_graph;
use crate::handles::orionrt_lifetimes;
use crate::pointers::copy;
use crate::status::orionrt_status;

/// The lifetimes of a graph's tensors, in order of their numbers; `aliasing` is one of
/// `orionrt_aliasing`. The graph may be freed before them.
///
/// # Safety
/// `graph` is null or a live handle; `lifetimes` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_from_graph(
    graph: *const orionrt_graph,
    aliasing: u32,
    lifetimes: *mut *mut orionrt_lifetimes,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(lifetimes, error, || {
            let graph = get(graph)?;
            let aliasing = self::aliasing(aliasing)?;
            Ok(graph.build()?.lifetimes_with(aliasing))
        })
    }
}

/// The lifetimes of a graph's tensors in an order of its operators with a lower load, if one is
/// found; never a higher one. `order` gets the operator of each step, and has room for `room`
/// numbers, at least `orionrt_graph_operator_count`; it may be null. Graphs with several streams
/// keep their order.
///
/// # Safety
/// `graph` is null or a live handle; `order` is null or has room for so many numbers; `lifetimes`
/// and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_lifetimes_from_reordered_graph(
    graph: *const orionrt_graph,
    aliasing: u32,
    order: *mut usize,
    room: usize,
    lifetimes: *mut *mut orionrt_lifetimes,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        create(lifetimes, error, || {
            let graph = get(graph)?;
            let aliasing = self::aliasing(aliasing)?;
            let found = graph.build()?.reordered_with(aliasing);
            if !order.is_null() {
                copy(&found.order, order, room, "order")?;
            }
            Ok(found.graph.lifetimes_with(aliasing))
        })
    }
}
