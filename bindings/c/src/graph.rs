//! Graphs: operators in execution order with what they read and write, declared call by call.
//!
//! Stands on `declared`, which has what each call does.

use std::ffi::c_char;

use crate::boundary::{Handle, ask, free, give};
use crate::declared::Declared;
use crate::error::{add, change, orionrt_error};
use crate::pointers::{slice, string};
use crate::status::orionrt_status;

/// Operators in execution order, and the tensors that each reads and writes. Free it with
/// `orionrt_graph_free`.
pub struct orionrt_graph(());

impl Handle for orionrt_graph {
    const NAME: &'static str = "graph";
    type Value = Declared;
}

/// A graph without operators.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_graph_new() -> *mut orionrt_graph {
    give(Declared::default())
}

/// Adds a tensor of `size` bytes at a multiple of `alignment` bytes, a power of two up to 2^62. Its
/// number, by which operators name it, is also its position in the lifetimes; `tensor` may be null,
/// and gets `ORIONRT_NONE` after an error.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `name` is null or ends with a
/// zero byte; `tensor` and `error` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_tensor(
    graph: *mut orionrt_graph,
    name: *const c_char,
    size: u64,
    alignment: u64,
    tensor: *mut usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        add(graph, tensor, "tensor", error, |graph| {
            graph.add_tensor(string(name, "name")?, size, alignment)
        })
    }
}

/// Adds the next operator in execution order, with the tensors that it reads and writes. Its number
/// is its step in the lifetimes; `op` may be null, and gets `ORIONRT_NONE` after an error.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `name` is null or ends with a
/// zero byte; `reads` and `writes` are null or have as many tensors as stated; `op` and `error` are
/// null or may be written to.
#[unsafe(no_mangle)]
#[allow(
    clippy::too_many_arguments,
    reason = "in C, an array is a pointer and a length"
)]
pub unsafe extern "C" fn orionrt_graph_add_operator(
    graph: *mut orionrt_graph,
    name: *const c_char,
    reads: *const usize,
    read_count: usize,
    writes: *const usize,
    write_count: usize,
    op: *mut usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        add(graph, op, "op", error, |graph| {
            let reads = slice(reads, read_count, "reads")?;
            let writes = slice(writes, write_count, "writes")?;
            graph.add_operator(string(name, "name")?, reads, writes)
        })
    }
}

/// Declares that a result of an operator is a view: it has no bytes of its own, but those of the
/// operand `of` from byte `offset` on. Adds both to what the operator reads and writes.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_view(
    graph: *mut orionrt_graph,
    op: usize,
    result: usize,
    of: usize,
    offset: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.add_view(op, result, of, offset)) }
}

/// Declares that a result of an operator may take the bytes of the operand `of`, which has the same
/// size; it does if nobody needs the operand afterwards. Adds both to what the operator reads and
/// writes.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_in_place(
    graph: *mut orionrt_graph,
    op: usize,
    result: usize,
    of: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.add_in_place(op, result, of)) }
}

/// Declares that a result of an operator has the bytes of an operand, from byte `offset` of the
/// result on, as that of a concatenation along the outermost axis has. With
/// `ORIONRT_ALIASING_PARTS` the operand then lies within the result, where that is safe. Adds both
/// to what the operator reads and writes.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_part(
    graph: *mut orionrt_graph,
    op: usize,
    operand: usize,
    result: usize,
    offset: u64,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        change(graph, error, |graph| {
            graph.add_part(op, operand, result, offset)
        })
    }
}

/// Puts an operator on a stream; all are on stream 0 by default. Operators of one stream run in
/// order; those of different streams run side by side unless one waits for the other.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_set_stream(
    graph: *mut orionrt_graph,
    op: usize,
    stream: u32,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.set_stream(op, stream)) }
}

/// Makes an operator wait until another one, `first`, has ended.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_wait(
    graph: *mut orionrt_graph,
    op: usize,
    first: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.add_wait(op, first)) }
}

/// Declares that the operators from `first` up to `end`, which is not one of them, run any number
/// of times, as the body of a loop does.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_loop(
    graph: *mut orionrt_graph,
    first: usize,
    end: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.add_loop(first, end)) }
}

/// Declares that exactly one of several branches runs each time, as those of an `if` do. `bounds`
/// has the first operator of each branch and, at the end, the first one after all of them: `count`
/// numbers for `count - 1` branches.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `bounds` is null or has `count`
/// numbers; `error` is null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_branches(
    graph: *mut orionrt_graph,
    bounds: *const usize,
    count: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe {
        change(graph, error, |graph| {
            graph.add_branches(slice(bounds, count, "bounds")?)
        })
    }
}

/// Declares an input of the graph, which the caller fills before step 0. A tensor that is read and
/// never written is one anyway.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_input(
    graph: *mut orionrt_graph,
    tensor: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.add_input(tensor)) }
}

/// Declares an output of the graph, which stays alive after the last operator.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_add_output(
    graph: *mut orionrt_graph,
    tensor: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.add_output(tensor)) }
}

/// Gives up the bytes of an input: results in place may be written over it, as its value is not
/// needed after the graph has run. Without this, an input keeps its bytes as long as an operator
/// reads it.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_donate(
    graph: *mut orionrt_graph,
    input: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.donate(input)) }
}

/// Declares that an output is the new value of an input, as the present of a key-value cache is of
/// its past: both have one offset in every plan, whatever the aliasing. The lifetimes are refused
/// with `ORIONRT_BAD_GRAPH` where an operator may read the old value after the new one is written.
///
/// # Safety
/// `graph` is null or a live handle, and no other thread uses it; `error` is null or may be written
/// to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_alias_output(
    graph: *mut orionrt_graph,
    output: usize,
    input: usize,
    error: *mut *mut orionrt_error,
) -> orionrt_status {
    // SAFETY: the caller keeps what `# Safety` asks of the pointers.
    unsafe { change(graph, error, |graph| graph.alias_output(output, input)) }
}

/// How many operators a graph has; 0 for a null pointer.
///
/// # Safety
/// `graph` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_operator_count(graph: *const orionrt_graph) -> usize {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(graph, Declared::operator_count) }
}

/// Frees a graph; nothing for a null pointer.
///
/// # Safety
/// `graph` is null or a live handle, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_graph_free(graph: *mut orionrt_graph) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(graph) };
}
