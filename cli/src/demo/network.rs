//! A network: kernels over named tensors, and the graph that the planner sees.
//!
//! Stands on [`kernels`](super::kernels). A [`NetworkBuilder`] derives every tensor's length from
//! the kernel that writes it, and declares the same tensors and operators to an
//! [`orionrt::GraphBuilder`], with the results that are views, the operands that a result may
//! overwrite, and those that are parts of a result.
//!
//! Invariant: node *i* is operator *i* of the graph, reads and writes the same tensors under the
//! same ids, and fits their lengths. Weights belong to the nodes and live as long as the network;
//! they are tensors of the graph only [where that is asked for](Network::with_weights).

#![forbid(unsafe_code)]

use std::alloc::Layout;

use orionrt::{Graph, GraphBuilder, TensorId, graph::GraphError};

use super::kernels::Kernel;

/// A kernel, the tensors it reads and the tensor it writes.
#[derive(Clone, Debug)]
pub struct Node {
    kernel: Kernel,
    reads: Vec<TensorId>,
    writes: TensorId,
}

impl Node {
    /// What it computes.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The tensors it reads, at most [`MAX_READS`](super::kernels::MAX_READS), in the order of the
    /// kernel's operands. The last one is the weight, if that is a tensor.
    pub fn reads(&self) -> &[TensorId] {
        &self.reads
    }

    /// The tensor it writes.
    pub fn writes(&self) -> TensorId {
        self.writes
    }
}

/// Nodes in execution order, at least one, from one input tensor to one output tensor.
#[derive(Clone, Debug)]
pub struct Network {
    name: &'static str,
    graph: Graph,
    nodes: Vec<Node>,
    lengths: Vec<usize>,
    input: TensorId,
    output: TensorId,
}

impl Network {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The graph that the planner sees; operator *i* is node *i*.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The nodes in execution order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The tensor that the caller fills.
    pub fn input(&self) -> TensorId {
        self.input
    }

    /// The tensor that holds the result.
    pub fn output(&self) -> TensorId {
        self.output
    }

    /// The elements of a tensor of this network.
    pub fn length(&self, tensor: TensorId) -> usize {
        self.lengths[tensor.index()]
    }

    /// The name of a tensor of this network.
    pub fn tensor_name(&self, tensor: TensorId) -> &str {
        self.graph
            .tensor(tensor)
            .map_or("?", |tensor| tensor.name())
    }

    /// This network with the weights of its nodes as inputs of the graph, which the nodes read. The
    /// other tensors keep their ids.
    ///
    /// # Errors
    /// When a tensor has the name of a weight.
    pub fn with_weights(&self) -> Result<Self, GraphError> {
        let mut net = NetworkBuilder {
            name: self.name,
            graph: GraphBuilder::new(),
            nodes: Vec::new(),
            lengths: Vec::new(),
            input: self.input,
        };
        for (id, tensor) in self.graph.tensors() {
            let (graph, lengths) = (&mut net.graph, &mut net.lengths);
            declare(graph, lengths, tensor.name(), self.length(id));
        }
        net.graph.input(self.input);
        for (node, op) in self.nodes.iter().zip(self.graph.ops()) {
            let mut node = node.clone();
            if let Some(weight) = node.kernel.weight() {
                let name = format!("{}.weight", op.name());
                let weight = declare(&mut net.graph, &mut net.lengths, &name, weight.len());
                net.graph.input(weight);
                node.reads.push(weight);
            }
            net.push(op.name().into(), node);
        }
        net.build(self.output)
    }

    /// The tensors that are weights, with their values: none but of a network
    /// [with weights](Self::with_weights).
    pub fn weights(&self) -> impl Iterator<Item = (TensorId, &[f32])> {
        let weighted = self.nodes.iter().filter(|node| {
            let inputs = node.reads.len();
            inputs > node.kernel.arity()
        });
        weighted.filter_map(|node| Some((*node.reads.last()?, node.kernel.weight()?)))
    }

    /// This network with its nodes in an order of lower peak load, if there is one.
    #[cfg(test)]
    pub fn reordered(&self) -> Self {
        let reordered = self.graph.reordered();
        let nodes = reordered.order.iter().map(|&step| self.nodes[step].clone());
        Self {
            nodes: nodes.collect(),
            graph: reordered.graph,
            ..self.clone()
        }
    }
}

/// Collects the nodes of a network in execution order.
#[derive(Debug)]
pub struct NetworkBuilder {
    name: &'static str,
    graph: GraphBuilder,
    nodes: Vec<Node>,
    lengths: Vec<usize>,
    input: TensorId,
}

impl NetworkBuilder {
    /// A network of this name with an input of `length` elements.
    pub fn new(name: &'static str, length: usize) -> Self {
        let (mut graph, mut lengths) = (GraphBuilder::new(), Vec::new());
        let input = declare(&mut graph, &mut lengths, "input", length);
        graph.input(input);
        Self {
            name,
            graph,
            nodes: Vec::new(),
            lengths,
            input,
        }
    }

