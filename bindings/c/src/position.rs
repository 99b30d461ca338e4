//! Positions as text, written on the stack.
//!
//! Stands on nothing.

/// The decimal digits of a position: the name of a tensor that was given none.
pub(crate) struct Position {
    digits: [u8; Self::MOST],
    start: usize,
}

impl Position {
    /// The digits of 2^64 - 1.
    const MOST: usize = 20;

    pub(crate) fn new(mut index: usize) -> Self {
        let (mut digits, mut start) = ([b'0'; Self::MOST], Self::MOST);
        loop {
            start -= 1;
            digits[start] = b'0' + (index % 10) as u8;
            index /= 10;
            if index == 0 {
                return Self { digits, start };
            }
        }
    }
}

impl AsRef<str> for Position {
    fn as_ref(&self) -> &str {
        std::str::from_utf8(&self.digits[self.start..]).unwrap_or_default()
    }
}
