//! What an operator of TensorFlow Lite computes, counted from the shapes of its operands and
//! results.
//!
//! Stands on `work` and `reader`. The operands are those of the public schema. Invariant: an
//! operator that is not known counts its elements, and counts as not repeatable.

use super::call::Call;
use super::reader::Reader;
use crate::error::ModelError;
use crate::program::ValueId;
use crate::work::{OperatorWork, elements, for_each, product};

/// The shapes of an operator's operands and results; `None` where a size is not known.
struct Shapes<'s> {
    operands: Vec<Option<&'s [u64]>>,
    results: Vec<Option<&'s [u64]>>,
}

impl Reader<'_, '_> {
    /// What an operator without bodies computes.
    pub(crate) fn work(
        &self,
        call: &Call<'_>,
        writes: &[Option<ValueId>],
    ) -> Result<OperatorWork, ModelError> {
        let dims = |value: &Option<ValueId>| self.shape((*value)?).dims.as_deref();
        let shapes = Shapes {
            operands: call.operands.iter().map(dims).collect(),
            results: writes.iter().map(dims).collect(),
        };
        let options = call.operator.table.table(4, "options")?;
        // A number of the options that is positive in valid files, or a flag.
        let number = |slot| options.map_or(Ok(0), |options| options.u32(slot));
        let flag = |slot| options.map_or(Ok(0), |options| options.u8(slot));
        let (mut sums_rows, mut window) = (false, None);
        match call.builtin.as_str() {
            "BATCH_MATMUL" => sums_rows = flag(0)? != 0,
            "AVERAGE_POOL_2D" | "MAX_POOL_2D" | "L2_POOL_2D" => {
                window = Some([u64::from(number(3)?), u64::from(number(4)?)]);
            }
            _ => {}
        }
        let work = OperatorWork {
            is_repeatable: call.facts.is_repeatable,
            ..OperatorWork::default()
        };
        let count = shapes.multiply_adds(&call.builtin, sums_rows);
        let covered = window.and_then(|window| Some(for_each(shapes.result()?, &window)));
        Ok(work
            .multiply_adds(count.unwrap_or(0))
            .elements(covered.unwrap_or_else(|| shapes.largest())))
    }
}

