//! What an alignment may be.
//!
//! Stands on `failure`.

use crate::failure::Failure;
use crate::status::orionrt_status::ORIONRT_BAD_ALIGNMENT;

/// The largest alignment: offsets and sizes are below twice as many bytes.
const MOST: u64 = 1 << 62;

/// Checks that an alignment is one that a tensor can have.
pub(crate) fn check_alignment(alignment: u64) -> Result<(), Failure> {
    if alignment.is_power_of_two() && alignment <= MOST {
        return Ok(());
    }
    let message = format!("alignment {alignment} is not a power of two up to 2^62 (1, 2, 4, ...)");
    Err(Failure::new(ORIONRT_BAD_ALIGNMENT, message))
}
