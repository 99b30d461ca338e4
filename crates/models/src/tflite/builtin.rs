//! The builtin operators: their names, and what a plan needs to know about each.
//!
//! Stands on `schema` and `exact`. The numbers are those of the public schema. Invariant: where an
//! operator is not known, the worst is assumed: its results share nothing with its operands, and
//! sizes that depend on a resized operand must be given.

use std::borrow::Cow;

use super::exact::{Exact, Window};
use super::schema::CUSTOM;

/// What a plan needs to know about an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) sharing: Sharing,
    pub(crate) rule: Rule,
    /// How the shape of the first result follows exactly, if that is known.
    pub(crate) exact: Option<Exact>,
    /// The operands whose values decide a result's shape, by their positions.
    pub(crate) shaped_by: &'static [usize],
    /// Whether it does the same whenever it runs: it draws no random numbers, keeps no state, and
    /// is known.
    pub(crate) is_repeatable: bool,
}

/// How results share bytes with operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Not at all.
    Nothing,
    /// The result is the first operand under another shape.
    View,
    /// The result may be written over any operand of its shape.
    AnyOperand,
    /// The result may be written over the first operand.
    FirstOperand,
    /// The operands follow each other in the result, along the axis of the options.
    Parts,
}

/// How the shape of the result follows from those of the operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Not known: the file must state it.
    Stated,
    /// That of the operands, broadcast.
    Broadcast,
    /// As many elements as the first operand has.
    Elements,
    /// Its first size grows as that of the first operand does.
    Batch,
    /// The values of operands decide it, whatever they are.
    Data,
    /// It holds sizes of its operand, whose values are known before anything runs.
    Sizes,
}

/// The name of an operator: that of the builtin, or of the custom one.
pub(crate) fn name_of<'f>(builtin: u32, custom: Cow<'f, str>) -> Cow<'f, str> {
    match NAMES.get(builtin as usize) {
        _ if builtin == CUSTOM && !custom.is_empty() => custom,
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("BUILTIN_{builtin}")),
    }
}

/// The facts about an operator.
pub(crate) fn facts_of(builtin: u32) -> Facts {
    let name = NAMES.get(builtin as usize).copied().unwrap_or("CUSTOM");
    let name = name.strip_prefix("STABLEHLO_").unwrap_or(name);
    Facts {
        sharing: sharing(name),
        rule: rule(name),
        exact: exact(builtin),
        shaped_by: shaped_by(name),
        is_repeatable: is_repeatable(name),
    }
}

fn sharing(name: &str) -> Sharing {
    match name {
        "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" | "BITCAST" => Sharing::View,
        // The slope is an operand, but of another shape.
        "DYNAMIC_UPDATE_SLICE" | "PRELU" => Sharing::FirstOperand,
        "CONCATENATION" => Sharing::Parts,
        _ if is_element_wise(name) => Sharing::AnyOperand,
        _ => Sharing::Nothing,
    }
}

fn rule(name: &str) -> Rule {
    match name {
        "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS" => Rule::Elements,
        "PRELU"
        | "SOFTMAX"
        | "LOG_SOFTMAX"
        | "L2_NORMALIZATION"
        | "CUMSUM"
        | "REVERSE_V2"
        | "LOCAL_RESPONSE_NORMALIZATION"
        | "BROADCAST_ARGS" => Rule::Broadcast,
        "CONV_2D"
        | "DEPTHWISE_CONV_2D"
        | "CONV_3D"
        | "AVERAGE_POOL_2D"
        | "MAX_POOL_2D"
        | "L2_POOL_2D"
        | "FULLY_CONNECTED"
        | "SVDF"
        | "RESIZE_BILINEAR"
        | "RESIZE_NEAREST_NEIGHBOR"
        | "DEPTH_TO_SPACE"
        | "SPACE_TO_DEPTH" => Rule::Batch,
        "SHAPE" | "RANK" => Rule::Sizes,
        "CUSTOM"
        | "WHERE"
        | "UNIQUE"
        | "NON_MAX_SUPPRESSION_V4"
        | "NON_MAX_SUPPRESSION_V5"
        | "HASHTABLE_FIND"
        | "SKIP_GRAM" => Rule::Data,
        _ if is_element_wise(name) => Rule::Broadcast,
        _ => Rule::Stated,
    }
}

fn exact(builtin: u32) -> Option<Exact> {
    Some(match NAMES.get(builtin as usize).copied()? {
        "TRANSPOSE" => Exact::Transpose,
        "EXPAND_DIMS" => Exact::ExpandDims,
        "SQUEEZE" => Exact::Squeeze,
        "CONV_2D" => Exact::Window(Window::Convolution),
        "DEPTHWISE_CONV_2D" => Exact::Window(Window::Depthwise),
        "AVERAGE_POOL_2D" | "MAX_POOL_2D" | "L2_POOL_2D" => Exact::Window(Window::Pool),
        "CONCATENATION" => Exact::Concatenate,
        "PACK" => Exact::Pack,
        "UNPACK" => Exact::Unpack,
        "PAD" | "PADV2" | "MIRROR_PAD" => Exact::Pad,
        "SUM" | "MEAN" | "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD" | "REDUCE_ANY"
        | "REDUCE_ALL" => Exact::Reduce,
        "BATCH_MATMUL" => Exact::MatMul,
        "SLICE" => Exact::Slice,
        "STRIDED_SLICE" => Exact::StridedSlice,
        "GATHER" => Exact::Gather,
        _ => return None,
    })
}

