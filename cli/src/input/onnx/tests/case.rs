//! One operator, and what tract computes of it, beside what is declared.
//!
//! A view is right if the result has the bytes of the operand from there on; with elements that are all different it can begin in one place
//! only, so that a view which is not declared is found too. In place is right if an element of the operand changes only the element
//! of the result that takes its place.

use tract_onnx::prelude::{DatumType, IntoRunnable, IntoTValue, TValue, Tensor};

use super::*;

/// Operands a model reads, by type and shape, and constants.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) node: NodeProto,
    operands: Vec<(&'static str, DataType, Vec<i64>)>,
    pub(super) constants: Vec<TensorProto>,
    pub(super) version: i64,
}

impl Case {
    pub(super) fn new(node: NodeProto) -> Self {
        Self {
            node,
            operands: Vec::new(),
            constants: Vec::new(),
            version: 13,
        }
    }

    /// `y` is what the operator makes of `x` and of constants.
    pub(super) fn of_x(operator: &str, dims: &[i64], constants: Vec<TensorProto>) -> Self {
        let names = constants.iter().map(|constant| constant.name.as_str());
        let names: Vec<&str> = std::iter::once("x").chain(names).collect();
        let mut case = Self::new(node(operator, &names, &["y"])).reads("x", FLOAT, dims);
        case.constants = constants;
        case
    }

    pub(super) fn reads(mut self, name: &'static str, dt: DataType, dims: &[i64]) -> Self {
        self.operands.push((name, dt, dims.into()));
        self
    }

    pub(super) fn with(mut self, attribute: AttributeProto) -> Self {
        self.node.attribute.push(attribute);
        self
    }

    fn model(&self) -> ModelProto {
        let inputs = self.operands.iter().map(|(name, dt, dims)| {
            let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
            let dims: Vec<&str> = dims.iter().map(String::as_str).collect();
            value(name, *dt, &dims)
        });
        let results = self.node.output.iter().filter(|name| !name.is_empty());
        let graph = GraphProto {
            input: inputs.collect(),
            node: vec![self.node.clone()],
            output: results.map(|name| value(name, FLOAT, &[])).collect(),
            initializer: self.constants.clone(),
            ..Default::default()
        };
        let opset = OperatorSetIdProto {
            version: self.version,
            ..Default::default()
        };
        ModelProto {
            ir_version: 8,
            opset_import: vec![opset],
            graph: Some(graph),
            ..Default::default()
        }
    }

