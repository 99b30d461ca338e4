//! A network: a list of kernels over named tensors, and the graph that says so to the planner.
//!
//! Stands on [`kernels`](super::kernels) and [`images`](super::images). A [`NetworkBuilder`] derives every tensor's length from the
//! kernel that writes it, and declares the same tensors and operators to an [`orionrt::GraphBuilder`].
//!
//! Invariant: node *i* is operator *i* of the graph, reads and writes the same tensors under the same
//! ids, and fits their lengths. Weights belong to the nodes and are no tensors of the graph: they live
//! as long as the network.

#![forbid(unsafe_code)]

use std::alloc::Layout;

use orionrt::{Graph, GraphBuilder, GraphError, TensorId};

use super::{
    images::{self, Image},
    kernels::{self, Heads},
};

/// No kernel reads more tensors than this.
pub const MAX_READS: usize = 2;

/// What one node computes, with its weights.
#[derive(Clone, Debug)]
pub enum Kernel {
    /// [`kernels::linear`].
    Linear {
        /// `[in, out]`.
        weight: Vec<f32>,
        /// `[out]`.
        bias: Vec<f32>,
    },
    /// [`kernels::attention_scores`] of queries and keys.
    AttentionScores(Heads),
    /// [`kernels::attention_mix`] of probabilities and values.
    AttentionMix(Heads),
    /// [`kernels::softmax`].
    Softmax {
        /// The length of a row.
        width: usize,
    },
    /// [`kernels::layer_norm`].
    LayerNorm {
        /// `[width]`.
        gain: Vec<f32>,
        /// `[width]`.
        bias: Vec<f32>,
    },
    /// [`kernels::gelu`].
    Gelu,
    /// [`kernels::relu`].
    Relu,
    /// [`kernels::add`].
    Add,
    /// [`images::im2col`] of this image.
    Im2col(Image),
    /// [`images::max_pool`] of this image.
    MaxPool(Image),
    /// [`kernels::average_rows`].
    AverageRows {
        /// The length of a row.
        width: usize,
    },
}

impl Kernel {
    /// How many tensors it reads.
    fn arity(&self) -> usize {
        match self {
            Self::AttentionScores(_) | Self::AttentionMix(_) | Self::Add => 2,
            _ => 1,
        }
    }

    /// How many elements it writes when the tensors it reads have `read` elements.
    fn written(&self, read: &[usize]) -> usize {
        match self {
            Self::Linear { weight, bias } => read[0] * bias.len() / (weight.len() / bias.len()),
            Self::AttentionScores(heads) => heads.count * (read[0] / heads.width).pow(2),
            Self::AttentionMix(_) => read[1],
            Self::Im2col(image) => image.elements() * images::WINDOW_PIXELS,
            Self::MaxPool(image) => image.elements() / 4,
            Self::AverageRows { width } => *width,
            Self::Softmax { .. } | Self::LayerNorm { .. } | Self::Gelu | Self::Relu | Self::Add => {
                read[0]
            }
        }
    }

    /// Computes `output` from `inputs`, as many as the network says.
    ///
    /// # Panics
    /// When the inputs are not those of a node with this kernel.
    pub fn run(&self, inputs: &[&[f32]], output: &mut [f32]) {
        match (self, inputs) {
            (Self::Linear { weight, bias }, [x]) => kernels::linear(x, weight, bias, output),
            (Self::AttentionScores(heads), [q, k]) => {
                kernels::attention_scores(q, k, *heads, output)
            }
            (Self::AttentionMix(heads), [p, v]) => kernels::attention_mix(p, v, *heads, output),
            (Self::Softmax { width }, [x]) => kernels::softmax(x, *width, output),
            (Self::LayerNorm { gain, bias }, [x]) => kernels::layer_norm(x, gain, bias, output),
            (Self::Gelu, [x]) => kernels::gelu(x, output),
            (Self::Relu, [x]) => kernels::relu(x, output),
            (Self::Add, [a, b]) => kernels::add(a, b, output),
            (Self::Im2col(image), [x]) => images::im2col(x, *image, output),
            (Self::MaxPool(image), [x]) => images::max_pool(x, *image, output),
            (Self::AverageRows { .. }, [x]) => kernels::average_rows(x, output),
            (_, inputs) => panic!(
                "a kernel of {} inputs was given {}",
                self.arity(),
                inputs.len()
            ),
        }
    }
}

/// One step: a kernel, the tensors it reads and the one it writes.
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

    /// The tensors it reads, in the order its kernel takes them; at most [`MAX_READS`].
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
    /// What to call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The same network as a planner sees it; operator *i* is node *i*.
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
    /// When the kernel reads another number of tensors.
    pub fn node(
        &mut self,
        name: impl Into<String>,
        kernel: Kernel,
        reads: &[TensorId],
    ) -> TensorId {
        let name = name.into();
        assert_eq!(reads.len(), kernel.arity(), "inputs of node '{name}'");
        let read: Vec<usize> = reads.iter().map(|id| self.lengths[id.index()]).collect();
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
        let op = self.graph.op(name);
        op.reads(node.reads.iter().copied()).writes([node.writes]);
        self.nodes.push(node);
    }

    /// The network whose result is `output`.
    ///
    /// # Errors
    /// When two nodes have one name, or a node reads what is not written before it.
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
        let columns = net.node("columns", Kernel::Im2col(image), &[input]);
        let weight = Kernel::Linear {
            weight: vec![0.0; 18 * 5],
            bias: vec![0.0; 5],
        };
        let convolved = net.node("convolved", weight, &[columns]);
        let scores = net.node(
            "scores",
            Kernel::AttentionScores(Heads { count: 5, width: 5 }),
            &[convolved; 2],
        );
        let pooled = net.node("pooled", Kernel::MaxPool(image), &[input]);
        let mean = net.node("mean", Kernel::AverageRows { width: 5 }, &[convolved]);
        let net = net.build(mean).unwrap();
        lengths.extend([columns, convolved, scores, pooled, mean].map(|id| net.length(id)));
        assert_eq!(lengths, [24 * 18, 24 * 5, 5 * 24 * 24, 12, 5]);
        for (id, tensor) in net.graph().tensors() {
            assert_eq!(tensor.layout().size(), 4 * net.length(id));
        }
        assert_eq!(net.tensor_name(scores), "scores");
    }

    #[test]
    fn a_node_that_reads_what_comes_later_is_refused() {
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
        assert!(
            matches!(error, GraphError::ReadBeforeWritten { ref tensor, .. } if tensor == "a"),
            "{error}"
        );
    }

    #[test]
    #[should_panic(expected = "inputs of node 'sum'")]
    fn a_node_with_an_input_too_few_is_refused() {
        let mut net = NetworkBuilder::new("few", 8);
        let input = net.input();
        net.node("sum", Kernel::Add, &[input]);
    }
}