fn shaped_by(name: &str) -> &'static [usize] {
    match name {
        "FILL" | "TRANSPOSE_CONV" => &[0],
        "RESHAPE"
        | "BROADCAST_TO"
        | "TILE"
        | "TOPK_V2"
        | "RESIZE_BILINEAR"
        | "ONE_HOT"
        | "RESIZE_NEAREST_NEIGHBOR"
        | "PAD"
        | "PADV2"
        | "MIRROR_PAD"
        | "SPARSE_TO_DENSE"
        | "SPACE_TO_BATCH_ND" => &[1],
        "SLICE" | "BATCH_TO_SPACE_ND" => &[1, 2],
        "SCATTER_ND"
        | "UNSORTED_SEGMENT_SUM"
        | "UNSORTED_SEGMENT_MAX"
        | "UNSORTED_SEGMENT_MIN"
        | "UNSORTED_SEGMENT_PROD" => &[2],
        "RANGE" => &[0, 1, 2],
        "STRIDED_SLICE" => &[1, 2, 3],
        "SEGMENT_SUM" => &[1],
        "RANDOM_UNIFORM" | "RANDOM_STANDARD_NORMAL" | "MULTINOMIAL" => &[0, 1],
        _ => &[],
    }
}

fn is_repeatable(name: &str) -> bool {
    !matches!(
        name,
        "CUSTOM"
            | "DELEGATE"
            | "RANDOM_UNIFORM"
            | "RANDOM_STANDARD_NORMAL"
            | "MULTINOMIAL"
            | "RNG_BIT_GENERATOR"
            | "CUSTOM_CALL"
            | "COMPOSITE"
            | "CALL_ONCE"
            | "READ_VARIABLE"
            | "ASSIGN_VARIABLE"
            | "HASHTABLE_FIND"
            | "HASHTABLE_IMPORT"
            | "HASHTABLE_SIZE"
    )
}

/// Whether each element of the result depends on those at its position alone.
fn is_element_wise(name: &str) -> bool {
    matches!(
        name,
        "ABS"
            | "ADD"
            | "ADD_N"
            | "AND"
            | "ATAN2"
            | "BITWISE_XOR"
            | "CAST"
            | "CBRT"
            | "CEIL"
            | "COMPARE"
            | "COMPLEX_ABS"
            | "CONVERT"
            | "COS"
            | "COSINE"
            | "DEQUANTIZE"
            | "DIV"
            | "DIVIDE"
            | "ELU"
            | "EQUAL"
            | "EXP"
            | "EXPONENTIAL"
            | "FAKE_QUANT"
            | "FLOOR"
            | "FLOOR_DIV"
            | "FLOOR_MOD"
            | "GELU"
            | "GREATER"
            | "GREATER_EQUAL"
            | "HARD_SWISH"
            | "IMAG"
            | "LEAKY_RELU"
            | "LESS"
            | "LESS_EQUAL"
            | "LOG"
            | "LOGICAL_AND"
            | "LOGICAL_NOT"
            | "LOGICAL_OR"
            | "LOGISTIC"
            | "MAXIMUM"
            | "MINIMUM"
            | "MUL"
            | "MULTIPLY"
            | "NEG"
            | "NEGATE"
            | "NOT_EQUAL"
            | "OR"
            | "POW"
            | "POWER"
            | "QUANTIZE"
            | "REAL"
            | "RELU"
            | "RELU6"
            | "RELU_0_TO_1"
            | "RELU_N1_TO_1"
            | "REMAINDER"
            | "RIGHT_SHIFT"
            | "ROUND"
            | "RSQRT"
            | "SELECT_V2"
            | "SHIFT_LEFT"
            | "SIGN"
            | "SIN"
            | "SQRT"
            | "SQUARE"
            | "SQUARED_DIFFERENCE"
            | "SUB"
            | "SUBTRACT"
            | "TANH"
            | "ZEROS_LIKE"
    )
}

