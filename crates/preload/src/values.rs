//! Values of settings: times and numbers of bytes, as people write them.
//!
//! Invariant: nothing here allocates.

use core::{str, time::Duration};

/// A time, as `500ms` or `10s`.
pub(crate) fn period(value: &[u8]) -> Option<Duration> {
    Some(match value.strip_suffix(b"ms") {
        Some(number) => Duration::from_millis(integer(number)?),
        None => Duration::from_secs(integer(value.strip_suffix(b"s")?)?),
    })
}

/// A number of bytes, as `4096`, `512K`, `512M` or `2G`.
pub(crate) fn bytes(value: &[u8]) -> Option<usize> {
    let (number, unit) = match value.split_last()? {
        (b'K', number) => (number, 1 << 10),
        (b'M', number) => (number, 1 << 20),
        (b'G', number) => (number, 1 << 30),
        _ => (value, 1),
    };
    usize::try_from(integer(number)?.checked_mul(unit)?).ok()
}

/// A number without a sign.
pub(crate) fn integer(digits: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(digits).ok()?;
    // `parse` takes a sign, too.
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}
