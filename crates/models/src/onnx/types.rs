//! Types of ONNX values: elements, and shapes whose sizes may be bounds or unknown.
//!
//! Stands on `syntax` and [`ElementType`]. Plain values. Invariant: [`Size::Known`] is exact
//! whatever the data; a size that depends on data is a [`Size::Bound`] or a [`Size::Unknown`].

use std::fmt;

use super::syntax::TypeDef;
use crate::element::ElementType;

/// A type of elements: the number that `TensorProto.DataType` gives it, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element(i32);

/// The element types of ONNX, in the order of their numbers, with their storage.
const ELEMENTS: [(&str, Option<ElementType>); 26] = [
    ("float32", Some(ElementType::Float32)),
    ("uint8", Some(ElementType::Uint8)),
    ("int8", Some(ElementType::Int8)),
    ("uint16", Some(ElementType::Uint16)),
    ("int16", Some(ElementType::Int16)),
    ("int32", Some(ElementType::Int32)),
    ("int64", Some(ElementType::Int64)),
    ("string", None),
    ("bool", Some(ElementType::Bool)),
    ("float16", Some(ElementType::Float16)),
    ("float64", Some(ElementType::Float64)),
    ("uint32", Some(ElementType::Uint32)),
    ("uint64", Some(ElementType::Uint64)),
    ("complex64", Some(ElementType::Complex64)),
    ("complex128", Some(ElementType::Complex128)),
    ("bfloat16", Some(ElementType::Bfloat16)),
    ("float8e4m3fn", Some(ElementType::Float8)),
    ("float8e4m3fnuz", Some(ElementType::Float8)),
    ("float8e5m2", Some(ElementType::Float8)),
    ("float8e5m2fnuz", Some(ElementType::Float8)),
    ("uint4", Some(ElementType::Uint4)),
    ("int4", Some(ElementType::Int4)),
    ("float4e2m1", Some(ElementType::Float4)),
    ("float8e8m0", Some(ElementType::Float8)),
    ("uint2", Some(ElementType::Uint2)),
    ("int2", Some(ElementType::Int2)),
];

impl Element {
    pub(crate) const FLOAT32: Self = Self(1);
    pub(crate) const INT32: Self = Self(6);
    pub(crate) const INT64: Self = Self(7);
    pub(crate) const STRING: Self = Self(8);
    pub(crate) const BOOL: Self = Self(9);

    /// The type with this number; `None` for 0 and for numbers that ONNX does not have.
    pub(crate) fn of(code: i32) -> Option<Self> {
        (1..=26).contains(&code).then_some(Self(code))
    }

    /// Its number in the file.
    pub(crate) fn code(self) -> i32 {
        self.0
    }

    /// How an element is stored; `None` for a string.
    pub(crate) fn storage(self) -> Option<ElementType> {
        self.entry().1
    }

    /// Whether its elements are whole numbers or truth values of at least a byte.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self.0, 2..=7 | 9 | 12 | 13)
    }

    fn entry(self) -> &'static (&'static str, Option<ElementType>) {
        &ELEMENTS[(self.0 - 1) as usize]
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().0)
    }
}

/// An unknown size; two sizes with one symbol are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Symbol(pub(crate) u32);

/// The size of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// It is this.
    Known(u64),
    /// It is at most this.
    Bound(u64),
    Unknown(Symbol),
}

impl Size {
    /// The number that is planned for; `None` if there is none.
    pub(crate) fn number(self) -> Option<u64> {
        match self {
            Self::Known(size) | Self::Bound(size) => Some(size),
            Self::Unknown(_) => None,
        }
    }
}

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) enum Type {
    /// Nothing is known.
    #[default]
    Open,
    Tensor {
        element: Option<Element>,
        /// `None` if not even the rank is known.
        shape: Option<Vec<Size>>,
    },
    Sequence(Box<Type>),
    Optional(Box<Type>),
    Map,
    Sparse,
    Opaque,
}

impl Type {
    /// A tensor of known type and rank.
    pub(crate) fn tensor(element: Element, shape: Vec<Size>) -> Self {
        Self::Tensor {
            element: Some(element),
            shape: Some(shape),
        }
    }