    /// The tensor that the caller fills.
    pub fn input(&self) -> TensorId {
        self.input
    }

    /// Adds a node that writes a tensor of its own name, and returns that tensor.
    ///
    /// # Panics
    /// When the kernel does not read as many tensors, or not tensors of these lengths.
    pub fn node(
        &mut self,
        name: impl Into<String>,
        kernel: Kernel,
        reads: &[TensorId],
    ) -> TensorId {
        let name = name.into();
        assert_eq!(reads.len(), kernel.arity(), "inputs of node '{name}'");
        let read: Vec<usize> = reads.iter().map(|id| self.lengths[id.index()]).collect();
        assert!(kernel.accepts(&read), "lengths {read:?} of node '{name}'");
        let writes = declare(
            &mut self.graph,
            &mut self.lengths,
            &name,
            kernel.written(&read),
        );
        self.push(
            name,
            Node {
                kernel,
                reads: reads.to_vec(),
                writes,
            },
        );
        writes
    }

    fn push(&mut self, name: String, node: Node) {
        let Node {
            kernel,
            reads,
            writes,
        } = &node;
        let op = self.graph.op(name);
        let mut op = op.reads(reads.iter().copied()).writes([*writes]);
        if let Some(start) = kernel.view_start() {
            op = op.view(*writes, reads[0], (start * size_of::<f32>()) as u64);
        }
        for &operand in kernel.overwrites() {
            op = op.in_place(*writes, reads[operand]);
        }
        let mut start = 0;
        for &read in reads.iter().filter(|_| kernel.is_concatenation()) {
            op = op.part(read, *writes, (start * size_of::<f32>()) as u64);
            start += self.lengths[read.index()];
        }
        self.nodes.push(node);
    }

    /// The network whose result is `output`.
    ///
    /// # Errors
    /// When two nodes have the same name, or a node reads a tensor that no earlier node writes.
    ///
    /// # Panics
    /// When there is no node.
    pub fn build(mut self, output: TensorId) -> Result<Network, GraphError> {
        assert!(
            !self.nodes.is_empty(),
            "network '{}' has no node",
            self.name
        );
        Ok(Network {
            name: self.name,
            graph: self.graph.output(output).build()?,
            nodes: self.nodes,
            lengths: self.lengths,
            input: self.input,
            output,
        })
    }
}

