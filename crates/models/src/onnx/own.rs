//! Shape rules that the crate for shape inference lacks, or that refuse what runtimes accept there.
//!
//! Stands on `types`, `small`, `attributes` and `ranks`. A rule gives one type for each result that
//! it knows of, or none at all.

use super::attributes::{int, ints, is_standard, value};
use super::ranks::of_known_rank;
use super::rules::FRESH;
use super::small::{Cell, Operand, Small};
use super::syntax::{AttributeValue, NodeDef};
use super::types::{Element, Size, Type};

/// What follows for the results of a node.
pub(crate) fn own(
    node: &NodeDef<'_>,
    operands: &[Option<Operand<'_>>],
) -> Option<Vec<(Type, Option<Small>)>> {
    let call = Call { node, operands };
    let types = match node.domain {
        "" => call.standard(),
        "ai.onnx.ml" => call.classical(),
        "com.microsoft" => call.contributed(),
        "com.microsoft.nchwc" => call.blocked(),
        _ => None,
    };
    let types = types.or_else(|| Some(vec![of_known_rank(node, operands)?]))?;
    let contents = call.contents();
    let mut results: Vec<(Type, Option<Small>)> = types.into_iter().map(|of| (of, None)).collect();
    if let (Some(first), Some(contents)) = (results.first_mut(), contents) {
        first.1 = Some(contents);
    }
    Some(results)
}

/// Whether a rule of ours decides where the other one says that the operands do not fit.
pub(crate) fn accepts_more(operator: &str) -> bool {
    matches!(
        operator,
        "Squeeze" | "Unsqueeze" | "DequantizeLinear" | "QuantizeLinear" | "OneHot"
    )
}

/// Whether sizes of a result are at most those of the operand, whatever part of it is taken.
pub(crate) fn capped(node: &NodeDef<'_>) -> bool {
    is_standard(node) && (node.operator == "Slice" || node.operator.starts_with("Reduce"))
}

struct Call<'c, 'a> {
    node: &'c NodeDef<'a>,
    operands: &'c [Option<Operand<'c>>],
}