    /// The shape of a tensor, if its rank is known.
    pub(crate) fn shape(&self) -> Option<&[Size]> {
        match self {
            Self::Tensor { shape, .. } => shape.as_deref(),
            _ => None,
        }
    }

    /// The shape of a tensor in numbers, if all of them are known or bounded.
    pub(crate) fn numbers(&self) -> Option<Vec<u64>> {
        self.shape()?.iter().map(|size| size.number()).collect()
    }

    /// The type of a tensor's elements, if it is known.
    pub(crate) fn element(&self) -> Option<Element> {
        match self {
            Self::Tensor { element, .. } => *element,
            _ => None,
        }
    }

    /// Whether some size in it is only bounded.
    pub(crate) fn has_bound(&self) -> bool {
        self.any(&|size| matches!(size, Size::Bound(_)))
    }

    /// Calls for every unknown size in it, also of the elements of sequences.
    pub(crate) fn unknowns(&self) -> Vec<Symbol> {
        let found = std::cell::RefCell::new(Vec::new());
        self.any(&|size| {
            if let Size::Unknown(symbol) = size {
                found.borrow_mut().push(symbol);
            }
            false
        });
        found.into_inner()
    }

    fn any(&self, test: &dyn Fn(Size) -> bool) -> bool {
        match self {
            Self::Tensor { shape, .. } => shape.iter().flatten().any(|&size| test(size)),
            Self::Sequence(element) | Self::Optional(element) => element.any(test),
            _ => false,
        }
    }

    /// What it is, in the plural, if it needs no memory of a plan.
    pub(crate) fn not_memory(&self) -> Option<&'static str> {
        match self {
            Self::Tensor { element, .. } => {
                (*element == Some(Element::STRING)).then_some("strings")
            }
            Self::Sequence(_) => Some("sequences"),
            Self::Optional(_) => Some("optionals"),
            Self::Map => Some("maps"),
            Self::Sparse => Some("sparse tensors"),
            Self::Opaque => Some("opaque values"),
            Self::Open => None,
        }
    }

    /// Whether type and rank are known, or it needs no memory.
    pub(crate) fn is_settled(&self) -> bool {
        match self {
            Self::Open => false,
            Self::Tensor { element, shape } => {
                *element == Some(Element::STRING) || element.is_some() && shape.is_some()
            }
            _ => true,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("of unknown type"),
            Self::Tensor { element, shape } => {
                match element {
                    Some(element) => write!(f, "{element}")?,
                    None => f.write_str("?")?,
                }
                let Some(shape) = shape else {
                    return f.write_str(" of unknown rank");
                };
                let sizes: Vec<String> = shape
                    .iter()
                    .map(|size| match size {
                        Size::Known(size) => size.to_string(),
                        Size::Bound(size) => format!("≤{size}"),
                        Size::Unknown(_) => "?".into(),
                    })
                    .collect();
                write!(f, "[{}]", sizes.join(","))
            }
            Self::Sequence(element) => write!(f, "sequence of {element}"),
            Self::Optional(element) => write!(f, "optional {element}"),
            Self::Map => f.write_str("map"),
            Self::Sparse => f.write_str("sparse tensor"),
            Self::Opaque => f.write_str("opaque value"),
        }
    }
}

/// A type as the file writes it: numbers, symbols, `?`.
pub(crate) fn stated_text(stated: &TypeDef<'_>) -> String {
    use super::syntax::DimDef;
    match stated {
        TypeDef::Tensor { element, shape } => {
            let element = Element::of(*element).map_or("?".into(), |element| element.to_string());
            let Some(shape) = shape else {
                return format!("{element} of unknown rank");
            };
            let sizes: Vec<String> = shape
                .iter()
                .map(|dim| match dim {
                    DimDef::Number(size) => size.to_string(),
                    DimDef::Symbol(name) => (*name).into(),
                    DimDef::Unknown => "?".into(),
                })
                .collect();
            format!("{element}[{}]", sizes.join(","))
        }
        TypeDef::Sequence(element) => format!("sequence of {}", stated_text(element)),
        TypeDef::Optional(element) => format!("optional {}", stated_text(element)),
        TypeDef::Map => "map".into(),
        TypeDef::SparseTensor => "sparse tensor".into(),
        TypeDef::Opaque => "opaque value".into(),
        TypeDef::Missing => "no type".into(),
    }
}
