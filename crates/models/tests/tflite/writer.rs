//! A writer of small TensorFlow Lite files: subgraphs as lists of tensors and operators.
//!
//! Stands on the builder of the crate `flatbuffers`. The numbers of fields are those of the public
//! schema. Invariant: what it writes is a valid file, though perhaps not a valid model.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::HashMap;

use flatbuffers::{FlatBufferBuilder, ForwardsUOffset, UnionWIPOffset, Vector, WIPOffset};

pub const ADD: u32 = 0;
pub const CONCATENATION: u32 = 2;
pub const CONV_2D: u32 = 3;
pub const DEQUANTIZE: u32 = 6;
pub const LOGISTIC: u32 = 14;
pub const MUL: u32 = 18;
pub const RELU: u32 = 19;
pub const RESHAPE: u32 = 22;
pub const CALL: u32 = 31;
pub const CUSTOM: u32 = 32;
pub const TRANSPOSE: u32 = 39;
pub const SQUEEZE: u32 = 43;
pub const LESS: u32 = 58;
pub const SHAPE: u32 = 77;
pub const FILL: u32 = 94;
pub const WHERE: u32 = 109;
pub const IF: u32 = 118;
pub const WHILE: u32 = 119;
pub const CALL_ONCE: u32 = 129;
pub const VAR_HANDLE: u32 = 142;
pub const READ_VARIABLE: u32 = 143;
pub const ASSIGN_VARIABLE: u32 = 144;

pub const FLOAT32: u8 = 0;
pub const INT32: u8 = 2;
pub const STRING: u8 = 5;
pub const BOOL: u8 = 6;
pub const UINT8: u8 = 3;
pub const INT8: u8 = 9;
pub const RESOURCE: u8 = 13;
pub const INT4: u8 = 17;
pub const BFLOAT16: u8 = 18;

/// A tensor.
#[derive(Clone, Default)]
pub struct Tensor {
    pub name: String,
    pub element: u8,
    pub shape: Vec<i32>,
    pub signature: Vec<i32>,
    pub data: Vec<u8>,
    pub is_variable: bool,
}

/// A tensor of 32-bit floats.
pub fn floats(name: &str, shape: &[i32]) -> Tensor {
    Tensor {
        name: name.into(),
        shape: shape.into(),
        ..Tensor::default()
    }
}

impl Tensor {
    pub fn element(mut self, element: u8) -> Self {
        self.element = element;
        self
    }

    pub fn signature(mut self, signature: &[i32]) -> Self {
        self.signature = signature.into();
        self
    }

    pub fn data(mut self, bytes: usize) -> Self {
        self.data = vec![1; bytes];
        self
    }

    pub fn variable(mut self) -> Self {
        self.is_variable = true;
        self
    }
}

/// The options of an operator.
#[derive(Clone)]
pub enum Options {
    None,
    /// Numbers of subgraphs.
    Bodies(Vec<i32>),
    /// The name of a resource variable.
    Variable(String),
    /// The axis of a concatenation, and its fused activation.
    Along(i32, i8),
}

/// An operator.
#[derive(Clone)]
pub struct Operator {
    pub builtin: u32,
    pub custom: Option<String>,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    pub options: Options,
}

/// An operator without options.
pub fn op(builtin: u32, inputs: &[i32], outputs: &[i32]) -> Operator {
    Operator {
        builtin,
        custom: None,
        inputs: inputs.into(),
        outputs: outputs.into(),
        options: Options::None,
    }
}

impl Operator {
    pub fn bodies(mut self, subgraphs: &[i32]) -> Self {
        self.options = Options::Bodies(subgraphs.into());
        self
    }

    pub fn along(mut self, axis: i32, activation: i8) -> Self {
        self.options = Options::Along(axis, activation);
        self
    }

    pub fn of_variable(mut self, name: &str) -> Self {
        self.options = Options::Variable(name.into());
        self
    }

    pub fn custom(mut self, name: &str) -> Self {
        self.custom = Some(name.into());
        self
    }
}

/// A subgraph.
#[derive(Clone, Default)]
pub struct Graph {
    pub name: String,
    pub tensors: Vec<Tensor>,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    pub operators: Vec<Operator>,
}

