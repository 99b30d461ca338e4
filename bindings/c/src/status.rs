//! The kinds of errors, each with a number that stays and a name.
//!
//! Stands on nothing. Invariant: a kind is never renumbered; new ones come at the end.

use std::ffi::{CStr, c_char};

/// What became of a call: `ORIONRT_OK`, or the kind of error. Numbers stay as they are from one
/// version to the next.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum orionrt_status {
    /// The call did what it says.
    ORIONRT_OK = 0,
    /// A pointer is null that must not be.
    ORIONRT_NULL_POINTER = 1,
    /// A number means nothing here: an unknown id, an unknown kind, a stride that is too small.
    ORIONRT_INVALID_ARGUMENT = 2,
    /// A length is larger than memory can be.
    ORIONRT_LENGTH_OVERFLOW = 3,
    /// Text is not UTF-8.
    ORIONRT_NOT_UTF8 = 4,
    /// The library has a bug, or the system refused it a thread; the message says what happened.
    ORIONRT_INTERNAL = 5,
    /// A lifetime ends before it starts.
    ORIONRT_ENDS_BEFORE_START = 10,
    /// An alignment is not a power of two up to 2^62.
    ORIONRT_BAD_ALIGNMENT = 11,
    /// All sizes together, each rounded up to its alignment, reach 2^63 bytes.
    ORIONRT_SIZE_OVERFLOW = 12,
    /// A fixed offset is not a multiple of the tensor's alignment, or leaves the first 2^63 bytes.
    ORIONRT_BAD_FIXED_OFFSET = 13,
    /// A gap is empty, leaves its lifetime, or overlaps another one.
    ORIONRT_BAD_GAP = 14,
    /// A tensor cannot lie within another one as declared.
    ORIONRT_BAD_VIEW = 15,
    /// A name is given twice.
    ORIONRT_DUPLICATE_NAME = 16,
    /// There are more tensors, operators or models than can be numbered.
    ORIONRT_TOO_MANY = 17,
    /// A window is empty, leaves its tensor or its lifetime, or has steps of a gap.
    ORIONRT_BAD_WINDOW = 18,
    /// There is not exactly one offset for each tensor.
    ORIONRT_WRONG_COUNT = 20,
    /// An offset is not a multiple of its tensor's alignment.
    ORIONRT_MISALIGNED = 21,
    /// A tensor is not at the offset that it must have: a fixed one, or its place in another one.
    ORIONRT_WRONG_PLACE = 22,
    /// A tensor ends at 2^63 bytes or above.
    ORIONRT_OUT_OF_RANGE = 23,
    /// Two tensors share bytes while both may be alive.
    ORIONRT_OVERLAP = 24,
    /// No plan within the capacity was found; see `orionrt_error_best_plan`.
    ORIONRT_OVER_CAPACITY = 30,
    /// No strategy has this name; see `orionrt_strategy_name`.
    ORIONRT_UNKNOWN_STRATEGY = 31,
    /// A strategy proposed offsets that are not a plan, which is a bug of the library.
    ORIONRT_BAD_STRATEGY = 32,
    /// A file cannot be read or written.
    ORIONRT_IO = 40,
    /// Text or a file is not what it should be; the message says where.
    ORIONRT_MALFORMED = 41,
    /// Operators and tensors do not make a graph; the message names them.
    ORIONRT_BAD_GRAPH = 50,
    /// A file is not a model that can be planned.
    ORIONRT_BAD_MODEL = 60,
    /// Sizes of a model's dimensions are missing; the message names all of them.
    ORIONRT_MISSING_DIMENSIONS = 61,
    /// The model has no dimension or input of this name, or a value does not fit the input.
    ORIONRT_UNKNOWN_NAME = 62,
    /// Models, or when they run, do not fit together.
    ORIONRT_BAD_SCHEDULE = 70,
}

