//! Programs, made value by value. Tensors have elements of one byte.

use orionrt_plan::TensorId;

use crate::assembly::assemble;
use crate::element::ElementType;
use crate::error::ModelError;
use crate::model::{Format, Model};
use crate::options::Options;
use crate::program::{
    Alias, AliasKind, Branch, Control, Loop, Node, Program, State, Value, ValueId, ValueKind,
};
use crate::tensor_type::TensorType;
use crate::work::OperatorWork;

/// A program that is being made.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) program: Program,
}

impl Draft {
    pub(super) fn value(&mut self, name: &str, kind: ValueKind) -> ValueId {
        let name = name.into();
        self.program.values.push(Value { name, kind });
        ValueId(self.program.values.len() as u32 - 1)
    }

    pub(super) fn tensor(&mut self, name: &str, bytes: u64) -> ValueId {
        self.typed(name, ElementType::Uint8, &[bytes])
    }

    pub(super) fn typed(&mut self, name: &str, element: ElementType, dims: &[u64]) -> ValueId {
        let tensor = TensorType {
            element,
            dims: dims.into(),
            is_bound: false,
        };
        self.value(name, ValueKind::Tensor(tensor))
    }

    pub(super) fn constant(&mut self, name: &str, bytes: u64) -> ValueId {
        let is_computed = false;
        self.value(name, ValueKind::Constant { bytes, is_computed })
    }

    /// A constant that is computed from others.
    pub(super) fn computed(&mut self, name: &str, bytes: u64) -> ValueId {
        let is_computed = true;
        self.value(name, ValueKind::Constant { bytes, is_computed })
    }

    pub(super) fn unknown(&mut self, name: &str) -> ValueId {
        let dims = vec!["n".into()];
        self.value(name, ValueKind::Unknown { dims })
    }

    pub(super) fn input(&mut self, name: &str, bytes: u64) -> ValueId {
        let id = self.tensor(name, bytes);
        self.program.inputs.push(id);
        id
    }

    pub(super) fn output(&mut self, value: ValueId) -> &mut Self {
        self.program.outputs.push(value);
        self
    }

    pub(super) fn add(&mut self, node: Node) -> &mut Self {
        self.program.nodes.push(node);
        self.program.nodes_in_file += 1;
        self
    }

    pub(super) fn assembled_at(&self, alignment: u64) -> Result<Model, ModelError> {
        self.assembled(&Options::new().alignment(alignment))
    }

    pub(super) fn assembled(&self, options: &Options) -> Result<Model, ModelError> {
        assemble(&self.program, Format::Onnx, options)
    }

    /// The model at an alignment of 1.
    #[track_caller]
    pub(super) fn model(&self) -> Model {
        let model = self.assembled_at(1).expect("a valid program");
        let (ops, types) = (model.graph.ops(), &model.operator_types);
        assert_eq!(
            (ops.len(), model.graph.tensors().len()),
            (types.len(), model.tensor_types.len())
        );
        model
    }
}

pub(super) fn node(name: &str, reads: &[ValueId], writes: &[ValueId]) -> Node {
    Node {
        name: name.into(),
        operator: Node::operator_type(name),
        reads: reads.into(),
        writes: writes.into(),
        aliases: Vec::new(),
        work: OperatorWork::default(),
        control: None,
    }
}

impl Node {
    pub(super) fn alias(mut self, result: ValueId, of: ValueId, kind: AliasKind) -> Self {
        self.aliases.push(Alias { result, of, kind });
        self
    }

    pub(super) fn with(mut self, control: Control) -> Self {
        self.control = Some(control);
        self
    }
}

pub(super) fn branches(branches: Vec<(&str, Vec<Node>, Vec<ValueId>)>) -> Control {
    let branches = branches.into_iter().map(|(name, nodes, results)| Branch {
        name: name.into(),
        nodes,
        results,
    });
    Control::Branches(branches.collect())
}

/// The body of a loop with nodes alone.
pub(super) fn body(nodes: Vec<Node>) -> Loop {
    Loop {
        nodes,
        states: Vec::new(),
        received: Vec::new(),
        slices: Vec::new(),
        stacked: Vec::new(),
        tested: Vec::new(),
    }
}

pub(super) fn state(
    initial: ValueId,
    input: ValueId,
    output: ValueId,
    result: Option<ValueId>,
) -> State {
    State {
        initial,
        input,
        output,
        result,
    }
}

/// The operators of a model: `NAME: operands -> results`.
pub(super) fn listing(model: &Model) -> Vec<String> {
    let name = |id: &TensorId| model.graph.tensor(*id).expect("a tensor").name();
    let names = |ids: &[TensorId]| ids.iter().map(name).collect::<Vec<_>>().join(" ");
    let ops = model.graph.ops().iter();
    let line = |op: &orionrt_plan::graph::Op| {
        format!(
            "{}: {} -> {}",
            op.name(),
            names(op.reads()),
            names(op.writes())
        )
    };
    ops.map(line).collect()
}

/// The size of a tensor by its name.
#[track_caller]
pub(super) fn size(model: &Model, name: &str) -> usize {
    let id = model.graph.find(name).expect("a tensor of this name");
    model.graph.tensor(id).expect("a tensor").layout().size()
}
