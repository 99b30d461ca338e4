//! Where each tensor of a network lies under given lifetimes, and what each node has to do.
//!
//! Stands on [`network`](super::network) and on [`orionrt::Lifetimes`], whose rows say which
//! tensors lie within another one, their *root*. A [`Placement`] is made once, and only if every
//! run with it computes what the network says.
//!
//! ```text
//! root qkv  ├────── q ──────┤├────── k ──────┤├────── v ──────┤   q, k, v are views: their nodes
//!                                                                 have nothing to do
//! root wide ├────────────── wide, then gelu ──────────────────┤   gelu is in place: its node
//!                                                                 overwrites wide
//! ```
//!
//! Invariant: a node writes within a root only if the graph declares that its result may lie there;
//! whatever a node reads is alive and has not been overwritten; and a node that works in place
//! reads nothing else in the bytes that it overwrites.

#![forbid(unsafe_code)]

use std::ops::Range;

use orionrt::{Lifetimes, TensorId, graph::Op};

use super::{
    network::{Network, Node},
    run_error::RunError,
};

/// Where a tensor lies: which elements of which root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The tensor that has the bytes: the tensor itself, or the one that it lies within.
    pub root: TensorId,
    /// The elements of the root that are this tensor.
    pub elements: Range<usize>,
}

/// What a node has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Make a new tensor and compute it.
    Compute,
    /// Compute over the operand of this index.
    Overwrite(usize),
    /// Nothing: the result is a part of an existing tensor.
    View,
}

/// The locations of a network's tensors, and the work of its nodes.
#[derive(Clone, Debug)]
pub struct Placement {
    locations: Vec<Location>,
    work: Vec<Work>,
}

impl Placement {
    /// The placement of `network` under `lifetimes`.
    ///
    /// # Errors
    /// When a step would touch a tensor outside of its lifetime or after it was overwritten, when a
    /// tensor lies where the graph does not allow it, or when the lifetimes are not those of this
    /// network.
    pub fn new(network: &Network, lifetimes: &Lifetimes) -> Result<Self, RunError> {
        check_sizes(network, lifetimes)?;
        check_alive(network, lifetimes)?;
        let locations = locations(network, lifetimes);
        let work = works(network, &locations)?;
        check_contents(network, &locations, &work)?;
        Ok(Self { locations, work })
    }

    /// Where a tensor lies.
    pub fn location(&self, id: TensorId) -> &Location {
        &self.locations[id.index()]
    }

    /// What the node at `step` has to do.
    pub fn work(&self, step: usize) -> Work {
        self.work[step]
    }
}

/// Refuses lifetimes of another network.
pub fn check_sizes(network: &Network, lifetimes: &Lifetimes) -> Result<(), RunError> {
    let tensors = network.graph().tensors();
    let expected = tensors.len();
    if lifetimes.len() != expected {
        return Err(RunError::WrongCount {
            expected,
            given: lifetimes.len(),
        });
    }
    for ((id, tensor), row) in tensors.zip(lifetimes.rows()) {
        if row.size < tensor.layout().size() as u64 {
            let expected = network.length(id);
            let (tensor, given) = (tensor.name().into(), row.size as usize / size_of::<f32>());
            return Err(RunError::WrongLength {
                tensor,
                expected,
                given,
            });
        }
    }
    Ok(())
}

/// Refuses lifetimes under which a step would touch a tensor that is not alive. (The library makes
/// a root live as long as what lies within it.)
pub fn check_alive(network: &Network, lifetimes: &Lifetimes) -> Result<(), RunError> {
    let alive = |step: usize, id: TensorId| {
        let row = lifetimes.rows()[id.index()];
        match (row.lower..row.upper).contains(&(step as i64)) {
            true => Ok(()),
            false => Err(not_alive(network, step, id)),
        }
    };
    alive(0, network.input())?;
    for (step, node) in network.nodes().iter().enumerate() {
        node.reads().iter().try_for_each(|&id| alive(step, id))?;
        alive(step, node.writes())?;
    }
    alive(network.nodes().len() - 1, network.output())
}

fn locations(network: &Network, lifetimes: &Lifetimes) -> Vec<Location> {
    let each = lifetimes.iter().map(|(id, _, row)| {
        let (root, offset) = row.within.map_or((id, 0), |at| (at.root, at.offset));
        let start = offset as usize / size_of::<f32>();
        let elements = start..start + network.length(id);
        Location { root, elements }
    });
    each.collect()
}

/// The work of each node; fails if the graph does not declare that a result may lie where it does.
fn works(network: &Network, locations: &[Location]) -> Result<Vec<Work>, RunError> {
    let input = network.input();
    if locations[input.index()].root != input {
        return Err(not_declared(network, locations, input));
    }
    let steps = network.nodes().iter().zip(network.graph().ops());
    let work = steps.map(|(node, op)| {
        let result = node.writes();
        if locations[result.index()].root == result {
            return Ok(Work::Compute);
        }
        let work = view(locations, op).or_else(|| overwrite(locations, node, op));
        work.ok_or_else(|| not_declared(network, locations, result))
    });
    work.collect()
}

