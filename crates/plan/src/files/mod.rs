//! Lifetimes and plans in files: CSV, JSON, and source text. Needs the feature `files`.
//!
//! | format | reads | writes | holds |
//! | --- | --- | --- | --- |
//! | CSV | [`Lifetimes::read_csv`] | [`Lifetimes::write_csv`] | tensors with bytes of their own |
//! | CSV | [`Plan::read_csv`] | [`Plan::write_csv`], [`Plan::write_csv_like`] | and their offsets |
//! | JSON | [`Plan::read_json`] | [`Plan::write_json`] | a whole plan, views included |
//! | Rust | | [`Plan::write_rust`], [`PlanSource`] | offsets as constants, to be compiled |
//! | C, C++ | | [`Plan::write_c_header`], [`PlanSource`] | offsets as macros, to be compiled |
//! | CSV | [`RegionPlan::read_csv`] | [`RegionPlan::write_csv`] | a plan in several regions |
//! | JSON | [`RegionPlan::read_json`] | [`RegionPlan::write_json`] | and its views and limit |
//! | idealloc's `.plc` | [`Lifetimes::read_plc`] | | tensors with bytes of their own |
//!
//! CSV as other tools write it has columns of other names or with more than is planned:
//! [`Lifetimes::read_csv_with_warnings`] names what is left out, and [`CsvTable`] has these
//! columns, too. [`detect`] tells what a file of another kind looks like.
//!
//! A file is checked like anything else that comes from outside: lifetimes by
//! [`Lifetimes::from_named`], offsets by [`Plan::new`]. A [`FileError`] says what is wrong, at
//! which line or tensor, and what was expected.
//!
//! ```
//! use orionrt_plan::{files::FilePosition, Lifetimes};
//!
//! let text = "id,lower,upper,size\nconv1,0,2,1024\nconv2,1,x,2048\n";
//! let error = Lifetimes::read_csv(text.as_bytes()).unwrap_err();
//! assert_eq!(error.position, FilePosition::Line(3));
//! assert!(error.to_string().starts_with("line 3: upper is 'x', expected a whole number"));
//! ```
//!
//! **To add a format**, add a file to this directory. It has an `impl Lifetimes` or an `impl Plan`
//! with `read_…` and `write_…`, hands what it has parsed to the two constructors above, and reports
//! mistakes as [`FileError`]. `json` is the shortest example. The command line chooses the format
//! by a file's extension in `cli/src/input`.

// A file uses only files above it in this list.
mod kind;
mod error;
mod csv_warning;
mod csv_fields;
mod csv_columns;
mod csv_gaps;
mod csv_rows;
mod csv_table;
mod csv_reader;
mod csv_writer;
mod csv_regions;
mod json;
mod json_regions;
mod plc;
mod source;

#[cfg(doc)]
use crate::{Lifetimes, Plan, plan::RegionPlan};
pub(crate) use csv_writer::write_rows;
pub use {
    csv_table::CsvTable,
    csv_warning::CsvWarning,
    error::{FileError, FileMistake, FilePosition},
    kind::{FileKind, detect},
    source::PlanSource,
};
