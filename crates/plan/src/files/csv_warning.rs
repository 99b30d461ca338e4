//! What a reader of CSV leaves out, as data: the library never prints.
//!
//! Stands on nothing.

use alloc::string::String;
use core::fmt;

/// Something in a CSV file that is not planned as it is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsvWarning {
    /// A column is not known, so it is ignored.
    #[non_exhaustive]
    UnknownColumn {
        /// The column's name.
        column: String,
    },
}

impl fmt::Display for CsvWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownColumn { column } => {
                write!(f, "column '{column}' is not known and is ignored")
            }
        }
    }
}