    fn graph(&self, alignment: usize) -> Graph {
        let options = OnnxOptions {
            alignment,
            ..Default::default()
        };
        let bytes = self.model().encode_to_vec();
        let model = super::super::load_bytes(&bytes, &options);
        model
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.node))
            .graph
    }

    /// The result, its operand and the byte at which it begins there.
    pub(super) fn views(&self, alignment: usize) -> Vec<(String, String, u64)> {
        let graph = self.graph(alignment);
        let name = |id| graph.tensor(id).unwrap().name().to_string();
        let views = graph.ops().iter().flat_map(|op| op.views());
        let views = views.map(|view| (name(view.result), name(view.of), view.offset));
        views.collect()
    }

    /// The operands whose bytes the result may take, in order.
    pub(super) fn in_place(&self) -> Vec<String> {
        let graph = self.graph(1);
        let name = |id| graph.tensor(id).unwrap().name().to_string();
        let pairs = graph.ops().iter().flat_map(|op| op.in_place());
        pairs.map(|pair| name(pair.of)).collect()
    }

    /// What tract makes of these operands.
    fn run(&self, operands: &[Tensor]) -> Vec<TValue> {
        let parsed = tract_onnx::onnx().parse(&self.model(), None).unwrap();
        let plan = parsed.model.into_typed().unwrap().into_runnable().unwrap();
        let operands = operands.iter().map(|tensor| tensor.clone().into_tvalue());
        plan.run(operands.collect()).unwrap().to_vec()
    }

    /// Operands of which no two elements are the same, as far as their type goes.
    fn samples(&self) -> Vec<Tensor> {
        let mut next = 0.0f32;
        let samples = self.operands.iter().map(|(_, dt, dims)| {
            let dims: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
            let numbers: Vec<f32> = (0..dims.iter().product())
                .map(|_| {
                    next += 1.0;
                    next / if *dt == FLOAT { 64.0 } else { 1.0 }
                })
                .collect();
            let tensor = Tensor::from_shape(&dims, &numbers).unwrap();
            let dt = DatumType::try_from(*dt).unwrap();
            tensor.cast_to_dt(dt).unwrap().into_owned()
        });
        samples.collect()
    }

    /// The views that there are in truth, of the first operand, where they keep the alignment.
    fn true_views(&self, alignment: usize) -> Vec<(String, String, u64)> {
        let samples = self.samples();
        let whole = samples[0].as_bytes();
        let element = samples[0].datum_type().size_of();
        let results = self.run(&samples);
        let mut views = Vec::new();
        for (result, name) in results.iter().zip(&self.node.output) {
            let part = result.as_bytes();
            let starts = (0..whole.len().saturating_sub(part.len()) + 1).step_by(element);
            let mut found = starts.filter(|&start| whole[start..].starts_with(part));
            let start = found.find(|start| start.is_multiple_of(alignment) && !part.is_empty());
            views.extend(start.map(|start| (name.clone(), "x".into(), start as u64)));
        }
        views
    }

    #[track_caller]
    pub(super) fn has_its_true_views(&self, alignment: usize) {
        let (declared, computed) = (self.views(alignment), self.true_views(alignment));
        let case = (&self.node, &self.operands, &self.constants);
        assert_eq!(declared, computed, "alignment {alignment}, {case:?}");
    }

    /// The graph where the file states the shape of a result.
    pub(super) fn graph_with_stated(&self, name: &str, dims: &[&str]) -> Graph {
        let mut model = self.model();
        let graph = model.graph.as_mut().unwrap();
        graph.value_info = vec![value(name, FLOAT, dims)];
        let bytes = model.encode_to_vec();
        super::super::load_bytes(&bytes, &OnnxOptions::default())
            .unwrap()
            .graph
    }

    /// Changes one element of an operand after the other.
    #[track_caller]
    pub(super) fn is_by_element(&self, operand: usize) {
        let samples = self.samples();
        let before = self.run(&samples);
        let (size, place) = (
            samples[operand].datum_type().size_of(),
            before[0].datum_type().size_of(),
        );
        for element in 0..samples[operand].len() {
            let mut changed = samples.clone();
            let other = samples[operand].as_bytes()
                [(element + 1) % samples[operand].len() * size..][..size]
                .to_vec();
            let mut bytes = changed[operand].as_bytes().to_vec();
            bytes[element * size..][..size].copy_from_slice(&other);
            changed[operand] = from_bytes(&samples[operand], bytes);
            let after = self.run(&changed);
            let [before, after] = [&before[0], &after[0]].map(|result| result.as_bytes());
            for (i, (old, new)) in before.chunks(place).zip(after.chunks(place)).enumerate() {
                assert!(
                    i == element || old == new,
                    "{:?}: {element} changes {i}",
                    self.node
                );
            }
        }
    }
}

fn from_bytes(like: &Tensor, bytes: Vec<u8>) -> Tensor {
    let shape = like.shape();
    match like.datum_type() {
        DatumType::F32 => {
            let numbers = bytes
                .chunks(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()));
            Tensor::from_shape(shape, &numbers.collect::<Vec<_>>()).unwrap()
        }
        DatumType::I32 => {
            let numbers = bytes
                .chunks(4)
                .map(|b| i32::from_le_bytes(b.try_into().unwrap()));
            Tensor::from_shape(shape, &numbers.collect::<Vec<_>>()).unwrap()
        }
        DatumType::Bool => {
            let truths: Vec<bool> = bytes.iter().map(|&byte| byte != 0).collect();
            Tensor::from_shape(shape, &truths).unwrap()
        }
        other => panic!("no test has operands of {other:?}"),
    }
}
