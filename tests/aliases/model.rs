//! Slots against a model of memory: each owner has a range of bytes, and each byte a value.

use std::{cell::Cell, mem};

use allocator_api2::{alloc::Global, boxed::Box};
use orionrt::{Aliasing, Planner, TensorId, TensorPool, slots::Slot};
use orionrt_testing::{
    alias_graphs::{graphs, graphs_with_parts},
    slot_oracle::can_split,
};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};

use crate::transfer::Shared;

#[derive(Clone, Debug)]
enum Step {
    Fill(Index, u8),
    Drop(Index),
    /// Transfers a tensor to any others, which may be impossible.
    Transfer(Index, Vec<Index>),
    /// Transfers a tensor to others that lie within it.
    Split(Index, Vec<Index>),
    /// Joins tensors to any other one, which may be impossible: all within it, or one less.
    Join(Index, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        3 => (index(), any::<u8>()).prop_map(|(id, value)| Step::Fill(id, value)),
        1 => index().prop_map(Step::Drop),
        1 => (index(), vec(index(), 0..3)).prop_map(|(at, to)| Step::Transfer(at, to)),
        3 => (index(), vec(index(), 0..4)).prop_map(|(at, to)| Step::Split(at, to)),
        3 => (index(), any::<bool>()).prop_map(|(to, all)| Step::Join(to, all)),
    ];
    vec(step, 1..60)
}

struct MemoryModel<'p> {
    pool: &'p TensorPool<Global>,
    live: Vec<(TensorId, Shared<'p, u8, Global>)>,
    memory: Vec<u8>,
    joined: &'p Cell<u32>,
}

impl<'p> MemoryModel<'p> {
    fn ids(&self) -> Vec<TensorId> {
        (0..self.pool.plan().len() as u32)
            .map(TensorId::new)
            .collect()
    }

    /// The bytes of a tensor while it is alive.
    fn bytes(&self, id: TensorId) -> std::ops::Range<usize> {
        let bytes = self.pool.plan().bytes(id).unwrap();
        bytes.start as usize..bytes.end as usize
    }

    fn overlap(&self, a: TensorId, b: TensorId) -> bool {
        let (a, b) = (self.bytes(a), self.bytes(b));
        a.start.max(b.start) < a.end.min(b.end)
    }

    fn is_never_alive(&self, id: TensorId) -> bool {
        let row = self.pool.plan().lifetimes().get(id).unwrap();
        row.lower == row.upper && row.size > 0
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let ids = self.ids();
        match step {
            Step::Fill(id, value) => {
                let id = *id.get(&ids);
                let blocked = self.live.iter().any(|&(other, _)| self.overlap(id, other));
                let filled = self.pool.filled(id, *value);
                prop_assert_eq!(filled.is_ok(), !blocked && !self.is_never_alive(id));
                if let Ok(tensor) = filled {
                    let bytes = self.bytes(id);
                    self.memory[bytes].fill(*value);
                    self.live.push((id, tensor));
                }
            }
            Step::Drop(at) if !self.live.is_empty() => {
                self.live.swap_remove(at.index(self.live.len()));
            }
            Step::Transfer(at, to) if !self.live.is_empty() => {
                let to = to.iter().map(|id| *id.get(&ids)).collect::<Vec<_>>();
                self.split_into(at.index(self.live.len()), &to)?;
            }
            Step::Split(at, to) if !self.live.is_empty() => {
                let at = at.index(self.live.len());
                let fits = |&id: &TensorId| can_split(self.pool.plan(), self.live[at].0, &[id]);
                let within: Vec<TensorId> = ids.into_iter().filter(fits).collect();
                let mut parts: Vec<TensorId> = Vec::new();
                for id in to
                    .iter()
                    .filter(|_| !within.is_empty())
                    .map(|id| *id.get(&within))
                {
                    if parts.iter().all(|&part| !self.overlap(part, id)) {
                        parts.push(id);
                    }
                }
                self.split_into(at, &parts)?;
            }
            Step::Join(to, all) => self.join(*to.get(&ids), *all)?,
            _ => {}
        }
        self.check()
    }

