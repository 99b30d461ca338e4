//! How much tensors may share bytes with the operands that they come from.
//!
//! Stands on `failure`.

use ::orionrt_plan::Aliasing;

use crate::failure::Failure;

/// How much sharing of bytes between the operands and results of operators is used.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum orionrt_aliasing {
    /// None: every tensor has bytes of its own, and a view is a copy.
    ORIONRT_ALIASING_OFF = 0,
    /// Views lie within the tensors that they are views of.
    ORIONRT_ALIASING_VIEWS = 1,
    /// Views, and results in place: a result takes the bytes of an operand where that is safe.
    ORIONRT_ALIASING_IN_PLACE = 2,
    /// Views, results in place, and parts: an operand of a concatenation lies in its result from
    /// its write on, where that is safe, and need not be copied. It is for executors that go by
    /// offsets. Parts raise no load, but tie offsets to each other: where the lower peak counts,
    /// plan with `ORIONRT_ALIASING_IN_PLACE`, too.
    ORIONRT_ALIASING_PARTS = 3,
}

pub(crate) fn aliasing(number: u32) -> Result<Aliasing, Failure> {
    match number {
        0 => Ok(Aliasing::Off),
        1 => Ok(Aliasing::Views),
        2 => Ok(Aliasing::InPlace),
        3 => Ok(Aliasing::Parts),
        _ => Err(Failure::invalid(
            "aliasing",
            number,
            "an orionrt_aliasing, 0 to 3",
        )),
    }
}
