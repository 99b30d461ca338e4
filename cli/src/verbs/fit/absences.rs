//! When tensors are out of the fast memory, and how they come back.
//!
//! Stands on the library's schedules.
//!
//! ```text
//! step       0      1        2      3         4       5
//!           conv  spill a   relu   conv    fetch a   add     a is absent from conv to add, and is
//! a         ────────┘                         └─────────     fetched
//! ```
//!
//! Invariant: an absence is between two uses by operators, or the end; copies that nothing uses
//! after they came back are not listed.

#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};

use orionrt::{
    Graph, TensorId,
    fit::{CopyId, FitAction, FitSchedule, FitStep},
    graph::OpId,
};

/// How a tensor comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Return {
    /// From the slow memory.
    Fetched,
    /// By an operator that is rerun.
    Recomputed,
    /// From its compressed form.
    Expanded,
}

impl Return {
    /// The name in results.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Recomputed => "recomputed",
            Self::Expanded => "expanded",
        }
    }
}

/// A use of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The caller fills the inputs.
    Start,
    Run(OpId),
    Rerun(OpId),
    /// The caller reads the outputs.
    End,
}

impl Use {
    /// The name of the operator, or that of the end.
    pub(super) fn name(self, graph: &Graph) -> String {
        let name = |op: OpId| graph.ops().get(op.index()).map_or("", |op| op.name());
        match self {
            Self::Start => "the start".into(),
            Self::Run(op) => name(op).into(),
            Self::Rerun(op) => format!("rerun of {}", name(op)),
            Self::End => "the end".into(),
        }
    }
}

/// A time in which a tensor is not in the fast memory as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Absence {
    pub(super) tensor: TensorId,
    pub(super) bytes: u64,
    pub(super) returns: Return,
    /// The last use before it, and the first one after it.
    pub(super) from: Use,
    pub(super) until: Use,
}

/// All of them, in the order in which they end.
pub(super) fn absences(graph: &Graph, schedule: &FitSchedule) -> Vec<Absence> {
    let mut uses = Uses {
        graph,
        schedule,
        last: HashMap::new(),
        back: HashMap::new(),
        found: Vec::new(),
    };
    for step in &schedule.steps {
        match step.action {
            FitAction::Run(op) => {
                uses.read(&step.reads, Use::Run(op));
                uses.written(&step.writes, Use::Run(op));
            }
            FitAction::Rerun(op) => uses.rerun(step, op),
            FitAction::Fetch(_) => step
                .writes
                .iter()
                .for_each(|&copy| uses.back(copy, Return::Fetched)),
            FitAction::Expand(_) => step
                .writes
                .iter()
                .for_each(|&copy| uses.back(copy, Return::Expanded)),
            _ => {}
        }
    }
    uses.read(&schedule.outputs, Use::End);
    uses.found
}

/// The uses so far.
struct Uses<'s> {
    graph: &'s Graph,
    schedule: &'s FitSchedule,
    /// The last use of each tensor.
    last: HashMap<TensorId, Use>,
    /// Copies that have come back and were not used since, with the use before.
    back: HashMap<CopyId, (Return, Use)>,
    found: Vec<Absence>,
}