    fn split_into(&mut self, at: usize, to: &[TensorId]) -> Result<(), TestCaseError> {
        let (from, tensor) = self.live.swap_remove(at);
        let expected = can_split(self.pool.plan(), from, to);
        match Slot::split_into(tensor, to) {
            Ok(parts) => {
                prop_assert!(expected, "{} to {:?}", from, to);
                self.live.extend(to.iter().copied().zip(parts));
            }
            Err(refused) => {
                prop_assert!(!expected, "{} to {:?}: {}", from, to, refused);
                self.live.push((from, refused.tensor));
            }
        }
        Ok(())
    }

    fn join(&mut self, to: TensorId, all: bool) -> Result<(), TestCaseError> {
        let plan = self.pool.plan();
        let Ok(slot) = self.pool.slot(to) else {
            return Ok(());
        };
        let is_part = |id: TensorId| can_split(plan, to, &[id]);
        let (mut parts, others) = mem::take(&mut self.live)
            .into_iter()
            .partition::<Vec<_>, _>(|&(id, _)| is_part(id));
        self.live = others;
        if !all {
            self.live.extend(parts.pop());
        }
        let filled: usize = parts.iter().map(|&(id, _)| self.bytes(id).len()).sum();
        let expected = filled == self.bytes(to).len();
        let (ids, tensors): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        match slot.join(tensors) {
            Ok(tensor) => {
                prop_assert!(expected, "{:?} to {}", ids, to);
                self.joined
                    .set(self.joined.get() + u32::from(ids.len() > 1));
                self.live.push((to, tensor));
            }
            Err(refused) => {
                prop_assert!(!expected, "{:?} to {}: {}", ids, to, refused);
                self.live.extend(ids.into_iter().zip(refused.tensors));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for (id, tensor) in &self.live {
            prop_assert_eq!(Box::allocator(tensor).tensor(), *id);
            prop_assert_eq!(&tensor[..], &self.memory[self.bytes(*id)]);
        }
        for id in self.ids() {
            let has_bytes = |other: TensorId| !self.bytes(other).is_empty();
            let is_live = self
                .live
                .iter()
                .any(|&(other, _)| other == id && has_bytes(id));
            prop_assert_eq!(self.pool.is_live(id), is_live);
            let in_the_way = self.live.iter().any(|&(other, _)| self.overlap(id, other));
            prop_assert_eq!(self.pool.in_the_way(id).is_some(), in_the_way, "{}", id);
        }
        Ok(())
    }
}

#[test]
fn every_byte_has_one_owner_and_keeps_its_value() {
    let joined = Cell::new(0);
    let cases = ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 200 });
    let any_graph = prop_oneof![graphs(1), graphs_with_parts()];
    let tested = TestRunner::new(cases).run(&(any_graph, steps()), |(graph, steps)| {
        let lifetimes = graph.lifetimes_with(Aliasing::Parts);
        let plan = Planner::new().nodes(1000).plan(&lifetimes).unwrap();
        let pool = TensorPool::new(Global, &plan).unwrap();
        let memory = vec![0; plan.peak() as usize];
        let (pool, live, joined) = (&pool, Vec::new(), &joined);
        let mut model = MemoryModel {
            pool,
            live,
            memory,
            joined,
        };
        for step in &steps {
            model.step(step)?;
        }
        model.live.clear();
        for id in model
            .ids()
            .into_iter()
            .filter(|&id| !model.is_never_alive(id))
        {
            prop_assert!(pool.filled(id, 0u8).is_ok());
        }
        Ok(())
    });
    tested.unwrap();
    // Of all steps, some join several tensors.
    assert!(cfg!(miri) || joined.get() > 20, "{}", joined.get());
}
