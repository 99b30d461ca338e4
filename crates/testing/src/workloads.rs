//! A small program of ordinary vectors, for tests of global allocators: what it computes tells
//! whether its memory was its own.

/// `len` numbers that no other seed below 2^32 gives.
pub fn filled(len: usize, seed: u64) -> Vec<u64> {
    (0..len as u64).map(|i| seed << 32 ^ i).collect()
}

/// Panics unless these are the numbers of [`filled`].
pub fn assert_filled(numbers: &[u64], seed: u64) {
    let mut pairs = numbers.iter().zip(0..);
    assert!(pairs.all(|(&number, i)| number == seed << 32 ^ i));
}

/// Runs some layers, each from a vector into a new one of its length, by way of one half as long.
/// Returns a checksum of the last one. Each layer allocates three vectors.
pub fn network(width: usize, layers: usize) -> u64 {
    let mut x = filled(width, 1);
    for layer in 0..layers {
        let y: Vec<u64> = x.iter().map(|x| x.wrapping_mul(31) + 1).collect();
        let half: Vec<u64> = y.chunks(2).map(|pair| pair[0] ^ layer as u64).collect();
        x = y
            .iter()
            .zip(half.iter().cycle())
            .map(|(y, h)| y ^ h)
            .collect();
    }
    x.iter().fold(0, |sum, x| sum.rotate_left(3) ^ x)
}
