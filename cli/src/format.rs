//! Numbers and labelled lines for people.
//!
//! Stands on [`escape`](crate::escape). Invariant: where a size is a result, its exact bytes stand
//! beside the rounded number; a title or a value is one line, whatever names it has.

#![forbid(unsafe_code)]

use std::{fmt::Write, time::Duration};

use crate::escape::printable;

/// `1234567` → `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1, "model"` → `1 model`; `1234, "model"` → `1,234 models`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// `9633792` → `9.19 MiB`; three significant digits.
pub(crate) fn short_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    // What would round to 1024 of a unit is shown as 1 of the next.
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// `9633792` → `9.19 MiB (9,633,792 bytes)`.
pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    format!("{} ({} bytes)", short_bytes(bytes), thousands(bytes))
}

/// A bar for `bytes`, to an eighth of a letter; `full` bytes are `longest` letters.
pub(crate) fn bar(bytes: u64, full: u64, longest: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let share = bytes as f64 / full.max(1) as f64;
    let eighths = (share * (longest * 8) as f64).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

/// Three significant digits in the unit that fits.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

/// Milliseconds for JSON, to the microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// A title and lines of a label and a value, one below the other.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    text: String,
}

impl Lines {
    pub(crate) fn title(mut self, title: impl AsRef<str>) -> Self {
        self.text.push_str(&printable(title.as_ref()));
        self.text.push('\n');
        self
    }

    /// Lines that are complete and printable.
    pub(crate) fn block(mut self, lines: &str) -> Self {
        self.text.push_str(lines);
        self
    }

    pub(crate) fn line(mut self, label: &str, value: impl AsRef<str>) -> Self {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  {label:<13} {}", printable(value.as_ref()));
        self
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let texts = [0, 999, 1000, 1_234_567, u64::MAX].map(thousands);
        let expected = [
            "0",
            "999",
            "1,000",
            "1,234,567",
            "18,446,744,073,709,551,615",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_title_or_a_value_is_one_line() {
        let lines = Lines::default().title("a\nb").line("c", "d\u{1b}\ne");
        let text = lines.block("f\n").finish();
        assert_eq!(text, "a\\nb\n  c             d\\u{1b}\\ne\nf\n");
    }

    #[test]
    fn only_one_is_singular() {
        let counts = [0, 1, 2, 1000].map(|number| count(number, "model"));
        assert_eq!(counts, ["0 models", "1 model", "2 models", "1,000 models"]);
    }

    #[test]
    fn sizes_have_three_digits_and_their_unit() {
        let sizes = [
            0,
            1023,
            1024,
            1536,
            10 << 10,
            102_400,
            1_048_000,
            1_048_570,
            1 << 20,
            9_633_792,
            u64::MAX,
        ];
        let expected = [
            "0 B", "1023 B", "1.00 KiB", "1.50 KiB", "10.0 KiB", "100 KiB", "1023 KiB", "1.00 MiB",
            "1.00 MiB", "9.19 MiB", "16.0 EiB",
        ];
        assert_eq!(sizes.map(short_bytes), expected);
        assert_eq!(bytes(9_633_792), "9.19 MiB (9,633,792 bytes)");
        assert_eq!(bytes(12), "12 bytes");
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(80, 80, 40), "█".repeat(40));
        assert_eq!(bar(1, 80, 40), "▌");
        assert_eq!(bar(3, 80, 40), "█▌");
        assert_eq!(
            (bar(0, 80, 40), bar(0, 0, 40)),
            (String::new(), String::new())
        );
    }

    #[test]
    fn times_have_three_digits_and_their_unit() {
        let times = [
            0,
            1_500,
            999_000,
            12_340_000,
            1_000_000_000,
            123_456_000_000,
        ];
        let expected = ["0.00 µs", "1.50 µs", "999 µs", "12.3 ms", "1.00 s", "123 s"];
        assert_eq!(times.map(|ns| duration(Duration::from_nanos(ns))), expected);
    }
}
