//! One operator: the declared views and results in place, beside what tract computes.
//!
//! A view is right if the result's bytes are those of the operand from its offset on. All elements
//! differ, so a result can be found at one offset only, and a view that is not declared is noticed
//! too. A result in place is right if changing an element of the operand changes only the element
//! of the result that replaces it.

use orionrt::Graph;
use orionrt_test_models::parts;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{DatumType, InferenceModelExt, IntoRunnable, IntoTValue, TValue, Tensor};

use super::*;

/// A node, its operands by type and shape, and its constants.
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

    /// The operator that computes `y` from `x` and constants.
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
        let inputs = self
            .operands
            .iter()
            .map(|(name, dt, dims)| parts::sized_value(name, *dt, dims));
        let results = self.node.output.iter().filter(|name| !name.is_empty());
        let graph = GraphProto {
            input: inputs.collect(),
            node: vec![self.node.clone()],
            output: results.map(|name| value(name, FLOAT, &[])).collect(),
            initializer: self.constants.clone(),
            ..Default::default()
        };
        parts::model(graph, self.version)
    }

    fn graph(&self, alignment: usize) -> Graph {
        let options = OnnxOptions {
            alignment,
            ..Default::default()
        };
        let bytes = parts::encode(&self.model());
        let model = load_bytes(&bytes, &options);
        model
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.node))
            .graph
    }

    /// The declared views: the result, its operand and the byte at which it begins there.
    pub(super) fn views(&self, alignment: usize) -> Vec<(String, String, u64)> {
        let graph = self.graph(alignment);
        let name = |id| graph.tensor(id).unwrap().name().to_string();
        let views = graph.ops().iter().flat_map(|op| op.views());
        let views = views.map(|view| (name(view.result), name(view.of), view.offset));
        views.collect()
    }

    /// The operands that the result may overwrite, in order.
    pub(super) fn in_place(&self) -> Vec<String> {
        let graph = self.graph(1);
        let name = |id| graph.tensor(id).unwrap().name().to_string();
        let pairs = graph.ops().iter().flat_map(|op| op.in_place());
        pairs.map(|pair| name(pair.of)).collect()
    }

    /// The results that tract computes from these operands.
    fn run(&self, operands: &[Tensor]) -> Vec<TValue> {
        let parsed = tract_onnx::onnx().parse(&self.model(), None).unwrap();
        let plan = parsed.model.into_typed().unwrap().into_runnable().unwrap();
        let operands = operands.iter().map(|tensor| tensor.clone().into_tvalue());
        plan.run(operands.collect()).unwrap().to_vec()
    }

    /// Operands whose elements are all different, if their type has enough values.
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

    /// The results whose bytes are found in the first operand, at an offset of this alignment.
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
    pub(super) fn declares_its_true_views(&self, alignment: usize) {
        let (declared, computed) = (self.views(alignment), self.true_views(alignment));
        let case = (&self.node, &self.operands, &self.constants);
        assert_eq!(declared, computed, "alignment {alignment}, {case:?}");
    }

    /// The graph if the file states the shape of a result.
    pub(super) fn graph_with_stated(&self, name: &str, dims: &[&str]) -> Graph {
        let mut model = self.model();
        let graph = model.graph.as_mut().unwrap();
        graph.value_info = vec![value(name, FLOAT, dims)];
        let bytes = parts::encode(&model);
        load_bytes(&bytes, &OnnxOptions::default()).unwrap().graph
    }

    /// Changes each element of an operand in turn: no other element of the result may change.
    #[track_caller]
    pub(super) fn is_elementwise(&self, operand: usize) {
        let samples = self.samples();
        let before = self.run(&samples);
        let (size, result_size) = (
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
            for (i, (old, new)) in before
                .chunks(result_size)
                .zip(after.chunks(result_size))
                .enumerate()
            {
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
