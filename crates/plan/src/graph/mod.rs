//! Graphs: operators in execution order, and the tensors that each reads and writes.
//!
//! A [`GraphBuilder`] collects declarations and refuses nothing; [`GraphBuilder::build`] checks all
//! of them at once and reports the first mistake. So a [`Graph`] always holds a valid execution:
//! every tensor is written at most once, before it is read.
//!
//! ```text
//! step      0        1        2            operator i runs at step i
//!         relu ──► conv ──► add
//! x  ████████                              a graph input: alive from the start to its last reader
//! a  █████████████████                     written at 0, last read at 1: alive in steps 0..2
//! b           █████████████████
//! y                    ████████            a graph output: alive to the end
//! ```
//!
//! An operator may say more, which [`Graph::lifetimes`] makes use of: that a result is a *view* of
//! an operand or may take its bytes (*in place*), on which *stream* the operator runs, and for
//! which operators it waits. A tensor may say on which *device* it lies.

// A file uses only files above it in this list.
mod tensor;
mod op;
mod error;
mod checked;
mod builder;
mod build;

pub use {
    crate::ids::{DeviceId, OpId},
    builder::{GraphBuilder, OpBuilder},
    checked::Graph,
    error::{AliasMistake, GraphError, Mention, NamedOp, NamedTensor},
    op::{InPlace, Op, View},
    tensor::{Device, Tensor},
};
