//! The native half of the package `orionrt` for Python.
//!
//! Stands on the library, on `orionrt-models`, and on the command line's library, which draws. The
//! package in `python/orionrt` is what users import; it takes what Python has in many forms, and
//! hands it on in one.
//!
//! ```text
//! interpreter  the main interpreter alone uses the package
//! raise        exceptions with attributes
//! number       whole numbers that callers give by name
//! errors       the library's errors as exceptions
//! buffers      columns of numbers that come in, memory that is lent
//! mapping      Python's mappings, and their views
//! arrow        numbers for libraries that speak Arrow
//! column       numbers that Python reads without a copy
//! parts        lifetimes taken apart to be pickled
//! rows         tuples and mappings as lifetimes
//! reading      files that are refused, and warnings of others
//! lifetimes    when tensors are alive
//! recording    recordings of allocators as columns
//! order        the order of a model's operators
//! model_error  why a file cannot be planned as a model
//! model        a model's file as lifetimes
//! tensor       a tensor of a plan
//! output       files that are written
//! plan         a plan
//! given        plans that others made
//! search       a search without the interpreter's lock
//! progress     what a callback is told of a search
//! planning     lifetimes and limits in, a plan out
//! arena        planned memory, lent to views
//! schedule     schedules of several models
//! sharing_error  why models or a schedule were refused
//! sharing      which tensors of several models may share bytes
//! share        several models in one region
//! graph        a graph of operators, declared by names
//! tflite       plans written into TensorFlow Lite models
//! command      the command line
//! ```

// A file uses only files above it in this list.
mod interpreter;
mod raise;
mod number;
mod errors;
mod buffers;
mod mapping;
mod arrow;
mod column;
mod parts;
mod rows;
mod reading;
mod lifetimes;
mod recording;
mod order;
mod model_error;
mod model;
mod tensor;
mod output;
mod plan;
mod given;
mod search;
mod progress;
mod planning;
mod arena;
mod schedule;
mod sharing_error;
mod sharing;
mod share;
mod graph;
mod tflite;
mod command;

use pyo3::prelude::*;

/// The native half of `orionrt`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::{
        arena::{PyArena, Slot},
        column::Column,
        command::command,
        given::{check, load},
        graph::PyGraph,
        lifetimes::{PyLifetimes, read},
        model::{PyModel, dimensions, read_model},
        output::write_file,
        plan::PyPlan,
        planning::{Limits, plan, strategies},
        progress::PyProgress,
        recording::{Recorded, read_recording},
        search::PyCancel,
        share::{PySharedPlan, share},
        sharing::{SharingAnalysis, sharing},
        tensor::Tensor,
        tflite::with_offline_plan,
    };
    use crate::{interpreter::refuse_subinterpreters, mapping::register};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        refuse_subinterpreters(module.py())?;
        register::<PyPlan>(module.py())?;
        register::<PySharedPlan>(module.py())
    }
}
