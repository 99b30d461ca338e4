//! Values in compressed form, in a slice of limited length.
//!
//! Stands on LZ4 (`lz4_flex`). Values are compressed in chunks, each by itself, so that two small
//! buffers are all that is needed beside the slice. In a chunk, the bytes of the values are sorted
//! by their place in the value, as for [parked tensors](orionrt::slots): neighbours often have the
//! same sign and exponent. A chunk that does not get smaller is stored as it is.
//!
//! ```text
//! values   ├────── chunk ──────┤├────── chunk ──────┤├─ chunk ─┤     the last one shorter
//! packed   │len│bytes│len│bytes│len│bytes│                           one after the other
//! ```
//!
//! Invariant: what was packed comes back bit for bit, and equal values have equal packed forms.

#![forbid(unsafe_code)]

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};

/// The values that are compressed at a time, at most.
const CHUNK: usize = 8 << 10;
const WIDTH: usize = size_of::<f32>();
/// The bytes of the length before each chunk.
const HEADER: usize = size_of::<u32>();

/// Packs values into the start of a slice; returns how many bytes they have there, or `None` if it
/// is too short.
pub fn pack(values: &[f32], packed: &mut [u8]) -> Option<usize> {
    let mut len = 0;
    let is_stored = pack_chunks(values, |bytes| {
        let to = packed.get_mut(len..len + bytes.len());
        len += bytes.len();
        to.map(|to| to.copy_from_slice(bytes)).is_some()
    });
    is_stored.then_some(len)
}

/// How many bytes values have in packed form.
pub fn packed_len(values: &[f32]) -> usize {
    let mut len = 0;
    pack_chunks(values, |bytes| {
        len += bytes.len();
        true
    });
    len
}

/// Unpacks as many values as were packed; `None` if these bytes are not those of so many values.
pub fn unpack(packed: &[u8], values: &mut [f32]) -> Option<()> {
    let mut sorted = vec![0; CHUNK.min(values.len()) * WIDTH];
    let mut rest = packed;
    for chunk in values.chunks_mut(CHUNK) {
        let (header, after) = rest.split_first_chunk::<HEADER>()?;
        let (stored, after) = after.split_at_checked(u32::from_le_bytes(*header) as usize)?;
        let sorted = &mut sorted[..chunk.len() * WIDTH];
        if stored.len() == sorted.len() {
            sorted.copy_from_slice(stored);
        } else if decompress_into(stored, sorted).ok()? != sorted.len() {
            return None;
        }
        unsort(sorted, chunk);
        rest = after;
    }
    rest.is_empty().then_some(())
}

/// Hands the packed form on, piece by piece, until a piece is refused; returns whether none was.
fn pack_chunks(values: &[f32], mut take: impl FnMut(&[u8]) -> bool) -> bool {
    let longest = CHUNK.min(values.len()) * WIDTH;
    let mut sorted = vec![0; longest];
    let mut packed = vec![0; get_maximum_output_size(longest)];
    let mut table = CompressTable::small();
    values.chunks(CHUNK).all(|chunk| {
        let sorted = &mut sorted[..chunk.len() * WIDTH];
        sort(chunk, sorted);
        let packed_len = compress_into_with_table(sorted, &mut packed, &mut table).ok();
        let stored = match packed_len.filter(|&len| len < sorted.len()) {
            Some(len) => &packed[..len],
            None => sorted,
        };
        take(&(stored.len() as u32).to_le_bytes()) && take(stored)
    })
}

/// The first bytes of all values, then the second ones, ...
fn sort(values: &[f32], sorted: &mut [u8]) {
    let count = values.len();
    for (i, value) in values.iter().enumerate() {
        for (place, byte) in value.to_ne_bytes().into_iter().enumerate() {
            sorted[place * count + i] = byte;
        }
    }
}

/// Undoes [`sort`].
fn unsort(sorted: &[u8], values: &mut [f32]) {
    let count = values.len();
    for (i, value) in values.iter_mut().enumerate() {
        *value = f32::from_ne_bytes([0, 1, 2, 3].map(|place| sorted[place * count + i]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::random::{Rng, uniform};

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn packed_values_come_back_bit_for_bit(
            bits_of in proptest::collection::vec(any::<u32>(), 0..300),
            copies in 1usize..60,
        ) {
            let values: Vec<f32> = bits_of.iter().map(|&bits| f32::from_bits(bits)).collect();
            let values = values.repeat(copies);
            let len = packed_len(&values);
            let mut packed = vec![0; len + 3];
            prop_assert_eq!(pack(&values, &mut packed), Some(len));
            let mut back = vec![0.0; values.len()];
            prop_assert_eq!(unpack(&packed[..len], &mut back), Some(()));
            prop_assert_eq!(bits(&back), bits(&values));
            // One byte less is refused, to pack and to unpack.
            if len > 0 {
                prop_assert_eq!(pack(&values, &mut packed[..len - 1]), None);
                prop_assert_eq!(unpack(&packed[..len - 1], &mut back), None);
            }
        }

        #[test]
        fn any_bytes_are_unpacked_or_refused(packed: Vec<u8>, count in 0usize..100) {
            let _ = unpack(&packed, &mut vec![0.0; count]);
        }
    }

    #[test]
    fn values_that_are_half_zeros_get_smaller_and_random_bits_hardly_larger() {
        let mut values = uniform(&mut Rng::with_seed(1), 20_000, 1.0);
        let most = 4 * 20_000 + 3 * HEADER;
        assert!(packed_len(&values) <= most);
        values.iter_mut().for_each(|value| *value = value.max(0.0));
        assert!(
            packed_len(&values) < most * 9 / 10,
            "{}",
            packed_len(&values)
        );
    }
}
