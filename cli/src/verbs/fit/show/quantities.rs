//! Seconds, speeds and percent for people.
//!
//! Stands on [`format`](crate::format). Plain text.

#![forbid(unsafe_code)]

use std::time::Duration;

use crate::format;

/// `0.00123` → `1.23 ms`
pub(super) fn seconds(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) => format::duration(time),
        Err(_) => format!("{seconds:.2e} s"),
    }
}

/// `1.6e9, "B/s"` → `1.60 GB/s`; three significant digits, in powers of 1000.
pub(super) fn rate(rate: f64, unit: &str) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    let (mut value, mut at) = (rate, 0);
    while value >= 999.5 && at + 1 < UNITS.len() {
        value /= 1000.0;
        at += 1;
    }
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}{unit}", UNITS[at])
}

/// `4.13` → `4.1 %`; what rounds to nothing and is not is `<0.1 %`.
pub(super) fn percent(percent: Option<f64>) -> String {
    match percent {
        None => "more than 100 %".into(),
        Some(percent) if percent > 0.0 && percent < 0.05 => "<0.1 %".into(),
        Some(percent) => format!("{percent:.1} %"),
    }
}

/// A part of a whole, in percent.
pub(super) fn share(part: u64, whole: u64) -> String {
    percent(Some(100.0 * part as f64 / whole.max(1) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_three_digits_and_a_unit() {
        let rates = [1.6e9, 999.6e6, 12.0, 5e13].map(|of| rate(of, "B/s"));
        assert_eq!(rates, ["1.60 GB/s", "1.00 GB/s", "12.0 B/s", "50.0 TB/s"]);
        assert_eq!([0.00123, 1e300].map(seconds), ["1.23 ms", "1.00e300 s"]);
        let percents = [Some(4.13), Some(0.0), Some(0.01), Some(250.0), None].map(percent);
        assert_eq!(
            percents,
            ["4.1 %", "0.0 %", "<0.1 %", "250.0 %", "more than 100 %"]
        );
        assert_eq!([share(1, 4), share(0, 0)], ["25.0 %", "0.0 %"]);
    }
}
