//! The parts of an ONNX model, borrowed from its bytes.
//!
//! Stands on nothing. Plain values, named after the messages of the format; `decode` makes them.
//! Payloads of tensors stay what they are in the file: raw bytes. Names are slices of the file, or
//! of a [`bumpalo::Bump`] where calls of functions have been replaced by their bodies.
//!
//! Invariants, kept by `decode`: the default domain is `""`, never its other name `ai.onnx`; bodies
//! are at most 32 deep; a name has at most 64 KiB.

/// The longest payload of a tensor that is kept, in bytes: what decides a shape is far smaller. It
/// is the same for bytes in memory and files on disk, so both give the same plan.
pub(crate) const KEPT_PAYLOAD: usize = 8 << 10;

/// `ModelProto`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelDef<'a> {
    pub(crate) graph: GraphDef<'a>,
    /// Versions of operator sets by domain. A node has its own in [`NodeDef::opset`].
    pub(crate) opsets: Vec<(&'a str, i64)>,
    pub(crate) functions: Vec<FunctionDef<'a>>,
}

/// `GraphProto`: the main graph or a body.
#[derive(Clone, Debug, Default)]
pub(crate) struct GraphDef<'a> {
    pub(crate) name: &'a str,
    pub(crate) nodes: Vec<NodeDef<'a>>,
    pub(crate) inputs: Vec<ValueDef<'a>>,
    pub(crate) outputs: Vec<ValueDef<'a>>,
    /// `value_info`: types and shapes of values in the middle.
    pub(crate) stated: Vec<ValueDef<'a>>,
    pub(crate) initializers: Vec<TensorDef<'a>>,
    /// Initialisers in sparse form: their dense shape, without values.
    pub(crate) sparse: Vec<TensorDef<'a>>,
}

/// `FunctionProto`.
#[derive(Clone, Debug, Default)]
pub(crate) struct FunctionDef<'a> {
    pub(crate) domain: &'a str,
    pub(crate) name: &'a str,
    /// Tells apart functions of one name.
    pub(crate) overload: &'a str,
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) outputs: Vec<&'a str>,
    /// Attributes without a default.
    pub(crate) attributes: Vec<&'a str>,
    /// Attributes with one.
    pub(crate) defaults: Vec<AttributeDef<'a>>,
    pub(crate) nodes: Vec<NodeDef<'a>>,
    pub(crate) opsets: Vec<(&'a str, i64)>,
    pub(crate) stated: Vec<ValueDef<'a>>,
}

/// `NodeProto`.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeDef<'a> {
    pub(crate) name: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) operator: &'a str,
    pub(crate) overload: &'a str,
    /// The version of the domain's operator set, as the model or the function that the node is
    /// written in imports it; 0 if it does not.
    pub(crate) opset: i64,
    /// Names of operands; `""` for one that is left out.
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) outputs: Vec<&'a str>,
    pub(crate) attributes: Vec<AttributeDef<'a>>,
}

/// `AttributeProto`.
#[derive(Clone, Debug)]
pub(crate) struct AttributeDef<'a> {
    pub(crate) name: &'a str,
    /// In a function: the attribute of the call whose value this is; else `""`.
    pub(crate) reference: &'a str,
    pub(crate) value: AttributeValue<'a>,
}

/// The value of an attribute.
#[derive(Clone, Debug)]
pub(crate) enum AttributeValue<'a> {
    Float(f32),
    Int(i64),
    String(&'a [u8]),
    Tensor(TensorDef<'a>),
    Graph(Box<GraphDef<'a>>),
    SparseTensor(TensorDef<'a>),
    Type(TypeDef<'a>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Strings(Vec<&'a [u8]>),
    Tensors(Vec<TensorDef<'a>>),
    Graphs(Vec<GraphDef<'a>>),
    /// A kind without meaning here (lists of sparse tensors or types), or none at all.
    Other,
}

/// `TensorProto`: a constant.
#[derive(Clone, Debug, Default)]
pub(crate) struct TensorDef<'a> {
    pub(crate) name: &'a str,
    pub(crate) dims: Vec<i64>,
    /// `TensorProto.DataType`.
    pub(crate) element: i32,
    pub(crate) data: TensorData<'a>,
}

/// The payload of a tensor, as the file has it.
#[derive(Clone, Debug, Default)]
pub(crate) enum TensorData<'a> {
    /// None, or it was passed over: in a file of its own, or too large to matter for shapes.
    #[default]
    Absent,
    /// `raw_data`: little-endian elements.
    Raw(&'a [u8]),
    /// `float_data`, `int32_data` or another typed field: its chunks. Put together, the chunks of
    /// numbers are the packed payload: varints, or elements of 4 or 8 bytes. A chunk of
    /// `string_data` is one string.
    Typed(Vec<&'a [u8]>),
}

/// `ValueInfoProto`: the name of a value with its type.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueDef<'a> {
    pub(crate) name: &'a str,
    pub(crate) value_type: TypeDef<'a>,
}

/// `TypeProto`.
#[derive(Clone, Debug, Default)]
pub(crate) enum TypeDef<'a> {
    /// No type is stated.
    #[default]
    Missing,
    Tensor {
        /// `TensorProto.DataType`; 0 if it is not stated.
        element: i32,
        /// `None` if not even the rank is stated.
        shape: Option<Vec<DimDef<'a>>>,
    },
    Sequence(Box<TypeDef<'a>>),
    Optional(Box<TypeDef<'a>>),
    Map,
    SparseTensor,
    Opaque,
}

/// A dimension of a shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum DimDef<'a> {
    Number(i64),
    Symbol(&'a str),
    #[default]
    Unknown,
}