impl Shapes<'_> {
    fn operand(&self, at: usize) -> Option<&[u64]> {
        *self.operands.get(at)?
    }

    fn result(&self) -> Option<&[u64]> {
        *self.results.first()?
    }

    /// The elements of the largest operand or result.
    fn largest(&self) -> u64 {
        let all = self.operands.iter().chain(&self.results).flatten();
        all.map(|dims| elements(dims)).max().unwrap_or(0)
    }

    /// The elements of the operands at some places; none for one that is left out.
    fn all_elements(&self, places: impl Iterator<Item = usize>) -> u64 {
        let counts = places.map(|at| self.operand(at).map_or(0, elements));
        counts.fold(0, u64::saturating_add)
    }

    fn multiply_adds(&self, builtin: &str, sums_rows: bool) -> Option<u64> {
        let result = self.result()?;
        Some(match builtin {
            // The filters are [result channels, rows, columns, channels of a group].
            "CONV_2D" => for_each(result, self.operand(1)?.get(1..)?),
            // [1, rows, columns, result channels].
            "DEPTHWISE_CONV_2D" => for_each(result, self.operand(1)?.get(1..3)?),
            // [planes, rows, columns, channels of a group, result channels].
            "CONV_3D" => for_each(result, self.operand(1)?.get(..4)?),
            // The result's shape comes first. [result channels, rows, columns, channels].
            "TRANSPOSE_CONV" => for_each(self.operand(2)?, self.operand(1)?.get(..3)?),
            // [planes, rows, columns, result channels, channels].
            "CONV_3D_TRANSPOSE" => for_each(self.operand(2)?, self.operand(1)?.get(..4)?),
            // [result width, width].
            "FULLY_CONNECTED" => product(result, *self.operand(1)?.last()?),
            "BATCH_MATMUL" => {
                let dims = self.operand(0)?;
                let from_end = if sums_rows { 2 } else { 1 };
                product(result, *dims.get(dims.len().checked_sub(from_end)?)?)
            }
            // Weights of four gates for the sequence and for the state, and a projection.
            "LSTM" => {
                let weights = self.all_elements((1..9).chain([16]));
                self.operand(0)?.first()?.saturating_mul(weights)
            }
            "UNIDIRECTIONAL_SEQUENCE_LSTM" => {
                let weights = self.all_elements((1..9).chain([16]));
                elements(self.operand(0)?.get(..2)?).saturating_mul(weights)
            }
            "RNN" => {
                let weights = self.all_elements(1..3);
                self.operand(0)?.first()?.saturating_mul(weights)
            }
            "UNIDIRECTIONAL_SEQUENCE_RNN" => {
                let weights = self.all_elements(1..3);
                elements(self.operand(0)?.get(..2)?).saturating_mul(weights)
            }
            // Weights of features and of time.
            "SVDF" => {
                let weights = self.all_elements(1..3);
                self.operand(0)?.first()?.saturating_mul(weights)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(builtin: &str, operands: &[&[u64]], result: &[u64]) -> u64 {
        let shapes = Shapes {
            operands: operands.iter().map(|dims| Some(*dims)).collect(),
            results: vec![Some(result)],
        };
        shapes.multiply_adds(builtin, false).unwrap_or(0)
    }

    #[test]
    fn channels_come_last() {
        let picture: &[u64] = &[1, 8, 8, 3];
        assert_eq!(
            count("CONV_2D", &[picture, &[4, 5, 5, 3]], &[1, 4, 4, 4]),
            64 * 75
        );
        let depthwise = count(
            "DEPTHWISE_CONV_2D",
            &[picture, &[1, 3, 3, 6]],
            &[1, 6, 6, 6],
        );
        assert_eq!(depthwise, 216 * 9);
        // 2 × 2 places with 3 channels are each spread over 5 channels of 2 × 2.
        let operands: [&[u64]; 3] = [&[4], &[5, 2, 2, 3], &[1, 2, 2, 3]];
        assert_eq!(count("TRANSPOSE_CONV", &operands, &[1, 4, 4, 5]), 12 * 20);
        let operands: [&[u64]; 2] = [&[1, 4, 4, 4, 2], &[3, 3, 3, 2, 5]];
        assert_eq!(count("CONV_3D", &operands, &[1, 2, 2, 2, 5]), 40 * 54);
        let operands: [&[u64]; 3] = [&[5], &[2, 2, 2, 5, 3], &[1, 2, 2, 2, 3]];
        assert_eq!(
            count("CONV_3D_TRANSPOSE", &operands, &[1, 4, 4, 4, 5]),
            24 * 40
        );
    }

    #[test]
    fn matrices_and_recurrent_layers_count_their_weights() {
        assert_eq!(count("FULLY_CONNECTED", &[&[2, 4], &[5, 4]], &[2, 5]), 40);
        assert_eq!(
            count("BATCH_MATMUL", &[&[2, 3, 4], &[2, 4, 5]], &[2, 3, 5]),
            120
        );
        let shapes = Shapes {
            operands: vec![Some(&[2, 4, 3]), Some(&[2, 4, 5])],
            results: vec![Some(&[2, 3, 5])],
        };
        assert_eq!(shapes.multiply_adds("BATCH_MATMUL", true), Some(120));
        let rnn: [&[u64]; 3] = [&[2, 7, 5], &[3, 5], &[3, 3]];
        assert_eq!(
            count("UNIDIRECTIONAL_SEQUENCE_RNN", &rnn, &[2, 7, 3]),
            14 * 24
        );
        let mut lstm: Vec<&[u64]> = vec![&[2, 7, 5]];
        lstm.extend([&[3u64, 5][..]; 4]);
        lstm.extend([&[3u64, 3][..]; 4]);
        assert_eq!(
            count("UNIDIRECTIONAL_SEQUENCE_LSTM", &lstm, &[2, 7, 3]),
            14 * 96
        );
        assert_eq!(count("SVDF", &[&[2, 5], &[8, 5], &[8, 6]], &[2, 8]), 2 * 88);
        assert_eq!(count("ADD", &[&[2, 5], &[5]], &[2, 5]), 0);
        assert_eq!(count("CONV_2D", &[&[1]], &[]), 0);
    }
}