/// Entries of metadata: names and the words of their buffers.
pub type Metadata<'a> = &'a [(&'a str, &'a [i32])];

type Tables<'b> = WIPOffset<Vector<'b, ForwardsUOffset<UnionWIPOffset>>>;

/// A file with these subgraphs.
pub fn file(graphs: &[Graph]) -> Vec<u8> {
    file_with(graphs, &[])
}

/// A file with these subgraphs and metadata.
pub fn file_with(graphs: &[Graph], metadata: Metadata<'_>) -> Vec<u8> {
    let mut writer = Writer {
        builder: FlatBufferBuilder::new(),
        buffers: vec![Vec::new()],
        codes: Vec::new(),
        numbers: HashMap::new(),
    };
    let subgraphs: Vec<_> = graphs.iter().map(|graph| writer.graph(graph)).collect();
    let subgraphs = writer.tables(&subgraphs);
    let entries: Vec<_> = metadata
        .iter()
        .map(|(name, words)| writer.metadata(name, words))
        .collect();
    let metadata = (!entries.is_empty()).then(|| writer.tables(&entries));
    let codes: Vec<_> = std::mem::take(&mut writer.codes);
    let codes: Vec<_> = codes.iter().map(|code| writer.code(code)).collect();
    let codes = writer.tables(&codes);
    let buffers: Vec<_> = std::mem::take(&mut writer.buffers);
    let buffers: Vec<_> = buffers.iter().map(|data| writer.buffer(data)).collect();
    let buffers = writer.tables(&buffers);
    let description = writer.builder.create_string("written by a test");
    let table = writer.builder.start_table();
    writer.builder.push_slot_always(slot(0), 3u32);
    writer.builder.push_slot_always(slot(1), codes);
    writer.builder.push_slot_always(slot(2), subgraphs);
    writer.builder.push_slot_always(slot(3), description);
    writer.builder.push_slot_always(slot(4), buffers);
    if let Some(metadata) = metadata {
        writer.builder.push_slot_always(slot(6), metadata);
    }
    let root = writer.builder.end_table(table);
    writer.builder.finish(root, Some("TFL3"));
    writer.builder.finished_data().to_vec()
}

struct Writer<'b> {
    builder: FlatBufferBuilder<'b>,
    buffers: Vec<Vec<u8>>,
    codes: Vec<(u32, Option<String>)>,
    /// Lists of tensors: equal ones are one vector of the file.
    numbers: HashMap<Vec<i32>, WIPOffset<Vector<'b, i32>>>,
}

fn slot(number: u16) -> u16 {
    4 + 2 * number
}

