//! What can be wrong with a file of costs.
//!
//! Stands on nothing. Invariant: a message names the place (the line, if it has one), what is
//! there, and what was expected.

#![forbid(unsafe_code)]

/// Why a file does not give each operator of a model its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum CostsError {
    /// It is not text.
    #[error("byte {at} is not UTF-8 text, expected CSV or JSON")]
    NotText { at: usize },
    /// The first line does not name the columns.
    #[error(
        "line 1 has the columns '{found}', expected 'operator' and one of {}",
        TIMES.map(|(name, _)| format!("'{name}'")).join(", ")
    )]
    Columns { found: String },
    /// A line is not CSV, or lacks a field.
    #[error("line {line}: {reason}")]
    Row { line: u64, reason: String },
    /// It begins like JSON and is not.
    #[error(
        "line {line}: not the JSON that was expected, {{\"operator\": seconds, ...}}: {reason}"
    )]
    Json { line: u64, reason: String },
    /// A time is not one.
    #[error(
        "line {line}: the time of operator '{operator}' is '{found}', expected a number that is \
         not negative and at most {MOST_SECONDS:e} seconds"
    )]
    Time {
        line: u64,
        operator: String,
        found: String,
    },
    /// The model has no such operator.
    #[error(
        "line {line}: '{operator}' is not an operator of the model; similar names: {}",
        near.join(", ")
    )]
    Unknown {
        line: u64,
        operator: String,
        near: Vec<String>,
    },
    /// An operator is there twice.
    #[error("line {line}: operator '{operator}' has a time in line {first} already")]
    Twice {
        line: u64,
        operator: String,
        first: u64,
    },
    /// Operators of the model are not there.
    #[error(
        "{count} of {of} operators of the model have no time; the first: {}",
        first.join(", ")
    )]
    Missing {
        count: usize,
        of: usize,
        first: Vec<String>,
    },
}

/// No operator takes longer, in seconds: the sum of all times is then finite.
pub(super) const MOST_SECONDS: f64 = 1e12;

/// The columns that have times, and the seconds of their units.
pub(super) const TIMES: [(&str, f64); 4] = [
    ("seconds", 1.0),
    ("milliseconds", 1e-3),
    ("microseconds", 1e-6),
    ("nanoseconds", 1e-9),
];
