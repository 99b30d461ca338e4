//! Graphs: operators in execution order, and the tensors that each reads and writes.
//!
//! A [`GraphBuilder`] collects declarations and refuses nothing; [`GraphBuilder::build`] checks all
//! of them at once and reports the first mistake. So a [`Graph`] always holds a valid execution:
//! every tensor is written before it is read, and at most once where the operators simply follow
//! each other.
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
//! which operators it waits. The caller may give up the bytes of an input (*donated*), and an
//! output may have those of an input. A tensor may say on which *device* it lies. Ranges of
//! operators may be the branches of an `If` or the body of a loop (*constructs*).

// A file uses only files above it in this list.
mod tensor;
mod op;
mod tensor_set;
mod named;
mod construct;
mod order_mistake;
mod output_alias;
mod error;
mod control_flow;
mod liveness;
mod checked;
mod declared;
mod builder;
mod paths;
mod donated;
mod build;
mod donation_by_name;
mod order;

pub use {
    crate::ids::{DeviceId, OpId},
    builder::{GraphBuilder, OpBuilder},
    checked::Graph,
    construct::{Construct, ConstructMistake},
    donation_by_name::{Donation, DonationError},
    error::{AliasMistake, GraphError},
    named::{Mention, NamedOp, NamedTensor},
    op::{InPlace, Op, Part, View},
    order_mistake::OrderMistake,
    output_alias::{OutputAlias, OutputAliasMistake},
    tensor::{Device, Tensor},
};
pub(crate) use {
    control_flow::ControlFlow,
    liveness::{Use, uses_of},
    order::Unit,
    tensor_set::TensorSet,
};