/// No work, if the result is a view and lies at its part of the operand.
fn view(locations: &[Location], op: &Op) -> Option<Work> {
    let is_there = op.views().iter().any(|view| {
        let (result, of) = (&locations[view.result.index()], &locations[view.of.index()]);
        let start = of.elements.start + view.offset as usize / size_of::<f32>();
        (result.root, result.elements.start) == (of.root, start)
    });
    is_there.then_some(Work::View)
}

/// Work over an operand, if the result lies exactly there and the node reads nothing else there.
fn overwrite(locations: &[Location], node: &Node, op: &Op) -> Option<Work> {
    let location = &locations[node.writes().index()];
    let within = |id: &&TensorId| locations[id.index()].root == location.root;
    let mut candidates = op.in_place().iter();
    let pair = candidates.find(|pair| locations[pair.of.index()] == *location)?;
    if node.reads().iter().filter(within).count() > 1 {
        return None;
    }
    let operand = node.reads().iter().position(|id| *id == pair.of);
    operand.map(Work::Overwrite)
}

/// Refuses reads of overwritten tensors. Each overwriting gives a root new contents; a tensor is
/// intact as long as its root has the contents that it had when the tensor was written.
fn check_contents(
    network: &Network,
    locations: &[Location],
    work: &[Work],
) -> Result<(), RunError> {
    // How often each root has been overwritten so far, and had been when each tensor was written.
    let mut now = vec![0; locations.len()];
    let mut written = vec![0; locations.len()];
    let root = |id: TensorId| locations[id.index()].root.index();
    for (step, node) in network.nodes().iter().enumerate() {
        let lost = |id: &&TensorId| written[id.index()] != now[root(**id)];
        if let Some(&id) = node.reads().iter().find(lost) {
            return Err(overwritten(network, step, id));
        }
        let result = node.writes();
        if let Work::Overwrite(_) = work[step] {
            now[root(result)] += 1;
        }
        written[result.index()] = now[root(result)];
    }
    let (output, last) = (network.output(), network.nodes().len() - 1);
    match written[output.index()] == now[root(output)] {
        true => Ok(()),
        false => Err(overwritten(network, last, output)),
    }
}

/// Refuses a slice that has not the length of a tensor.
pub fn check_length(network: &Network, id: TensorId, given: usize) -> Result<(), RunError> {
    let expected = network.length(id);
    if given == expected {
        return Ok(());
    }
    let tensor = network.tensor_name(id).into();
    Err(RunError::WrongLength {
        tensor,
        expected,
        given,
    })
}

/// The error that the operator at `step` needs a tensor outside of its lifetime.
pub fn not_alive(network: &Network, step: usize, id: TensorId) -> RunError {
    RunError::NotAlive {
        tensor: network.tensor_name(id).into(),
        op: network.graph().ops()[step].name().into(),
        step,
    }
}

fn overwritten(network: &Network, step: usize, id: TensorId) -> RunError {
    RunError::Overwritten {
        tensor: network.tensor_name(id).into(),
        op: network.graph().ops()[step].name().into(),
        step,
    }
}

fn not_declared(network: &Network, locations: &[Location], id: TensorId) -> RunError {
    RunError::NotDeclared {
        tensor: network.tensor_name(id).into(),
        root: network.tensor_name(locations[id.index()].root).into(),
    }
}

#[cfg(test)]
mod tests {
    use orionrt::{Aliasing, lifetimes::Within};

    use super::*;
    use crate::demo::{kernels::Kernel, models::small_networks, network::NetworkBuilder};

    /// A network whose input has 4 elements. Each node reads the tensors of the given indices,
    /// where 0 is the input and *i* the result of node *i - 1*; the last node writes the output.
    fn network(nodes: &[(&str, Kernel, &[usize])]) -> Network {
        let mut net = NetworkBuilder::new("test", 4);
        let mut ids = vec![net.input()];
        for (name, kernel, reads) in nodes {
            let reads: Vec<_> = reads.iter().map(|&read| ids[read]).collect();
            ids.push(net.node(*name, kernel.clone(), &reads));
        }
        net.build(ids[ids.len() - 1]).unwrap()
    }

    fn linear() -> Kernel {
        Kernel::Linear {
            weight: vec![1.0; 16],
            bias: vec![0.0; 4],
        }
    }

    fn view(start: usize, length: usize) -> Kernel {
        Kernel::View { start, length }
    }

    /// The placement when the named tensors lie within others at these byte offsets and every
    /// tensor is always alive.
    fn placed(network: &Network, within: &[(&str, &str, u64)]) -> Result<Placement, RunError> {
        let steps = network.nodes().len() as i64;
        let named = network.graph().lifetimes_with(Aliasing::Off);
        let rows = named.iter().map(|(_, name, row)| {
            let at = within.iter().find(|(member, ..)| *member == name);
            let mut row = *row;
            (row.lower, row.upper) = (0, steps);
            row.within = at.map(|(_, root, offset)| {
                let root = network.graph().find(root).unwrap();
                Within::new(root, *offset)
            });
            (name, row)
        });
        Placement::new(network, &Lifetimes::from_named(rows).unwrap())
    }

