//! Columns: lists of numbers, each in as few bytes as the largest one needs.
//!
//! A column stores `(number - base) / scale`, or the differences between neighbours where those
//! need fewer bytes. Invariant: a reader with doubles gets the exact numbers back.

#![forbid(unsafe_code)]

use std::ops::Not;

use serde::Serialize;

/// Each column begins at a multiple of so many bytes.
pub(super) const ALIGNMENT: usize = 8;
/// Doubles hold every integer up to this one, and no reader takes another one for it.
const MOST: u64 = (1 << 53) - 1;

/// A number that a page cannot hold.
#[derive(Debug, thiserror::Error)]
#[error("{0} is beyond 2^53 - 1, the most that a page can show")]
pub(crate) struct TooLarge(i128);

/// A column in the header of a document.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Column {
    #[serde(rename = "type")]
    kind: Kind,
    at: usize,
    count: usize,
    #[serde(skip_serializing_if = "is_one")]
    scale: u64,
    #[serde(skip_serializing_if = "is_zero")]
    base: i64,
    #[serde(skip_serializing_if = "Not::not")]
    delta: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_one(scale: &u64) -> bool {
    *scale == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(base: &i64) -> bool {
    *base == 0
}

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    U8,
    U16,
    U32,
    F64,
}

/// The bytes of all columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    bytes: Vec<u8>,
}

impl Columns {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a column of bytes.
    pub(super) fn add_bytes(&mut self, bytes: &[u8]) -> Column {
        let at = self.begin();
        self.bytes.extend(bytes);
        Column::new(Kind::U8, at, bytes.len())
    }

    /// Adds a column of numbers.
    pub(super) fn add<N>(
        &mut self,
        numbers: impl IntoIterator<Item = N>,
    ) -> Result<Column, TooLarge>
    where
        N: Copy + TryInto<i64> + Into<i128>,
    {
        let numbers = numbers.into_iter().map(exact);
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
        let base = numbers.iter().copied().min().unwrap_or(0);
        let above = |number: &i64| number.abs_diff(base);
        let scale = numbers.iter().map(above).fold(0, gcd).max(1);
        let stored: Vec<u64> = numbers.iter().map(|number| above(number) / scale).collect();
        let steps = differences(&stored);
        let (plain, coded) = (kind_of(&stored), kind_of(&steps));
        let is_exact = numbers.iter().map(above).max() <= Some(MOST);
        let at = self.begin();
        if !is_exact || plain.min(coded) == Kind::F64 {
            let bytes = numbers.iter().map(|&number| (number as f64).to_le_bytes());
            self.bytes.extend(bytes.flatten());
            return Ok(Column::new(Kind::F64, at, numbers.len()));
        }
        let delta = coded < plain;
        let kind = plain.min(coded);
        for number in if delta { steps } else { stored } {
            self.bytes.extend(&number.to_le_bytes()[..kind.bytes()]);
        }
        Ok(Column {
            scale,
            base,
            delta,
            ..Column::new(kind, at, numbers.len())
        })
    }

    fn begin(&mut self) -> usize {
        let at = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(at, 0);
        at
    }
}

impl Column {
    /// A column of numbers as they are.
    fn new(kind: Kind, at: usize, count: usize) -> Self {
        Self {
            kind,
            at,
            count,
            scale: 1,
            base: 0,
            delta: false,
        }
    }
}

impl Kind {
    /// The bytes of a number.
    fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::F64 => 8,
        }
    }
}

/// The number, if a double holds it exactly.
pub(super) fn exact<N: Copy + TryInto<i64> + Into<i128>>(number: N) -> Result<i64, TooLarge> {
    let exact = number.try_into().ok();
    exact
        .filter(|number: &i64| number.unsigned_abs() <= MOST)
        .ok_or(TooLarge(number.into()))
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The differences of neighbours, the first one's from zero, so that small ones of either sign are
/// small numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
fn differences(numbers: &[u64]) -> Vec<u64> {
    let before = std::iter::once(&0).chain(numbers);
    let pairs = numbers.iter().zip(before);
    // All are below 2^54.
    let zigzag = |difference: i64| ((difference << 1) ^ (difference >> 63)) as u64;
    pairs
        .map(|(&number, &before)| zigzag(number as i64 - before as i64))
        .collect()
}

fn kind_of(numbers: &[u64]) -> Kind {
    match numbers.iter().max() {
        None | Some(0..=0xff) => Kind::U8,
        Some(0x100..=0xffff) => Kind::U16,
        Some(0x1_0000..=0xffff_ffff) => Kind::U32,
        Some(_) => Kind::F64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader of the format gets.
    fn read(columns: &Columns, column: &Column) -> Vec<f64> {
        let bytes = &columns.bytes()[column.at..];
        let width = column.kind.bytes();
        let mut sum = 0.0;
        let number = |bytes: &[u8]| match column.kind {
            Kind::F64 => f64::from_le_bytes(bytes.try_into().unwrap()),
            _ => bytes
                .iter()
                .rev()
                .fold(0.0, |sum, &b| sum * 256.0 + f64::from(b)),
        };
        let stored = bytes.chunks_exact(width).take(column.count).map(number);
        let stored = stored.map(|stored| {
            if !column.delta {
                return stored;
            }
            let stored = stored as u64;
            let half = (stored >> 1) as f64;
            sum += if stored & 1 == 1 { -half - 1.0 } else { half };
            sum
        });
        stored
            .map(|stored| column.base as f64 + column.scale as f64 * stored)
            .collect()
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            numbers in proptest::collection::vec(1 - (1i64 << 53)..1 << 53, 0..20),
            shift in 0..53,
            others in proptest::collection::vec(0u64..100, 0..40),
        ) {
            let mut columns = Columns::default();
            let shifted: Vec<i64> = numbers.iter().map(|number| number >> shift).collect();
            let wide = columns.add(shifted.iter().copied()).unwrap();
            let scaled: Vec<u64> = others.iter().map(|number| 4096 * number + 64).collect();
            let narrow = columns.add(scaled.iter().copied()).unwrap();
            prop_assert_eq!(wide.at % ALIGNMENT, 0);
            prop_assert_eq!(narrow.kind, Kind::U8);
            let expected: Vec<f64> = shifted.iter().map(|&number| number as f64).collect();
            prop_assert_eq!(read(&columns, &wide), expected);
            let expected: Vec<f64> = scaled.iter().map(|&number| number as f64).collect();
            prop_assert_eq!(read(&columns, &narrow), expected);
        }
    }

    #[test]
    fn numbers_that_rise_by_little_take_a_byte_each() {
        let mut columns = Columns::default();
        let column = columns.add((0..100_000i64).map(|i| i + i % 3)).unwrap();
        assert_eq!((column.kind, column.delta), (Kind::U8, true));
        assert_eq!(columns.bytes().len(), 100_000);
    }

    #[test]
    fn a_number_that_no_double_holds_is_refused_by_name() {
        let mut columns = Columns::default();
        assert!(columns.add([(1u64 << 53) - 1]).is_ok() && columns.add([1u64 << 53]).is_err());
        let message = columns.add([u64::MAX]).unwrap_err().to_string();
        assert!(message.contains("18446744073709551615"), "{message}");
        assert!(columns.add([i64::MIN]).is_err());
    }
}