impl<'b> Writer<'b> {
    fn tables(&mut self, tables: &[WIPOffset<UnionWIPOffset>]) -> Tables<'b> {
        self.builder.create_vector(tables)
    }

    fn numbers(&mut self, numbers: &[i32]) -> WIPOffset<Vector<'b, i32>> {
        if let Some(&known) = self.numbers.get(numbers) {
            return known;
        }
        let vector = self.builder.create_vector(numbers);
        self.numbers.insert(numbers.into(), vector);
        vector
    }

    fn graph(&mut self, graph: &Graph) -> WIPOffset<UnionWIPOffset> {
        let tensors: Vec<_> = graph.tensors.iter().map(|t| self.tensor(t)).collect();
        let tensors = self.tables(&tensors);
        let operators: Vec<_> = graph.operators.iter().map(|o| self.operator(o)).collect();
        let operators = self.tables(&operators);
        let inputs = self.builder.create_vector(&graph.inputs);
        let outputs = self.builder.create_vector(&graph.outputs);
        let name = self.builder.create_string(&graph.name);
        let table = self.builder.start_table();
        self.builder.push_slot_always(slot(0), tensors);
        self.builder.push_slot_always(slot(1), inputs);
        self.builder.push_slot_always(slot(2), outputs);
        self.builder.push_slot_always(slot(3), operators);
        self.builder.push_slot_always(slot(4), name);
        self.builder.end_table(table).as_union_value()
    }

    fn tensor(&mut self, tensor: &Tensor) -> WIPOffset<UnionWIPOffset> {
        let buffer = if tensor.data.is_empty() {
            0
        } else {
            self.buffers.push(tensor.data.clone());
            self.buffers.len() as u32 - 1
        };
        let shape = self.builder.create_vector(&tensor.shape);
        let signature = self.builder.create_vector(&tensor.signature);
        let name = self.builder.create_string(&tensor.name);
        let table = self.builder.start_table();
        self.builder.push_slot_always(slot(0), shape);
        self.builder.push_slot_always(slot(1), tensor.element);
        self.builder.push_slot_always(slot(2), buffer);
        self.builder.push_slot_always(slot(3), name);
        self.builder.push_slot_always(slot(5), tensor.is_variable);
        if !tensor.signature.is_empty() {
            self.builder.push_slot_always(slot(7), signature);
        }
        self.builder.end_table(table).as_union_value()
    }

    fn operator(&mut self, operator: &Operator) -> WIPOffset<UnionWIPOffset> {
        let code = (operator.builtin, operator.custom.clone());
        let known = self.codes.iter().position(|other| *other == code);
        let code = known.unwrap_or_else(|| {
            self.codes.push(code);
            self.codes.len() - 1
        });
        let options = self.options(&operator.options);
        let inputs = self.numbers(&operator.inputs);
        let outputs = self.numbers(&operator.outputs);
        let table = self.builder.start_table();
        self.builder.push_slot_always(slot(0), code as u32);
        self.builder.push_slot_always(slot(1), inputs);
        self.builder.push_slot_always(slot(2), outputs);
        if let Some((number, options)) = options {
            self.builder.push_slot_always(slot(3), number);
            self.builder.push_slot_always(slot(4), options);
        }
        self.builder.end_table(table).as_union_value()
    }

    /// The options and their number in the union. That of `IF` stands for all options with bodies.
    fn options(&mut self, options: &Options) -> Option<(u8, WIPOffset<UnionWIPOffset>)> {
        let strings = match options {
            Options::Variable(name) => Some(self.builder.create_string(name)),
            _ => None,
        };
        let (number, table) = match options {
            Options::None => return None,
            Options::Bodies(bodies) => {
                let table = self.builder.start_table();
                for (position, &body) in bodies.iter().enumerate() {
                    self.builder.push_slot_always(slot(position as u16), body);
                }
                (92, table)
            }
            Options::Variable(_) => {
                let table = self.builder.start_table();
                self.builder.push_slot_always(slot(1), strings?);
                (111, table)
            }
            Options::Along(axis, activation) => {
                let table = self.builder.start_table();
                self.builder.push_slot_always(slot(0), *axis);
                self.builder.push_slot_always(slot(1), *activation);
                (10, table)
            }
        };
        Some((number, self.builder.end_table(table).as_union_value()))
    }

    fn code(&mut self, (builtin, custom): &(u32, Option<String>)) -> WIPOffset<UnionWIPOffset> {
        let name = custom.as_ref().map(|name| self.builder.create_string(name));
        let table = self.builder.start_table();
        self.builder
            .push_slot_always(slot(0), (*builtin).min(127) as i8);
        if let Some(name) = name {
            self.builder.push_slot_always(slot(1), name);
        }
        self.builder.push_slot_always(slot(2), 1i32);
        self.builder.push_slot_always(slot(3), *builtin as i32);
        self.builder.end_table(table).as_union_value()
    }

    fn buffer(&mut self, data: &[u8]) -> WIPOffset<UnionWIPOffset> {
        let data = (!data.is_empty()).then(|| self.builder.create_vector(data));
        let table = self.builder.start_table();
        if let Some(data) = data {
            self.builder.push_slot_always(slot(0), data);
        }
        self.builder.end_table(table).as_union_value()
    }

    fn metadata(&mut self, name: &str, words: &[i32]) -> WIPOffset<UnionWIPOffset> {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.buffers.push(bytes);
        let name = self.builder.create_string(name);
        let table = self.builder.start_table();
        self.builder.push_slot_always(slot(0), name);
        let buffer = self.buffers.len() as u32 - 1;
        self.builder.push_slot_always(slot(1), buffer);
        self.builder.end_table(table).as_union_value()
    }
}
