//! `orionrt fit`: a model in less memory than its peak, for added time.
//!
//! ```text
//! costs_error  what can be wrong with a file of costs
//! costs_file   a file of costs → the seconds of each operator
//! costs        where the times of operators come from
//! weights      where the weights are, if they are tensors
//! asked        what is asked for, as the library's `Fit`
//! absences     when tensors are out of the fast memory, and how they come back
//! smallest     the smallest capacity that is known to work
//! curve        what each capacity costs, from the peak down
//! curve_picture  the curve as SVG
//! schedule     the schedule as a file that an executor follows
//! files        the files that were asked for
//! show         the result as text and as JSON
//! command      the verb
//! ```

// A file uses only files above it in this list.
mod costs_error;
mod costs_file;
mod costs;
mod weights;
mod asked;
mod absences;
mod smallest;
mod curve;
mod curve_picture;
mod schedule;
mod files;
mod show;
mod command;

pub(crate) use command::fit;
