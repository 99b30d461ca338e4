//! The lowest gap between taken bytes that holds a buffer.
//!
//! Stands on nothing. `occupancy_tree.rs` has a cursor that does the same for many sets at once.
//!
//! ```text
//! taken      ██░░████░░░██        the lowest gap of two bytes is at 2, of three bytes at 8
//!              ^^    ^^^
//! ```

use core::ops::Range;

/// The lowest multiple of a power of two that is at least `offset`. Saturates instead of
/// overflowing.
pub(crate) const fn align_up(offset: u64, alignment: u64) -> u64 {
    offset.saturating_add(alignment - 1) & !(alignment - 1)
}

/// The lowest multiple of `alignment`, from `from` on, at which `size` bytes avoid all of `taken`.
/// `from` is a multiple of `alignment`, and `taken` ascends by start.
pub(crate) fn first_gap(taken: &[Range<u64>], from: u64, size: u64, alignment: u64) -> u64 {
    let mut offset = from;
    for bytes in taken {
        if bytes.start >= offset.saturating_add(size) {
            break;
        }
        offset = offset.max(align_up(bytes.end, alignment));
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_gap_is_large_enough_and_aligned() {
        let taken = [0..3, 1..2, 8..9, 16..20];
        assert_eq!(first_gap(&taken, 0, 5, 1), 3);
        assert_eq!(first_gap(&taken, 0, 5, 2), 10);
        assert_eq!(first_gap(&taken, 0, 4, 4), 4);
        assert_eq!(first_gap(&taken, 0, 8, 1), 20);
        assert_eq!(first_gap(&[], 0, 8, 4), 0);
        assert_eq!(first_gap(&taken, 8, 2, 4), 12);
    }

    #[test]
    fn aligning_up_saturates() {
        assert_eq!(align_up(5, 4), 8);
        assert_eq!(align_up(u64::MAX, 8), u64::MAX - 7);
    }
}
