//! What an ONNX operator computes, counted from the shapes of its operands and results.
//!
//! Stands on `work` and `like`: an operator that has the shapes of another one has its count, too.
//! Invariant: an operator that is not known counts its elements; one of a domain that is not known
//! counts as not repeatable.

use super::attributes::{int, ints, is_standard, value};
use super::like::like;
use super::syntax::{AttributeValue, NodeDef};
use crate::work::{OperatorWork, einstein_sum, elements, for_each, product};

/// The shapes of a node's operands and results; `None` where a size is not known.
#[derive(Clone, Copy)]
pub(crate) struct Shapes<'s> {
    pub(crate) operands: &'s [Option<Vec<u64>>],
    pub(crate) results: &'s [Option<Vec<u64>>],
}

impl<'s> Shapes<'s> {
    fn operand(&self, at: usize) -> Option<&'s [u64]> {
        self.operands.get(at)?.as_deref()
    }

    fn result(&self) -> Option<&'s [u64]> {
        self.results.first()?.as_deref()
    }

    /// The elements of the largest operand or result.
    fn largest(&self) -> u64 {
        let all = self.operands.iter().chain(self.results).flatten();
        all.map(|dims| elements(dims)).max().unwrap_or(0)
    }
}

/// What a node without bodies computes.
pub(crate) fn work(node: &NodeDef<'_>, shapes: &Shapes<'_>) -> OperatorWork {
    let work = OperatorWork {
        is_repeatable: is_repeatable(node),
        ..OperatorWork::default()
    };
    if !work.is_repeatable && !is_standard(node) {
        return work.elements(shapes.largest());
    }
    let like = like(node);
    let operator = like.as_ref().map_or(node.operator, |like| like.operator);
    let operand = |at: usize| {
        let at = like.as_ref().map_or(Some(at), |like| {
            let at = like.operands.get(at)?;
            Some(*at)
        });
        shapes.operand(at?)
    };
    let count = multiply_adds(node, operator, &operand, shapes);
    let covered = covered(node, operator, shapes);
    work.multiply_adds(count.unwrap_or(0))
        .elements(covered.unwrap_or_else(|| shapes.largest()))
}

fn multiply_adds<'s>(
    node: &NodeDef<'_>,
    operator: &str,
    operand: &dyn Fn(usize) -> Option<&'s [u64]>,
    shapes: &Shapes<'s>,
) -> Option<u64> {
    let result = shapes.result()?;
    let is_set = |name: &str| int(node, name).is_some_and(|flag| flag != 0);
    Some(match operator {
        // The filters are [result channels, channels of a group, rows, columns].
        "Conv" => for_each(result, operand(1)?.get(1..)?),
        // And here [channels, result channels of a group, rows, columns].
        "ConvTranspose" => for_each(operand(0)?, operand(1)?.get(1..)?),
        "MatMul" | "FusedMatMul" => {
            let dims = operand(0)?;
            let from_end = if is_set("transA") && dims.len() > 1 {
                2
            } else {
                1
            };
            product(result, *dims.get(dims.len().checked_sub(from_end)?)?)
        }
        "MatMulNBits" => product(result, u64::try_from(int(node, "K")?).ok()?),
        "Gemm" => product(result, *operand(0)?.get(usize::from(!is_set("transA")))?),
        // Both weights are [directions, gates × hidden, ...]; the sequences [steps, batch, ...], or
        // with the batch first.
        "LSTM" | "GRU" | "RNN" => {
            let steps = elements(operand(0)?.get(..2)?);
            let weights = elements(operand(1)?).saturating_add(elements(operand(2)?));
            steps.saturating_mul(weights)
        }
        "Einsum" => {
            let Some(AttributeValue::String(equation)) = value(node, "equation") else {
                return None;
            };
            let operands: Vec<_> = shapes.operands.iter().map(Option::as_deref).collect();
            einstein_sum(std::str::from_utf8(equation).ok()?, &operands)?
        }
        _ => return None,
    })
}

