//! Graphs: operators in execution order with what they read and write, from which lifetimes follow.
//!
//! Stands on `declared`.

use std::ffi::c_char;

use ::orionrt_plan::{Aliasing, OpId};

use crate::boundary::{Handle, copy, free, get, get_mut, give, put_if_wanted, slice, string};
use crate::declared::{Construct, Declared, Operator, layout, next_id};
use crate::error::{ORIONRT_NONE, call, create, orionrt_error};
use crate::failure::Failure;
use crate::handles::orionrt_lifetimes;
use crate::status::orionrt_status;

/// Operators in execution order, and the tensors that each reads and writes. Free it with
/// `orionrt_graph_free`.
pub struct orionrt_graph(());

impl Handle for orionrt_graph {
    type Value = Declared;
}

/// How much sharing of bytes between the operands and results of operators is used.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum orionrt_aliasing {
    /// None: every tensor has bytes of its own, and a view is a copy.
    ORIONRT_ALIASING_OFF = 0,
    /// Views lie within the tensors that they are views of.
    ORIONRT_ALIASING_VIEWS = 1,
    /// Views, and results in place: a result takes the bytes of an operand where that is safe.
    ORIONRT_ALIASING_IN_PLACE = 2,
}

pub(crate) fn aliasing(number: u32) -> Result<Aliasing, Failure> {
    match number {
        0 => Ok(Aliasing::Off),
        1 => Ok(Aliasing::Views),
        2 => Ok(Aliasing::InPlace),
        _ => Err(Failure::invalid(
            "aliasing",
            number,
            "an orionrt_aliasing, 0 to 2",
        )),
    }
}

/// A graph without operators.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_graph_new() -> *mut orionrt_graph {
    give(Declared::default())
}

/// Changes a graph.
///
/// # Safety
/// `graph` is null or a live handle, and nobody else uses it; `error` is null or may be written to.
unsafe fn change(
    graph: *mut orionrt_graph,
    error: *mut *mut orionrt_error,
    change: impl FnOnce(&mut Declared) -> Result<(), Failure>,
) -> orionrt_status {
    // SAFETY: the caller says that the handle is there and that the error may be written to.
    unsafe { call(error, || change(get_mut(graph, "graph")?)) }
}

/// Adds a tensor of `size` bytes at a multiple of `alignment` bytes, a power of two. Its number, by
/// which operators name it, is also its position in the lifetimes; `tensor` may be null, and gets
/// `ORIONRT_NONE` after an error.
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
        call(error, || {
            put_if_wanted(tensor, ORIONRT_NONE, "tensor")?;
            let graph = get_mut(graph, "graph")?;
            let name = string(name, "name")?;
            let id = next_id(graph.tensors.len(), "tensors")?;
            let layout = layout(size, alignment).map_err(|failure| failure.at(id))?;
            graph.tensors.push((name.into(), layout));
            put_if_wanted(tensor, id, "tensor")
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
        call(error, || {
            put_if_wanted(op, ORIONRT_NONE, "op")?;
            let graph = get_mut(graph, "graph")?;
            let id = next_id(graph.operators.len(), "operators")?;
            let operator = Operator {
                name: string(name, "name")?.into(),
                reads: graph.tensors_of(slice(reads, read_count, "reads")?)?,
                writes: graph.tensors_of(slice(writes, write_count, "writes")?)?,
                ..Operator::default()
            };
            graph.operators.push(operator);
            put_if_wanted(op, id, "op")
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
    unsafe {
        change(graph, error, |graph| {
            let view = (graph.tensor(result)?, graph.tensor(of)?, offset);
            graph.operator(op)?.views.push(view);
            Ok(())
        })
    }
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
    unsafe {
        change(graph, error, |graph| {
            let pair = (graph.tensor(result)?, graph.tensor(of)?);
            graph.operator(op)?.in_place.push(pair);
            Ok(())
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
    unsafe {
        change(graph, error, |graph| {
            graph.operator(op)?.stream = stream;
            Ok(())
        })
    }
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
    unsafe {
        change(graph, error, |graph| {
            graph.operator(first)?;
            let first = graph.bound(first)?;
            graph.operator(op)?.waits.push(first);
            Ok(())
        })
    }
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
    unsafe {
        change(graph, error, |graph| {
            let body = Construct::Loop(graph.bound(first)?, graph.bound(end)?);
            graph.constructs.push(body);
            Ok(())
        })
    }
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
            let bounds = slice(bounds, count, "bounds")?;
            let bounds = bounds.iter().map(|&index| graph.bound(index));
            let bounds: Vec<OpId> = bounds.collect::<Result<_, _>>()?;
            if bounds.len() < 2 {
                let expected = "at least 2, for one branch";
                return Err(Failure::invalid("the number of bounds", count, expected));
            }
            graph.constructs.push(Construct::Branches(bounds));
            Ok(())
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
    unsafe {
        change(graph, error, |graph| {
            let tensor = graph.tensor(tensor)?;
            graph.inputs.push(tensor);
            Ok(())
        })
    }
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
    unsafe {
        change(graph, error, |graph| {
            let tensor = graph.tensor(tensor)?;
            graph.outputs.push(tensor);
            Ok(())
        })
    }
}

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
        create(lifetimes, "lifetimes", error, || {
            let graph = get(graph, "graph")?;
            let aliasing = self::aliasing(aliasing)?;
            Ok(graph.build()?.lifetimes_with(aliasing))
        })
    }
}

/// The lifetimes of a graph's tensors in an order of its operators with a lower load, if one is
/// found; never a higher one. `order` gets the operator of each step, and has room for `room`
/// numbers, at least one for each operator; it may be null. Graphs with several streams keep their
/// order.
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
        create(lifetimes, "lifetimes", error, || {
            let graph = get(graph, "graph")?;
            let aliasing = self::aliasing(aliasing)?;
            let found = graph.build()?.reordered_with(aliasing);
            if !order.is_null() {
                copy(&found.order, order, room, "order")?;
            }
            Ok(found.graph.lifetimes_with(aliasing))
        })
    }
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