impl Uses<'_> {
    fn tensor(&self, copy: CopyId) -> Option<TensorId> {
        self.schedule.copy(copy).map(|copy| copy.tensor)
    }

    /// The last use of the tensor of a copy.
    fn last_of(&self, copy: CopyId) -> Use {
        let last = self.tensor(copy).and_then(|tensor| self.last.get(&tensor));
        last.copied().unwrap_or(Use::Start)
    }

    /// A copy comes back.
    fn back(&mut self, copy: CopyId, returns: Return) {
        self.back.insert(copy, (returns, self.last_of(copy)));
    }

    /// The results of an operator come back. What one is written over was there for it alone.
    fn rerun(&mut self, step: &FitStep, op: OpId) {
        let Some(of) = self.graph.ops().get(op.index()) else {
            return;
        };
        let views: HashSet<TensorId> = of.views().iter().map(|view| view.result).collect();
        let reads: HashSet<CopyId> = step.reads.iter().copied().collect();
        let results = of.writes().iter().zip(&step.writes);
        let written = results.filter(|(id, copy)| !(views.contains(id) && reads.contains(copy)));
        let written: Vec<(CopyId, Use)> = written
            .map(|(_, &copy)| match self.back.remove(&copy) {
                Some((_, from)) => (copy, from),
                None => (copy, self.last_of(copy)),
            })
            .collect();
        self.read(&step.reads, Use::Rerun(op));
        for (copy, from) in written {
            self.back.insert(copy, (Return::Recomputed, from));
        }
    }

    fn read(&mut self, copies: &[CopyId], now: Use) {
        for &copy in copies {
            let Some(tensor) = self.tensor(copy) else {
                continue;
            };
            if let Some((returns, from)) = self.back.remove(&copy) {
                let size = self.graph.tensor(tensor).map_or(0, |of| of.layout().size());
                self.found.push(Absence {
                    tensor,
                    bytes: size as u64,
                    returns,
                    from,
                    until: now,
                });
            }
            self.last.insert(tensor, now);
        }
    }

    fn written(&mut self, copies: &[CopyId], now: Use) {
        for &copy in copies {
            if let Some(tensor) = self.tensor(copy) {
                self.last.insert(tensor, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::alloc::Layout;

    use orionrt::{
        GraphBuilder, Planner,
        fit::{Fit, SlowMemory},
    };

    use super::*;

    /// `skip` is idle while the convolutions need 4000 bytes, and is made of 100 bytes.
    fn graph() -> Graph {
        skip_in(|g, x, skip| {
            g.op("conv 0").reads([x]).writes([skip]);
        })
    }

    /// The graph in which `skip` is made of `x` as given.
    fn skip_in(make: impl Fn(&mut GraphBuilder, TensorId, TensorId)) -> Graph {
        let mut g = GraphBuilder::new();
        let mut tensor = |name: &str, size| g.tensor(name, Layout::array::<u8>(size).unwrap());
        let x = tensor("x", 100);
        let [skip, c, y] = ["skip", "c", "y"].map(|name| tensor(name, 1000));
        let [a, b] = ["a", "b"].map(|name| tensor(name, 2000));
        make(&mut g, x, skip);
        g.op("conv 1").reads([skip]).writes([a]);
        g.op("conv 2").reads([a]).writes([b]);
        g.op("conv 3").reads([b]).writes([c]);
        g.op("add").reads([c, skip]).writes([y]);
        g.output(y).build().unwrap()
    }

    fn listed(fit: &Fit) -> Vec<(String, Return, String, String)> {
        listed_of(&graph(), fit)
    }

    fn listed_of(graph: &Graph, fit: &Fit) -> Vec<(String, Return, String, String)> {
        let fitted = Planner::new().fit(graph, fit).unwrap();
        let found = absences(graph, fitted.schedule());
        let each = found.iter().map(|of| {
            assert_eq!(of.bytes, 1000);
            let name = graph.tensor(of.tensor).unwrap().name().to_string();
            (name, of.returns, of.from.name(graph), of.until.name(graph))
        });
        each.collect()
    }

    #[test]
    fn an_absence_is_between_the_uses_before_and_after() {
        let slow = SlowMemory::new(1 << 20, 1e9);
        let found = listed(&Fit::within(4000).slow(slow));
        let skip = |returns| ("skip".into(), returns, "conv 1".into(), "add".into());
        assert_eq!(found, [skip(Return::Fetched)]);
    }

    #[test]
    fn what_is_recomputed_is_absent_until_an_operator_uses_it() {
        let found = listed(&Fit::within(4100).recompute(true));
        let skip = (
            "skip".into(),
            Return::Recomputed,
            "conv 1".into(),
            "add".into(),
        );
        assert_eq!(found, [skip]);
        assert!(listed(&Fit::within(5000).recompute(true)).is_empty());
    }

    #[test]
    fn what_is_recomputed_by_two_operators_in_place_comes_back_once() {
        let graph = skip_in(|g, x, skip| {
            let before = g.tensor("before", Layout::array::<u8>(1000).unwrap());
            g.op("conv 0").reads([x]).writes([before]);
            g.op("relu").in_place(skip, before);
        });
        let found = listed_of(&graph, &Fit::within(4100).recompute(true));
        let skip = (
            "before".into(),
            Return::Recomputed,
            "conv 1".into(),
            "add".into(),
        );
        assert_eq!(found, [skip]);
    }
}