impl<'c> Call<'c, '_> {
    fn operand(&self, at: usize) -> Option<Operand<'c>> {
        self.operands.get(at).copied().flatten()
    }

    fn of(&self, at: usize) -> Option<&'c Type> {
        Some(self.operand(at)?.of)
    }

    fn shape(&self, at: usize) -> Option<&'c [Size]> {
        self.of(at)?.shape()
    }

    fn element(&self, at: usize) -> Option<Element> {
        self.of(at)?.element()
    }

    fn numbers(&self, at: usize) -> Option<Vec<i64>> {
        self.operand(at)?.contents?.ints()
    }

    fn contents(&self) -> Option<Small> {
        if !is_standard(self.node) || self.node.operator != "OptionalHasElement" {
            return None;
        }
        let has = match self.of(0) {
            None => 0,
            Some(Type::Optional(_) | Type::Open) => return None,
            Some(_) => 1,
        };
        Some(Small::scalar(Cell::int(has)))
    }

    fn standard(&self) -> Option<Vec<Type>> {
        let one = |of: Type| Some(vec![of]);
        match self.node.operator {
            "OptionalHasElement" => one(Type::tensor(Element::BOOL, Vec::new())),
            "OptionalGetElement" => match self.of(0)? {
                Type::Optional(of) => one(of.as_ref().clone()),
                Type::Open => None,
                of => one(of.clone()),
            },
            "Optional" => one(Type::Optional(Box::new(
                self.of(0).cloned().unwrap_or_default(),
            ))),
            "CumProd"
            | "PRelu"
            | "InstanceNormalization"
            | "BatchNormalization"
            | "Selu"
            | "Hardmax" => one(self.of(0)?.clone()),
            "BitCast" => {
                let to = Element::of(i32::try_from(int(self.node, "to")?).ok()?)?;
                one(Type::tensor(to, self.shape(0)?.to_vec()))
            }
            "RegexFullMatch" => one(Type::tensor(Element::BOOL, self.shape(0)?.to_vec())),
            "StringSplit" => {
                let shape = self.shape(0)?.to_vec();
                let mut parts = shape.clone();
                parts.push(Size::Unknown(FRESH));
                let parts = Type::tensor(Element::STRING, parts);
                Some(vec![parts, Type::tensor(Element::INT64, shape)])
            }
            "StringConcat" => one(self.of(0)?.clone()),
            "RoiAlign" => {
                let size = |name| int(self.node, name).unwrap_or(1).try_into().ok();
                let sizes = [size("output_height")?, size("output_width")?];
                one(self.regions(self.shape(2)?, &sizes)?)
            }
            "MaxRoiPool" => {
                let sizes: Option<Vec<u64>> = ints(self.node, "pooled_shape")?
                    .iter()
                    .map(|&size| size.try_into().ok())
                    .collect();
                one(self.regions(self.shape(1)?, &sizes?)?)
            }
            "Upsample" => self.scaled().and_then(one),
            "Squeeze" => self.squeezed().and_then(one),
            "Unsqueeze" => self.unsqueezed().and_then(one),
            "DequantizeLinear" => one(Type::tensor(self.element(1)?, self.shape(0)?.to_vec())),
            "QuantizeLinear" => {
                let element = self.element(2).or(Element::of(2))?;
                one(Type::tensor(element, self.shape(0)?.to_vec()))
            }
            "OneHot" => self.one_hot().and_then(one),
            operator if operator.starts_with("Reduce") => self.reduced().and_then(one),
            "Slice" => one(self.sliced()?),
            _ => None,
        }
    }

    /// Regions of an image, resized.
    fn regions(&self, regions: &[Size], sizes: &[u64]) -> Option<Type> {
        let mut shape = vec![*regions.first()?, *self.shape(0)?.get(1)?];
        shape.extend(sizes.iter().map(|&size| Size::Known(size)));
        Some(Type::tensor(self.element(0)?, shape))
    }

    /// `Upsample`: every size times its factor.
    fn scaled(&self) -> Option<Type> {
        let shape = self.shape(0)?;
        let factors: Vec<f64> = match value(self.node, "scales") {
            Some(AttributeValue::Floats(values)) => values.iter().map(|&of| of.into()).collect(),
            Some(AttributeValue::Ints(values)) => values.iter().map(|&of| of as f64).collect(),
            _ => {
                let factor = |cell: &Cell| match cell {
                    Cell::Float(factor, _) => Some(*factor),
                    _ => None,
                };
                let contents = self.operand(1)?.contents?;
                contents.cells.iter().map(factor).collect::<Option<_>>()?
            }
        };
        let times = |(&size, factor): (&Size, f64)| match size {
            Size::Known(size) => Size::Known((size as f64 * factor).floor() as u64),
            Size::Bound(size) => Size::Bound((size as f64 * factor).floor() as u64),
            Size::Unknown(_) => Size::Unknown(FRESH),
        };
        let fits = shape.len() == factors.len();
        let sizes = shape.iter().zip(factors).map(times).collect();
        fits.then_some(Type::tensor(self.element(0)?, sizes))
    }

    /// Axes as an attribute or as the operand at this position.
    fn axes(&self, at: usize, rank: usize) -> Option<Vec<usize>> {
        let axes = match ints(self.node, "axes") {
            Some(axes) => axes.to_vec(),
            None => self.numbers(at)?,
        };
        let axis = |axis: i64| {
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            usize::try_from(axis).ok().filter(|&axis| axis < rank)
        };
        axes.into_iter().map(axis).collect()
    }

    /// `Squeeze` of named axes whose sizes are not known: they must be 1.
    fn squeezed(&self) -> Option<Type> {
        let shape = self.shape(0)?;
        let axes = self.axes(1, shape.len())?;
        let is_one = |&axis: &usize| !matches!(shape[axis], Size::Known(size) if size != 1);
        if !axes.iter().all(is_one) {
            return None;
        }
        let kept = (0..shape.len()).filter(|axis| !axes.contains(axis));
        Some(Type::tensor(
            self.element(0)?,
            kept.map(|axis| shape[axis]).collect(),
        ))
    }

    fn unsqueezed(&self) -> Option<Type> {
        let shape = self.shape(0)?;
        let count = match ints(self.node, "axes") {
            Some(axes) => axes.len(),
            None => self.numbers(1)?.len(),
        };
        let axes = self.axes(1, shape.len() + count)?;
        let mut old = shape.iter();
        let sizes = (0..shape.len() + count).map(|axis| match axes.contains(&axis) {
            true => Some(Size::Known(1)),
            false => old.next().copied(),
        });
        Some(Type::tensor(
            self.element(0)?,
            sizes.collect::<Option<_>>()?,
        ))
    }

    /// `OneHot` whose depth is a tensor of one element of any rank.
    fn one_hot(&self) -> Option<Type> {
        let mut shape = self.shape(0)?.to_vec();
        let rank = shape.len() as i64 + 1;
        let axis = int(self.node, "axis").unwrap_or(-1);
        let axis = if axis < 0 { axis + rank } else { axis };
        let depth = match self.operand(1)?.contents.and_then(Small::single) {
            Some(depth) => Size::Known(depth.try_into().ok()?),
            None => Size::Unknown(FRESH),
        };
        let axis = usize::try_from(axis)
            .ok()
            .filter(|&axis| axis <= shape.len())?;
        shape.insert(axis, depth);
        Some(Type::tensor(self.element(2)?, shape))
    }

    /// Reductions over axes that are not known: every size is at most what it was.
    fn reduced(&self) -> Option<Type> {
        let shape = self.shape(0)?;
        if int(self.node, "keepdims") == Some(0) {
            let count = match self.shape(1)? {
                [Size::Known(count)] => usize::try_from(*count).ok()?,
                _ => return None,
            };
            let rank = shape.len().checked_sub(count)?;
            return Some(Type::tensor(
                self.element(0)?,
                vec![Size::Unknown(FRESH); rank],
            ));
        }
        let size = |size: &Size| match size {
            Size::Known(1) => *size,
            size => at_most(size),
        };
        Some(Type::tensor(
            self.element(0)?,
            shape.iter().map(size).collect(),
        ))
    }

    /// `Slice` whose range is not known: every size is at most what it was.
    fn sliced(&self) -> Option<Type> {
        let shape = self.shape(0)?;
        let axes = match self.operand(3) {
            Some(_) => self.axes(3, shape.len())?,
            None => match self.shape(1)? {
                [Size::Known(count)] => (0..usize::try_from(*count).ok()?).collect(),
                _ => (0..shape.len()).collect(),
            },
        };
        let size = |(axis, size): (usize, &Size)| match axes.contains(&axis) {
            true => at_most(size),
            false => *size,
        };
        let sizes = shape.iter().enumerate().map(size).collect();
        Some(Type::tensor(self.element(0)?, sizes))
    }

    fn classical(&self) -> Option<Vec<Type>> {
        let rows = || match self.shape(0) {
            Some([_]) => Some(Size::Known(1)),
            Some([rows, ..]) => Some(*rows),
            _ => None,
        };
        let table = |columns: u64| {
            Some(vec![Type::tensor(
                Element::FLOAT32,
                vec![rows()?, Size::Known(columns)],
            )])
        };
        let length = |name: &str| match value(self.node, name) {
            Some(AttributeValue::Ints(values)) => values.len() as u64,
            Some(AttributeValue::Strings(values)) => values.len() as u64,
            _ => 0,
        };
        match self.node.operator {
            "TreeEnsembleRegressor" => table(int(self.node, "n_targets").unwrap_or(1) as u64),
            "LinearRegressor" => table(int(self.node, "targets").unwrap_or(1) as u64),
            "SVMRegressor" => table(1),
            "TreeEnsembleClassifier" | "LinearClassifier" | "SVMClassifier" => {
                let names = [
                    "classlabels_strings",
                    "classlabels_int64s",
                    "classlabels_ints",
                ];
                let classes = names.iter().map(|name| length(name)).max()?;
                let label = if length("classlabels_strings") > 0 {
                    Element::STRING
                } else {
                    Element::INT64
                };
                let labels = Type::tensor(label, vec![rows()?]);
                Some(vec![labels, table(classes)?.swap_remove(0)])
            }
            "OneHotEncoder" => {
                let categories = length("cats_int64s").max(length("cats_strings"));
                let mut shape = self.shape(0)?.to_vec();
                shape.push(Size::Known(categories));
                Some(vec![Type::tensor(Element::FLOAT32, shape)])
            }
            "FeatureVectorizer" => {
                let widths = ints(self.node, "inputdimensions")?;
                table(widths.iter().sum::<i64>().try_into().ok()?)
            }
            "ZipMap" => Some(vec![Type::Sequence(Box::new(Type::Map))]),
            _ => None,
        }
    }

    fn contributed(&self) -> Option<Vec<Type>> {
        let one = |of: Type| Some(vec![of]);
        match self.node.operator {
            "EmbedLayerNormalization" => {
                let tokens = self.shape(0)?;
                let width = *self.shape(2)?.last()?;
                let mut shape = tokens.to_vec();
                shape.push(width);
                let of = Type::tensor(self.element(2)?, shape);
                let mask = Type::tensor(Element::INT32, vec![*tokens.first()?]);
                Some(vec![of.clone(), mask, of])
            }
            "QAttention" => {
                let shape = self.shape(0)?;
                let [batch, length, _] = shape else {
                    return None;
                };
                let width = match self.shape(1)?.last()? {
                    Size::Known(width) => Size::Known(width / 3),
                    _ => return None,
                };
                one(Type::tensor(self.element(3)?, vec![*batch, *length, width]))
            }
            "ExpandDims" => {
                let mut shape = self.shape(0)?.to_vec();
                let axis = *self.numbers(1)?.first()?;
                let rank = shape.len() as i64 + 1;
                let axis = if axis < 0 { axis + rank } else { axis };
                let axis = usize::try_from(axis)
                    .ok()
                    .filter(|&axis| axis <= shape.len())?;
                shape.insert(axis, Size::Known(1));
                one(Type::tensor(self.element(0)?, shape))
            }
            _ => None,
        }
    }

    /// Images whose channels are in blocks.
    fn blocked(&self) -> Option<Vec<Type>> {
        match self.node.operator {
            "ReorderOutput" => {
                let shape = self.shape(0)?;
                let channels = Size::Known(int(self.node, "channels")?.try_into().ok()?);
                let mut sizes = shape.to_vec();
                *sizes.get_mut(1)? = channels;
                if int(self.node, "channels_last") == Some(1) {
                    let channels = sizes.remove(1);
                    sizes.push(channels);
                }
                Some(vec![Type::tensor(self.element(0)?, sizes)])
            }
            "ReorderInput" => {
                let mut sizes = self.shape(0)?.to_vec();
                if int(self.node, "channels_last") == Some(1) && sizes.len() > 2 {
                    sizes[1..].rotate_right(1);
                }
                let channels = sizes.get_mut(1)?;
                // A block has 8 or 16 channels, as the processor likes.
                *channels = match *channels {
                    Size::Known(size) if size % 16 != 0 => {
                        Size::Bound(size.checked_next_multiple_of(16)?)
                    }
                    size => size,
                };
                Some(vec![Type::tensor(self.element(0)?, sizes)])
            }
            "Upsample" => Some(vec![self.scaled()?]),
            _ => None,
        }
    }
}

/// The size as a bound of what is cut out of it.
fn at_most(size: &Size) -> Size {
    match size {
        Size::Known(0) => *size,
        Size::Known(size) | Size::Bound(size) => Size::Bound(*size),
        Size::Unknown(_) => Size::Unknown(FRESH),
    }
}