fn declare(
    graph: &mut GraphBuilder,
    lengths: &mut Vec<usize>,
    name: &str,
    length: usize,
) -> TensorId {
    let layout = Layout::array::<f32>(length).expect("a tensor is smaller than the address space");
    lengths.push(length);
    graph.tensor(name, layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::kernels::{images::Image, matrix::Heads};

    #[test]
    fn lengths_come_from_the_kernels() {
        let image = Image {
            height: 4,
            width: 6,
            channels: 2,
        };
        let mut net = NetworkBuilder::new("lengths", image.elements());
        let mut lengths = Vec::new();
        let input = net.input();
        let convolution = Kernel::Convolution {
            blocks: vec![image],
            weight: vec![0.0; 18 * 3],
            bias: vec![0.0; 3],
        };
        let columns = net.node("columns", convolution, &[input]);
        let weight = Kernel::Linear {
            weight: vec![0.0; 3 * 5],
            bias: vec![0.0; 5],
        };
        let convolved = net.node("convolved", weight, &[columns]);
        let scores = net.node(
            "scores",
            Kernel::AttentionScores(Heads { count: 5, width: 5 }),
            &[convolved; 2],
        );
        let pooled = net.node("pooled", Kernel::MaxPool(image), &[input]);
        let upsampled = net.node("upsampled", Kernel::Upsample(image.halved()), &[pooled]);
        let joined = net.node("joined", Kernel::Concat, &[input, upsampled]);
        let stack = Kernel::StackedLinear {
            count: 3,
            weight: vec![0.0; 3 * 4 * 7],
            bias: vec![0.0; 3 * 7],
        };
        let stacked = net.node("stacked", stack, &[joined]);
        let (start, length) = (24 * 7, 24 * 7);
        let second = net.node("second", Kernel::View { start, length }, &[stacked]);
        let mean = net.node("mean", Kernel::AverageRows { width: 5 }, &[convolved]);
        let net = net.build(mean).unwrap();
        lengths.extend([columns, convolved, scores, pooled, mean].map(|id| net.length(id)));
        assert_eq!(lengths, [24 * 3, 24 * 5, 5 * 24 * 24, 12, 5]);
        let lengths = [upsampled, joined, stacked, second].map(|id| net.length(id));
        assert_eq!(lengths, [48, 24 * 4, 3 * 24 * 7, 24 * 7]);
        for (id, tensor) in net.graph().tensors() {
            assert_eq!(tensor.layout().size(), 4 * net.length(id));
        }
        assert_eq!(net.tensor_name(scores), "scores");
    }

    #[test]
    fn views_and_results_in_place_are_declared_to_the_graph() {
        let mut net = NetworkBuilder::new("declared", 8);
        let input = net.input();
        let (start, length) = (4, 4);
        let view = net.node("view", Kernel::View { start, length }, &[input]);
        let relu = net.node("relu", Kernel::Relu, &[view]);
        let sum = net.node("sum", Kernel::Add, &[view, relu]);
        let twice = net.node("twice", Kernel::Add, &[sum, sum]);
        let graph = net.build(twice).unwrap().graph;
        let [view_op, relu_op, sum_op, twice_op] = graph.ops() else {
            panic!("four operators")
        };
        let in_place = orionrt::graph::InPlace::new;
        let expected = orionrt::graph::View::new(view, input, 16);
        assert_eq!(view_op.views(), [expected]);
        assert_eq!(relu_op.in_place(), [in_place(relu, view)]);
        assert_eq!(
            sum_op.in_place(),
            [in_place(sum, view), in_place(sum, relu)]
        );
        assert_eq!(twice_op.reads(), [sum, sum]);
        assert!(view_op.in_place().is_empty() && sum_op.views().is_empty());
        // A tensor read twice is never overwritten, whatever is declared.
        let lifetimes = graph.lifetimes();
        assert_eq!(lifetimes.rows()[twice.index()].within, None);
        assert_ne!(lifetimes.rows()[sum.index()].within, None);
    }

    #[test]
    fn the_operands_of_a_concatenation_are_declared_to_be_parts_of_its_result() {
        let mut net = NetworkBuilder::new("joined", 8);
        let input = net.input();
        let (start, length) = (4, 3);
        let view = net.node("view", Kernel::View { start, length }, &[input]);
        let relu = net.node("relu", Kernel::Relu, &[view]);
        let joined = net.node("joined", Kernel::Concat, &[relu, input]);
        let graph = net.build(joined).unwrap().graph;
        let part = orionrt::graph::Part::new;
        let parts: Vec<_> = graph.ops().iter().flat_map(|op| op.parts()).collect();
        assert_eq!(parts, [&part(relu, joined, 0), &part(input, joined, 12)]);
    }

    #[test]
    fn weights_are_tensors_where_that_is_asked_for() {
        let kernel = |salt: f32| Kernel::Linear {
            weight: vec![salt; 16],
            bias: vec![0.0; 4],
        };
        let mut net = NetworkBuilder::new("weights", 4);
        let input = net.input();
        let a = net.node("a", kernel(1.0), &[input]);
        let relu = net.node("relu", Kernel::Relu, &[a]);
        let b = net.node("b", kernel(2.0), &[relu]);
        let net = net.build(b).unwrap();
        assert_eq!(net.weights().count(), 0);
        let weighted = net.with_weights().unwrap();
        let found: Vec<_> = weighted.weights().collect();
        let ids = ["a.weight", "b.weight"].map(|name| weighted.graph().find(name).unwrap());
        assert_eq!(found, [(ids[0], &[1.0; 16][..]), (ids[1], &[2.0; 16][..])]);
        assert_eq!(weighted.graph().inputs(), [input, ids[0], ids[1]]);
        assert_eq!(weighted.nodes()[2].reads(), [relu, ids[1]]);
        assert_eq!(
            weighted.graph().ops()[1].in_place(),
            net.graph().ops()[1].in_place()
        );
        assert_eq!(weighted.length(ids[0]), 16);
    }

    #[test]
    fn a_node_that_reads_the_result_of_a_later_node_is_refused() {
        let mut net = NetworkBuilder::new("swapped", 8);
        let input = net.input();
        let [a, b] = ["a", "b"].map(|name| declare(&mut net.graph, &mut net.lengths, name, 8));
        net.push(
            "b".into(),
            Node {
                kernel: Kernel::Relu,
                reads: vec![a],
                writes: b,
            },
        );
        net.push(
            "a".into(),
            Node {
                kernel: Kernel::Relu,
                reads: vec![input],
                writes: a,
            },
        );
        let error = net.build(b).unwrap_err();
        let is_named = |error: &GraphError| match error {
            GraphError::ReadBeforeWritten { tensor, .. } => tensor.name() == "a",
            _ => false,
        };
        assert!(is_named(&error), "{error}");
    }

    #[test]
    #[should_panic(expected = "inputs of node 'sum'")]
    fn a_node_with_too_few_inputs_is_refused() {
        let mut net = NetworkBuilder::new("few", 8);
        let input = net.input();
        net.node("sum", Kernel::Add, &[input]);
    }
}
