//! Plans of random graphs, and what random mistakes make of them: each that an independent machine
//! notices is noticed.

use std::ops::Range;

use orionrt::{Aliasing, Graph, Lifetimes, Plan, Planner, TensorId, lifetimes::Lifetime};
use orionrt_testing::{
    flow_graphs::graphs,
    flow_machine::{Address, FlowMachine},
    flow_oracle::traces,
};
use proptest::{prelude::*, sample::Index};

use super::places;

/// A row of a plan's file.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    life: Lifetime,
    gaps: Vec<Range<i64>>,
    /// The name of the tensor that it lies within.
    root: Option<String>,
    offset: u64,
}

fn rows(plan: &Plan) -> Vec<Row> {
    let lifetimes = plan.lifetimes();
    let rows = lifetimes.iter().zip(plan.offsets());
    let root = |row: &Lifetime| Some(lifetimes.name(row.within?.root)?.to_string());
    rows.map(|((id, name, life), &offset)| Row {
        name: name.into(),
        life: *life,
        gaps: lifetimes.gaps(id).collect(),
        root: root(life),
        offset,
    })
    .collect()
}

/// What the check says of a plan's file with these rows.
fn verdict(graph: &Graph, aliasing: Aliasing, rows: &[Row]) -> Result<(), String> {
    let named = rows.iter().map(|row| {
        let mut life = row.life;
        if let (Some(within), Some(root)) = (&mut life.within, &row.root) {
            let at = rows.iter().position(|row| row.name == *root);
            within.root = TensorId::new(at.ok_or("a root that is not there")? as u32);
        }
        Ok((row.name.clone(), life))
    });
    let named: Vec<(String, Lifetime)> = named.collect::<Result<_, String>>()?;
    let stated = Lifetimes::from_named(named).map_err(|error| error.to_string())?;
    let gaps = rows.iter().enumerate();
    let gaps = gaps.map(|(i, row)| (TensorId::new(i as u32), row.gaps.clone()));
    let stated = stated
        .with_all_gaps(gaps)
        .map_err(|error| error.to_string())?;
    let offsets = rows.iter().map(|row| row.offset).collect();
    let plan = Plan::new(stated, offsets).map_err(|error| error.to_string())?;
    let of_model = graph.lifetimes_with(aliasing);
    let offsets = places::offsets(&plan, &of_model, false)?;
    Plan::new(of_model, offsets).map_err(|error| error.to_string())?;
    Ok(())
}

/// Whether every value survives where the rows put the tensors of their names.
fn survives(graph: &Graph, aliasing: Aliasing, rows: &[Row], traces: &[Vec<usize>]) -> bool {
    let lifetimes = graph.lifetimes_with(aliasing);
    let start = |(_, name, _): (TensorId, &str, &Lifetime)| {
        let row = rows.iter().find(|row| row.name == name);
        (0, row.map_or(0, |row| row.offset))
    };
    let starts: Vec<Address> = lifetimes.iter().map(start).collect();
    let mut traces = traces.iter();
    traces.all(|trace| {
        let machine = FlowMachine::new(graph, &lifetimes, starts.clone());
        machine.run(trace).is_ok()
    })
}

#[derive(Clone, Debug)]
enum Mistake {
    Drop(Index),
    Shorten(Index, bool),
    Shrink(Index),
    Swap(Index, Index),
    Move(Index, u64),
    Free(Index),
    Extra,
}

fn mistake() -> impl Strategy<Value = Mistake> {
    prop_oneof![
        any::<Index>().prop_map(Mistake::Drop),
        any::<(Index, bool)>().prop_map(|(at, end)| Mistake::Shorten(at, end)),
        any::<Index>().prop_map(Mistake::Shrink),
        any::<(Index, Index)>().prop_map(|(a, b)| Mistake::Swap(a, b)),
        (any::<Index>(), 0..12u64).prop_map(|(at, to)| Mistake::Move(at, to)),
        any::<Index>().prop_map(Mistake::Free),
        Just(Mistake::Extra),
    ]
}

impl Mistake {
    /// Makes the mistake; whether the file is wrong then whatever the machine says.
    fn make(&self, rows: &mut Vec<Row>) -> bool {
        match self {
            Self::Drop(at) => {
                let dropped = rows.remove(at.index(rows.len()));
                dropped.life.has_bytes()
            }
            Self::Shorten(at, end) => {
                let row = at.get_mut_of(rows);
                let was_alive = row.life.lower < row.life.upper;
                match end {
                    true => row.life.upper -= i64::from(was_alive),
                    false => row.life.lower += i64::from(was_alive),
                }
                was_alive
            }
            Self::Shrink(at) => {
                let row = at.get_mut_of(rows);
                let had_bytes = row.life.size > 0;
                row.life.size -= u64::from(had_bytes);
                had_bytes
            }
            Self::Swap(a, b) => {
                let (a, b) = (a.index(rows.len()), b.index(rows.len()));
                let name = std::mem::take(&mut rows[a].name);
                rows[a].name = std::mem::replace(&mut rows[b].name, name);
                false
            }
            Self::Move(at, to) => {
                at.get_mut_of(rows).offset = *to;
                false
            }
            // A file whose own lifetimes allow everything.
            Self::Free(at) => {
                let row = at.get_mut_of(rows);
                row.life.upper = row.life.lower;
                row.offset = 0;
                false
            }
            Self::Extra => {
                let mut row = rows[0].clone();
                (row.name, row.root, row.offset) = ("extra".into(), None, 1 << 20);
                row.life.within = None;
                rows.push(row);
                true
            }
        }
    }
}

trait Of {
    fn get_mut_of<'r>(&self, rows: &'r mut [Row]) -> &'r mut Row;
}

impl Of for Index {
    fn get_mut_of<'r>(&self, rows: &'r mut [Row]) -> &'r mut Row {
        &mut rows[self.index(rows.len())]
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 20_000,
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn right_plans_pass_and_every_mistake_that_loses_a_value_is_noticed(
        graph in graphs(),
        mistakes in proptest::collection::vec(mistake(), 8),
    ) {
        let traces = traces(&graph, 2, 200);
        prop_assume!(traces.is_some());
        let traces = traces.unwrap_or_default();
        for aliasing in [Aliasing::Off, Aliasing::Views, Aliasing::InPlace] {
            let lifetimes = graph.lifetimes_with(aliasing);
            let plan = Planner::new().nodes(200).plan(&lifetimes).expect("it can be planned");
            let right = rows(&plan);
            prop_assert_eq!(verdict(&graph, aliasing, &right), Ok(()));
            prop_assert!(survives(&graph, aliasing, &right, &traces));
            for mistake in &mistakes {
                let mut wrong = right.clone();
                let is_wrong = mistake.make(&mut wrong);
                let is_lost = is_wrong || !survives(&graph, aliasing, &wrong, &traces);
                if is_lost {
                    let verdict = verdict(&graph, aliasing, &wrong);
                    prop_assert!(verdict.is_err(), "{:?} passes: {:?}", mistake, aliasing);
                }
            }
        }
    }
}