/// Every status with its name.
const NAMES: &[(orionrt_status, &CStr)] = {
    use orionrt_status::*;
    &[
        (ORIONRT_OK, c"ORIONRT_OK"),
        (ORIONRT_NULL_POINTER, c"ORIONRT_NULL_POINTER"),
        (ORIONRT_INVALID_ARGUMENT, c"ORIONRT_INVALID_ARGUMENT"),
        (ORIONRT_LENGTH_OVERFLOW, c"ORIONRT_LENGTH_OVERFLOW"),
        (ORIONRT_NOT_UTF8, c"ORIONRT_NOT_UTF8"),
        (ORIONRT_INTERNAL, c"ORIONRT_INTERNAL"),
        (ORIONRT_ENDS_BEFORE_START, c"ORIONRT_ENDS_BEFORE_START"),
        (ORIONRT_BAD_ALIGNMENT, c"ORIONRT_BAD_ALIGNMENT"),
        (ORIONRT_SIZE_OVERFLOW, c"ORIONRT_SIZE_OVERFLOW"),
        (ORIONRT_BAD_FIXED_OFFSET, c"ORIONRT_BAD_FIXED_OFFSET"),
        (ORIONRT_BAD_GAP, c"ORIONRT_BAD_GAP"),
        (ORIONRT_BAD_VIEW, c"ORIONRT_BAD_VIEW"),
        (ORIONRT_DUPLICATE_NAME, c"ORIONRT_DUPLICATE_NAME"),
        (ORIONRT_TOO_MANY, c"ORIONRT_TOO_MANY"),
        (ORIONRT_BAD_WINDOW, c"ORIONRT_BAD_WINDOW"),
        (ORIONRT_WRONG_COUNT, c"ORIONRT_WRONG_COUNT"),
        (ORIONRT_MISALIGNED, c"ORIONRT_MISALIGNED"),
        (ORIONRT_WRONG_PLACE, c"ORIONRT_WRONG_PLACE"),
        (ORIONRT_OUT_OF_RANGE, c"ORIONRT_OUT_OF_RANGE"),
        (ORIONRT_OVERLAP, c"ORIONRT_OVERLAP"),
        (ORIONRT_OVER_CAPACITY, c"ORIONRT_OVER_CAPACITY"),
        (ORIONRT_UNKNOWN_STRATEGY, c"ORIONRT_UNKNOWN_STRATEGY"),
        (ORIONRT_BAD_STRATEGY, c"ORIONRT_BAD_STRATEGY"),
        (ORIONRT_IO, c"ORIONRT_IO"),
        (ORIONRT_MALFORMED, c"ORIONRT_MALFORMED"),
        (ORIONRT_BAD_GRAPH, c"ORIONRT_BAD_GRAPH"),
        (ORIONRT_BAD_MODEL, c"ORIONRT_BAD_MODEL"),
        (ORIONRT_MISSING_DIMENSIONS, c"ORIONRT_MISSING_DIMENSIONS"),
        (ORIONRT_UNKNOWN_NAME, c"ORIONRT_UNKNOWN_NAME"),
        (ORIONRT_BAD_SCHEDULE, c"ORIONRT_BAD_SCHEDULE"),
    ]
};

/// The name of a status, as it stands in this header; "unknown status" for any other number. It is
/// valid for good.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_status_name(status: i32) -> *const c_char {
    let found = NAMES.iter().find(|(one, _)| *one as i32 == status);
    found.map_or(c"unknown status", |(_, name)| *name).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_that_of_its_status_and_no_number_is_used_twice() {
        for (i, (status, name)) in NAMES.iter().enumerate() {
            assert_eq!(name.to_str(), Ok(&*format!("{status:?}")));
            assert!(
                NAMES[..i]
                    .iter()
                    .all(|(other, _)| (*other as i32) < *status as i32)
            );
        }
    }

    /// The list of names is a second one: what the first has is found in it.
    #[test]
    fn every_status_has_a_name() {
        let source = include_str!("status.rs");
        let declared = source.lines().filter_map(|line| {
            let (name, number) = line.strip_suffix(',')?.split_once(" = ")?;
            Some((name.trim(), number.parse::<i32>().ok()?))
        });
        let declared: Vec<_> = declared.collect();
        assert_eq!(declared.len(), NAMES.len());
        for (name, number) in declared {
            // SAFETY: the name of a status is a text that is valid for good.
            let found = unsafe { CStr::from_ptr(orionrt_status_name(number)) };
            assert_eq!(found.to_str(), Ok(name));
        }
    }
}