/// The builtin operators by their numbers.
#[rustfmt::skip]
const NAMES: [&str; 210] = [
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE",
    "DEQUANTIZE", "EMBEDDING_LOOKUP", "FLOOR", "FULLY_CONNECTED", "HASHTABLE_LOOKUP",
    "L2_NORMALIZATION", "L2_POOL_2D", "LOCAL_RESPONSE_NORMALIZATION", "LOGISTIC",
    "LSH_PROJECTION", "LSTM", "MAX_POOL_2D", "MUL", "RELU", "RELU_N1_TO_1", "RELU6", "RESHAPE",
    "RESIZE_BILINEAR", "RNN", "SOFTMAX", "SPACE_TO_DEPTH", "SVDF", "TANH", "CONCAT_EMBEDDINGS",
    "SKIP_GRAM", "CALL", "CUSTOM", "EMBEDDING_LOOKUP_SPARSE", "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "GATHER", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND",
    "TRANSPOSE", "MEAN", "SUB", "DIV", "SQUEEZE", "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "STRIDED_SLICE", "BIDIRECTIONAL_SEQUENCE_RNN", "EXP", "TOPK_V2", "SPLIT", "LOG_SOFTMAX",
    "DELEGATE", "BIDIRECTIONAL_SEQUENCE_LSTM", "CAST", "PRELU", "MAXIMUM", "ARG_MAX", "MINIMUM",
    "LESS", "NEG", "PADV2", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "SELECT", "SLICE", "SIN",
    "TRANSPOSE_CONV", "SPARSE_TO_DENSE", "TILE", "EXPAND_DIMS", "EQUAL", "NOT_EQUAL", "LOG",
    "SUM", "SQRT", "RSQRT", "SHAPE", "POW", "ARG_MIN", "FAKE_QUANT", "REDUCE_PROD",
    "REDUCE_MAX", "PACK", "LOGICAL_OR", "ONE_HOT", "LOGICAL_AND", "LOGICAL_NOT", "UNPACK",
    "REDUCE_MIN", "FLOOR_DIV", "REDUCE_ANY", "SQUARE", "ZEROS_LIKE", "FILL", "FLOOR_MOD",
    "RANGE", "RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU", "SQUARED_DIFFERENCE", "MIRROR_PAD", "ABS",
    "SPLIT_V", "UNIQUE", "CEIL", "REVERSE_V2", "ADD_N", "GATHER_ND", "COS", "WHERE", "RANK",
    "ELU", "REVERSE_SEQUENCE", "MATRIX_DIAG", "QUANTIZE", "MATRIX_SET_DIAG", "ROUND",
    "HARD_SWISH", "IF", "WHILE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND", "SELECT_V2", "DENSIFY", "SEGMENT_SUM", "BATCH_MATMUL",
    "PLACEHOLDER_FOR_GREATER_OP_CODES", "CUMSUM", "CALL_ONCE", "BROADCAST_TO", "RFFT2D",
    "CONV_3D", "IMAG", "REAL", "COMPLEX_ABS", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT",
    "HASHTABLE_SIZE", "REDUCE_ALL", "CONV_3D_TRANSPOSE", "VAR_HANDLE", "READ_VARIABLE",
    "ASSIGN_VARIABLE", "BROADCAST_ARGS", "RANDOM_STANDARD_NORMAL", "BUCKETIZE",
    "RANDOM_UNIFORM", "MULTINOMIAL", "GELU", "DYNAMIC_UPDATE_SLICE", "RELU_0_TO_1",
    "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_SUM", "ATAN2",
    "UNSORTED_SEGMENT_MIN", "SIGN", "BITCAST", "BITWISE_XOR", "RIGHT_SHIFT",
    "STABLEHLO_LOGISTIC", "STABLEHLO_ADD", "STABLEHLO_DIVIDE", "STABLEHLO_MULTIPLY",
    "STABLEHLO_MAXIMUM", "STABLEHLO_RESHAPE", "STABLEHLO_CLAMP", "STABLEHLO_CONCATENATE",
    "STABLEHLO_BROADCAST_IN_DIM", "STABLEHLO_CONVOLUTION", "STABLEHLO_SLICE",
    "STABLEHLO_CUSTOM_CALL", "STABLEHLO_REDUCE", "STABLEHLO_ABS", "STABLEHLO_AND",
    "STABLEHLO_COSINE", "STABLEHLO_EXPONENTIAL", "STABLEHLO_FLOOR", "STABLEHLO_LOG",
    "STABLEHLO_MINIMUM", "STABLEHLO_NEGATE", "STABLEHLO_OR", "STABLEHLO_POWER",
    "STABLEHLO_REMAINDER", "STABLEHLO_RSQRT", "STABLEHLO_SELECT", "STABLEHLO_SUBTRACT",
    "STABLEHLO_TANH", "STABLEHLO_SCATTER", "STABLEHLO_COMPARE", "STABLEHLO_CONVERT",
    "STABLEHLO_DYNAMIC_SLICE", "STABLEHLO_DYNAMIC_UPDATE_SLICE", "STABLEHLO_PAD",
    "STABLEHLO_IOTA", "STABLEHLO_DOT_GENERAL", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SORT",
    "STABLEHLO_WHILE", "STABLEHLO_GATHER", "STABLEHLO_TRANSPOSE", "DILATE",
    "STABLEHLO_RNG_BIT_GENERATOR", "REDUCE_WINDOW", "STABLEHLO_COMPOSITE",
    "STABLEHLO_SHIFT_LEFT", "STABLEHLO_CBRT", "STABLEHLO_CASE",
];