/// The elements that the windows of pooling cover.
fn covered(node: &NodeDef<'_>, operator: &str, shapes: &Shapes<'_>) -> Option<u64> {
    if !matches!(operator, "MaxPool" | "AveragePool" | "LpPool") {
        return None;
    }
    let window = ints(node, "kernel_shape")?.iter();
    let window: Vec<u64> = window
        .map(|&size| u64::try_from(size).ok())
        .collect::<Option<_>>()?;
    Some(for_each(shapes.result()?, &window))
}

/// Whether a node does the same whenever it runs.
fn is_repeatable(node: &NodeDef<'_>) -> bool {
    let is_given = |at: usize| node.inputs.get(at).is_some_and(|name| !name.is_empty());
    match (node.domain, node.operator) {
        (
            "",
            "RandomNormal" | "RandomNormalLike" | "RandomUniform" | "RandomUniformLike"
            | "Multinomial" | "Bernoulli",
        ) => false,
        // It passes its operand on, unless it is told to train.
        ("", "Dropout") if node.opset >= 12 => !is_given(2),
        ("", "Dropout") if (1..7).contains(&node.opset) => int(node, "is_test") == Some(1),
        ("com.microsoft", operator) => !operator.contains("Dropout"),
        (domain, _) => matches!(
            domain,
            "" | "ai.onnx.ml" | "com.microsoft.nchwc" | "com.ms.internal.nhwc"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::syntax::AttributeDef;

    /// The work of a node with these attributes, operands and one result.
    fn of(
        operator: &'static str,
        attributes: &[(&'static str, AttributeValue<'static>)],
        operands: &[&[u64]],
        result: &[u64],
    ) -> OperatorWork {
        let attributes = attributes.iter().map(|(name, value)| AttributeDef {
            name,
            reference: "",
            value: value.clone(),
        });
        let node = NodeDef {
            operator,
            opset: 17,
            inputs: vec!["a"; operands.len()],
            attributes: attributes.collect(),
            ..NodeDef::default()
        };
        let operands: Vec<Option<Vec<u64>>> =
            operands.iter().map(|dims| Some(dims.to_vec())).collect();
        let results = [Some(result.to_vec())];
        let shapes = Shapes {
            operands: &operands,
            results: &results,
        };
        work(&node, &shapes)
    }

    /// The multiply-adds of a convolution, one by one.
    fn convolved(result: [u64; 4], filter: [u64; 3]) -> u64 {
        let mut count = 0;
        for _ in 0..result.iter().product() {
            for _ in 0..filter.iter().product() {
                count += 1;
            }
        }
        count
    }

    #[test]
    fn a_convolution_counts_the_filter_of_one_channel_for_each_element() {
        let dense = of("Conv", &[], &[&[1, 3, 8, 8], &[4, 3, 5, 5]], &[1, 4, 4, 4]);
        assert_eq!(dense.multiply_adds, convolved([1, 4, 4, 4], [3, 5, 5]));
        assert_eq!(dense.operations(), 2 * 64 * 75);
        // One channel a group.
        let group = of("Conv", &[], &[&[1, 4, 8, 8], &[4, 1, 3, 3]], &[1, 4, 6, 6]);
        assert_eq!(group.multiply_adds, convolved([1, 4, 6, 6], [1, 3, 3]));
        // 2 × 2 places with 3 channels are each spread over 5 channels of 2 × 2.
        let operands: [&[u64]; 2] = [&[1, 3, 2, 2], &[3, 5, 2, 2]];
        let up = of("ConvTranspose", &[], &operands, &[1, 5, 4, 4]);
        assert_eq!(up.multiply_adds, 12 * 20);
        // The operands of a quantised one have other places.
        let scale: &[u64] = &[];
        let operands = [
            &[1, 3, 8, 8],
            scale,
            scale,
            &[4, 3, 5, 5],
            scale,
            scale,
            scale,
            scale,
        ];
        let quantised = of("QLinearConv", &[], &operands, &[1, 4, 4, 4]);
        assert_eq!(quantised.multiply_adds, dense.multiply_adds);
    }

    #[test]
    fn a_product_of_matrices_counts_the_summed_axis_for_each_element() {
        let count = |operator, operands: &[&[u64]], result: &[u64]| {
            of(operator, &[], operands, result).multiply_adds
        };
        assert_eq!(count("MatMul", &[&[2, 3, 4], &[4, 5]], &[2, 3, 5]), 120);
        assert_eq!(count("MatMul", &[&[4], &[4, 5]], &[5]), 20);
        assert_eq!(count("MatMul", &[&[], &[]], &[]), 0);
        assert_eq!(count("Gemm", &[&[3, 4], &[4, 5]], &[3, 5]), 60);
        let transposed = [("transA", AttributeValue::Int(1))];
        let gemm = of("Gemm", &transposed, &[&[4, 3], &[4, 5]], &[3, 5]);
        assert_eq!(gemm.multiply_adds, 60);
        let equation = [("equation", AttributeValue::String(b"ij,jk->ik"))];
        let sum = of("Einsum", &equation, &[&[3, 4], &[4, 5]], &[3, 5]);
        assert_eq!(sum.multiply_adds, 60);
    }

    #[test]
    fn a_recurrent_layer_counts_all_weights_for_each_step() {
        // 7 steps of 2 sequences; 5 wide, 3 hidden, 4 gates.
        let operands: [&[u64]; 3] = [&[7, 2, 5], &[1, 12, 5], &[1, 12, 3]];
        let lstm = of("LSTM", &[], &operands, &[7, 1, 2, 3]);
        assert_eq!(lstm.multiply_adds, 7 * 2 * (12 * 5 + 12 * 3));
        let operands: [&[u64]; 3] = [&[7, 2, 5], &[2, 9, 5], &[2, 9, 3]];
        let gru = of("GRU", &[], &operands, &[7, 2, 2, 3]);
        assert_eq!(gru.multiply_adds, 7 * 2 * 2 * (9 * 5 + 9 * 3));
    }

    #[test]
    fn all_other_operators_count_their_elements() {
        let add = of("Add", &[], &[&[3, 4], &[4]], &[3, 4]);
        assert_eq!((add.multiply_adds, add.operations()), (0, 12));
        let sum = of("ReduceSum", &[], &[&[3, 4]], &[1, 1]);
        assert_eq!(sum.operations(), 12);
        let window = [("kernel_shape", AttributeValue::Ints(vec![3, 3]))];
        let pool = of("MaxPool", &window, &[&[1, 2, 9, 9]], &[1, 2, 3, 3]);
        assert_eq!(pool.operations(), 18 * 9);
        let shapeless = of("Conv", &[], &[&[1, 3, 8, 8]], &[1, 4, 4, 4]);
        assert_eq!((shapeless.multiply_adds, shapeless.elements), (0, 192));
    }

    #[test]
    fn random_operators_training_and_unknown_ones_are_not_repeatable() {
        let node = |domain, operator, opset, inputs: &[&'static str]| {
            let node = NodeDef {
                domain,
                operator,
                opset,
                inputs: inputs.into(),
                ..NodeDef::default()
            };
            is_repeatable(&node)
        };
        assert!(node("", "Conv", 17, &["x", "w"]));
        assert!(!node("", "RandomUniformLike", 17, &["x"]));
        assert!(node("", "Dropout", 9, &["x"]) && node("", "Dropout", 17, &["x", "ratio", ""]));
        assert!(!node("", "Dropout", 17, &["x", "ratio", "training"]));
        assert!(!node("", "Dropout", 6, &["x"]));
        assert!(node("com.microsoft", "Gelu", 1, &["x"]));
        assert!(!node("com.microsoft", "BiasDropout", 1, &["x"]));
        assert!(!node("com.example", "Conv", 1, &["x", "w"]));
    }
}