    fn refused(network: &Network, within: &[(&str, &str, u64)]) -> String {
        placed(network, within).unwrap_err().to_string()
    }

    #[test]
    fn lifetimes_decide_what_each_node_does() {
        let [encoder, ..] = small_networks(1);
        let work = |aliasing| {
            let lifetimes = encoder.graph().lifetimes_with(aliasing);
            let placement = Placement::new(&encoder, &lifetimes).unwrap();
            let op = |name: &str| {
                let mut ops = encoder.graph().ops().iter();
                placement.work(ops.position(|op| op.name() == name).unwrap())
            };
            ["layer1.qkv", "layer1.v", "layer1.gelu", "layer1.attended"].map(op)
        };
        assert_eq!(work(Aliasing::Off), [Work::Compute; 4]);
        let [compute, view] = [Work::Compute, Work::View];
        assert_eq!(work(Aliasing::Views), [compute, view, compute, compute]);
        let [gelu, attended] = [Work::Overwrite(0), Work::Overwrite(0)];
        assert_eq!(work(Aliasing::InPlace), [compute, view, gelu, attended]);

        let lifetimes = encoder.graph().lifetimes();
        let placement = Placement::new(&encoder, &lifetimes).unwrap();
        let find = |name| encoder.graph().find(name).unwrap();
        let location = Location {
            root: find("layer1.qkv"),
            elements: 128..192,
        };
        assert_eq!(placement.location(find("layer1.v")), &location);
    }

    #[test]
    fn a_node_overwrites_the_operand_that_lies_in_the_root() {
        let nodes: &[(&str, _, &[usize])] = &[
            ("a", linear(), &[0]),
            ("b", linear(), &[0]),
            ("sum", Kernel::Add, &[1, 2]),
        ];
        let net = network(nodes);
        for (root, operand) in [("a", 0), ("b", 1)] {
            let placement = placed(&net, &[("sum", root, 0)]).unwrap();
            assert_eq!(placement.work(2), Work::Overwrite(operand));
        }
    }

    #[test]
    fn a_result_within_another_tensor_must_be_declared_by_its_operator() {
        let nodes: &[(&str, _, &[usize])] = &[
            ("a", linear(), &[0]),
            ("b", linear(), &[1]),
            ("half", view(2, 2), &[1]),
            ("c", Kernel::Relu, &[2]),
        ];
        let net = network(nodes);
        let message = |tensor: &str, root: &str| {
            format!(
                "tensor '{tensor}' cannot lie within '{root}' at this offset: its operator \
                 declares no such view or result in place"
            )
        };
        assert_eq!(refused(&net, &[("b", "a", 0)]), message("b", "a"));
        assert_eq!(refused(&net, &[("c", "a", 0)]), message("c", "a"));
        assert_eq!(refused(&net, &[("half", "a", 4)]), message("half", "a"));
        assert_eq!(refused(&net, &[("half", "b", 8)]), message("half", "b"));
        assert_eq!(refused(&net, &[("input", "a", 0)]), message("input", "a"));
        assert!(placed(&net, &[("half", "a", 8), ("c", "b", 0)]).is_ok());
    }

    #[test]
    fn a_node_that_reads_the_overwritten_bytes_twice_is_refused() {
        let nodes: &[(&str, _, &[usize])] = &[
            ("a", linear(), &[0]),
            ("again", view(0, 4), &[1]),
            ("sum", Kernel::Add, &[1, 2]),
            ("twice", Kernel::Add, &[3, 3]),
        ];
        let net = network(nodes);
        let shared = refused(&net, &[("again", "a", 0), ("sum", "a", 0)]);
        assert!(shared.contains("'sum' cannot lie within"), "{shared}");
        let twice = refused(&net, &[("twice", "sum", 0)]);
        assert!(twice.contains("'twice' cannot lie within"), "{twice}");
        assert!(placed(&net, &[("again", "a", 0)]).is_ok());
        assert!(placed(&net, &[("sum", "a", 0)]).is_ok());
    }

    #[test]
    fn reading_an_overwritten_tensor_is_refused() {
        let nodes: &[(&str, _, &[usize])] = &[
            ("a", linear(), &[0]),
            ("same", view(0, 4), &[1]),
            ("b", Kernel::Relu, &[1]),
            ("late", linear(), &[2]),
            ("sum", Kernel::Add, &[3, 4]),
        ];
        let net = network(nodes);
        assert_eq!(
            refused(&net, &[("same", "a", 0), ("b", "a", 0)]),
            "tensor 'same' is overwritten before operator 'late' (step 3) needs it"
        );
        assert!(placed(&net, &[("b", "a", 0), ("sum", "a", 0)]).is_ok());
        assert!(placed(&net, &[("b", "a", 0), ("sum", "late", 0)]).is_ok());

        let mut net = NetworkBuilder::new("output", 4);
        let input = net.input();
        let a = net.node("a", linear(), &[input]);
        let _ = net.node("b", Kernel::Relu, &[a]);
        let net = net.build(a).unwrap();
        let output = refused(&net, &[("b", "a", 0)]);
        assert!(output.contains("'a' is overwritten before"), "{output}");
    }
}
