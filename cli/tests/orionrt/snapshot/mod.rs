//! PyTorch's memory snapshots as input of `orionrt plan`, and as its output.
//!
//! ```text
//! value      values of a snapshot, written as JSON and as a pickle by two writers
//! allocator  a caching allocator that tells its events and state as PyTorch does, and the truth
//! numbers    what is read equals the truth
//! report     what is said beside the plan
//! refused    files and options that are refused
//! python     files of Python's own pickle, where there is python3
//! written    a plan as a snapshot, read again
//! ```

// A file uses only files above it in this list.
mod value;
mod allocator;
mod numbers;
mod report;
mod refused;
mod python;
mod written;
