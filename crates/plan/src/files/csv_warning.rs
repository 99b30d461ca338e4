//! What a reader of CSV leaves out, as data: the library never prints.
//!
//! Stands on the positions of errors.

use alloc::string::String;
use core::fmt;

use super::error::FilePosition;

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
    /// Gaps have windows, MiniMalloc's way to say which bytes of a tensor are needed in a gap.
    /// Windows are not planned: the whole tensor counts as alive in these gaps.
    #[non_exhaustive]
    GapWindows {
        /// The first such gap.
        value: String,
        /// Where that is.
        position: FilePosition,
        /// How many there are.
        count: u64,
    },
}

impl fmt::Display for CsvWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownColumn { column } => {
                write!(f, "column '{column}' is not known and is ignored")
            }
            Self::GapWindows {
                value,
                position,
                count,
            } => write!(
                f,
                "windows of gaps are not planned: in {count} of the gaps (first '{value}' at \
                 {position}) the whole tensor counts as alive"
            ),
        }
    }
}
