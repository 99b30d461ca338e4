//! The check of schedules with spills, fetches and reruns: each rule refuses what breaks it, and
//! what is accepted computes what the graph computes.

use std::alloc::Layout;

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    fit::{
        Codec, Compression, CopyId, Fit, FitAction, FitMistake, FitRule as Rule, FitSchedule, Form,
        Memory, OperatorCosts, SlowMemory, TensorCopy,
    },
    graph::OpId,
};
use orionrt_testing::{
    fit_changes::{KINDS, change, remove},
    fit_instances::{FitInstance, fit_instances, sizes_of},
    fit_machine::computes,
};
use proptest::prelude::*;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("small")
}

/// A chain in which the first result is needed once more at the end, and has to leave.
///
/// ```text
/// step     0        1         2         3        4         5        6
///        conv 0   conv 1  spill skip  conv 2   conv 3  fetch skip  add
/// ```
fn skip() -> (Graph, Fit) {
    let mut g = GraphBuilder::new();
    let [x, skip, c, y] = ["x", "skip", "c", "y"].map(|name| g.tensor(name, layout(10, 1)));
    let [a, b] = ["a", "b"].map(|name| g.tensor(name, layout(20, 1)));
    g.op("conv 0").reads([x]).writes([skip]);
    g.op("conv 1").reads([skip]).writes([a]);
    g.op("conv 2").reads([a]).writes([b]);
    g.op("conv 3").reads([b]).writes([c]);
    g.op("add").reads([c, skip]).writes([y]);
    let graph = g.output(y).build().expect("a chain");
    let fit = Fit::within(40).slow(SlowMemory::new(100, 10.0));
    (graph, fit)
}

const SPILL: usize = 2;
const FETCH: usize = 5;
const LAST: usize = 6;

/// One operator, with operands and results that are aligned to 4 bytes, and room around them.
fn aligned() -> (Graph, Fit) {
    let mut g = GraphBuilder::new();
    let [w, x] = ["w", "x"].map(|name| g.tensor(name, layout(4, 4)));
    let y = g.tensor("y", layout(8, 4));
    g.op("mul").reads([w, x]).writes([y]);
    (g.output(y).build().expect("one operator"), Fit::within(40))
}

/// What the check says of the schedule of a graph after a change.
fn broken((graph, fit): (Graph, Fit), change: impl Fn(&mut FitSchedule)) -> FitMistake {
    let fitted = Planner::new().fit(&graph, &fit).expect("it fits");
    let mut schedule = fitted.schedule().clone();
    change(&mut schedule);
    schedule.check(&graph, &fit).expect_err("it was broken")
}

/// The rule that the schedule of [`skip`] breaks after a change, and the name at fault.
fn rule(change: impl Fn(&mut FitSchedule)) -> (Rule, String) {
    let mistake = broken(skip(), change);
    (mistake.rule, mistake.name)
}

fn of(rule: Rule, name: &str) -> (Rule, String) {
    (rule, name.to_string())
}

#[test]
fn what_is_not_there_cannot_be_read() {
    let found = rule(|schedule| remove(schedule, SPILL));
    assert_eq!(found, of(Rule::NotSpilled, "skip"));
    let found = rule(|schedule| remove(schedule, FETCH));
    assert_eq!(found, of(Rule::NeverWritten, "skip"));
    let found = rule(|schedule| schedule.steps[FETCH].reads.clear());
    assert_eq!(found, of(Rule::NotStored, "skip"));
    let found = rule(|schedule| schedule.steps[LAST].reads.swap(0, 1));
    let holds = "skip".to_string();
    assert_eq!(found, of(Rule::NotThere { holds }, "c"));
    // In the copy from before the spill.
    let found = rule(|schedule| {
        let old = schedule.steps[SPILL].reads[0];
        schedule.steps[LAST].reads[1] = old;
    });
    assert_eq!(found, of(Rule::NoBytes, "skip"));
}

#[test]
fn copies_lie_in_their_memories_and_share_no_bytes() {
    let found = rule(|schedule| {
        let [c, skip] = [0, 1].map(|at| schedule.steps[LAST].reads[at].index());
        schedule.copies[skip].offset = schedule.copies[c].offset + 9;
    });
    let memory = Memory::Fast;
    assert!(matches!(
        found.0,
        Rule::Overlap {
            memory: Memory::Fast,
            ..
        }
    ));
    let found = rule(|schedule| schedule.copies[0].offset = 31);
    let (capacity, end) = (40, 41);
    assert_eq!(
        found,
        of(
            Rule::Capacity {
                memory,
                capacity,
                end
            },
            "x"
        )
    );
    let found = rule(|schedule| schedule.copies[0].offset = u64::MAX);
    let end = u64::MAX;
    assert_eq!(
        found,
        of(
            Rule::Capacity {
                memory,
                capacity,
                end
            },
            "x"
        )
    );
}

#[test]
fn tensors_are_aligned_and_fit_into_their_copies() {
    let at = |offsets: [u64; 3]| {
        move |schedule: &mut FitSchedule| {
            for (copy, offset) in schedule.copies.iter_mut().zip(offsets) {
                copy.offset = offset;
            }
        }
    };
    let found = broken(aligned(), at([0, 4, 9]));
    let (offset, alignment) = (9, 4);
    assert_eq!(found.rule, Rule::Misaligned { offset, alignment });
    assert_eq!(found.name, "y");
    let found = broken(aligned(), at([0, 6, 12]));
    let (offset, alignment) = (6, 4);
    assert_eq!(found.rule, Rule::Misaligned { offset, alignment });
    assert_eq!(found.name, "x");
    let found = broken(aligned(), |schedule| {
        at([0, 4, 8])(schedule);
        let copy = CopyId::new(schedule.copies.len() as u32);
        let w = schedule.copies[0].tensor;
        schedule
            .copies
            .push(TensorCopy::new(w, Memory::Fast, 0..1, 16));
        schedule.steps[0].writes = vec![copy];
    });
    assert_eq!((found.rule, found.name.as_str()), (Rule::TooSmall, "y"));
}

/// The graph of [`skip`], in which the first result is compressed to 2 bytes at [`SPILL`], and
/// expanded at [`FETCH`].
fn compressed() -> (Graph, Fit) {
    let (graph, _) = skip();
    let compression = Compression::all(Codec::with_ratio(5.0, 10.0));
    (graph, Fit::within(42).compression(compression))
}

/// The rule that the schedule of [`compressed`] breaks after a change, and the name at fault.
fn rule_of_forms(change: impl Fn(&mut FitSchedule)) -> (Rule, String) {
    let mistake = broken(compressed(), change);
    (mistake.rule, mistake.name)
}

#[test]
fn what_is_compressed_is_expanded_before_it_is_used() {
    let found = rule_of_forms(|schedule| remove(schedule, SPILL));
    assert_eq!(found, of(Rule::NotCompressed, "skip"));
    let found = rule_of_forms(|schedule| remove(schedule, FETCH));
    assert_eq!(found, of(Rule::NeverWritten, "skip"));
    let expected = Form::Plain;
    let found = rule_of_forms(|schedule| {
        let form = schedule.steps[FETCH].reads[0];
        schedule.copies[form.index()].steps.end = schedule.steps.len();
        schedule.steps[LAST].reads[1] = form;
    });
    assert_eq!(found, of(Rule::WrongForm { expected }, "skip"));
    let found = rule_of_forms(|schedule| schedule.outputs[0] = schedule.steps[FETCH].reads[0]);
    assert_eq!(found, of(Rule::WrongForm { expected }, "y"));
    let found = rule_of_forms(|schedule| schedule.inputs[0] = Some(schedule.steps[FETCH].reads[0]));
    assert_eq!(found, of(Rule::WrongForm { expected }, "x"));
    let found = rule_of_forms(|schedule| {
        schedule.steps[SPILL].reads[0] = schedule.steps[SPILL].writes[0];
    });
    assert_eq!(found, of(Rule::WrongForm { expected }, "skip"));
    let expected = Form::Compressed;
    let found = rule_of_forms(|schedule| {
        schedule.steps[FETCH].reads[0] = schedule.steps[FETCH].writes[0];
    });
    assert_eq!(found, of(Rule::WrongForm { expected }, "skip"));
    let found = rule_of_forms(|schedule| {
        schedule.steps[SPILL].reads[0] = schedule.steps[1].writes[0];
    });
    let other = "a".to_string();
    assert_eq!(found, of(Rule::CopyOfOther { other }, "skip"));
    let (expected, found) = (1, 0);
    let mistake = rule_of_forms(|schedule| schedule.steps[SPILL].writes.clear());
    assert_eq!(mistake, of(Rule::Writes { expected, found }, "skip"));
    let found = rule_of_forms(|schedule| {
        let form = schedule.steps[FETCH].reads[0];
        schedule.copies[form.index()].memory = Memory::Slow;
    });
    // There is no slow memory.
    assert!(matches!(
        found.0,
        Rule::Capacity {
            memory: Memory::Slow,
            ..
        }
    ));
}

#[test]
fn a_compressed_form_has_the_bytes_that_its_codec_says() {
    let form = |schedule: &FitSchedule| schedule.steps[SPILL].writes[0].index();
    let found = rule_of_forms(|schedule| {
        let form = form(schedule);
        schedule.copies[form].compressed = Some(1);
    });
    let (expected, bytes) = (2, 1);
    let rule = Rule::CompressedSize {
        expected,
        found: bytes,
    };
    assert_eq!(found, of(rule, "skip"));
    // It shares bytes with b, below it or above.
    let found = rule_of_forms(|schedule| {
        let form = form(schedule);
        let b = schedule.steps[3].writes[0].index();
        schedule.copies[form].offset = schedule.copies[b].offset + 19;
    });
    let memory = Memory::Fast;
    assert!(matches!(
        found.0,
        Rule::Overlap { .. } | Rule::Capacity { .. }
    ));
    let found = rule_of_forms(|schedule| {
        let form = form(schedule);
        schedule.copies[form].offset = 41;
    });
    let (capacity, end) = (42, 43);
    let rule = Rule::Capacity {
        memory,
        capacity,
        end,
    };
    assert_eq!(found, of(rule, "skip"));
}

#[test]
fn tensors_are_compressed_only_where_that_is_allowed() {
    let (graph, fit) = compressed();
    let fitted = Planner::new().fit(&graph, &fit).expect("it fits");
    let id = graph.find("skip").expect("a tensor of the graph");
    let codec = Codec::with_ratio(5.0, 10.0);
    let refused = |compression: Compression| {
        let fit = Fit::within(42).compression(compression);
        let mistake = fitted.schedule().check(&graph, &fit).unwrap_err();
        (mistake.rule, mistake.name)
    };
    let may_not = of(Rule::MayNotCompress, "skip");
    assert_eq!(refused(Compression::new()), may_not);
    assert_eq!(refused(Compression::all(codec).never(id)), may_not);
    let useless = Codec::with_bytes(10, 10.0);
    assert_eq!(
        refused(Compression::all(codec).tensor(id, useless)),
        may_not
    );
    let only = Fit::within(42).compression(Compression::new().tensor(id, codec));
    assert_eq!(fitted.schedule().check(&graph, &only), Ok(()));
}

#[test]
fn operators_run_once_and_in_time() {
    let found = rule(|schedule| remove(schedule, LAST));
    assert_eq!(found, of(Rule::NeverRun, "add"));
    let found = rule(|schedule| schedule.steps[1] = schedule.steps[0].clone());
    assert_eq!(found, of(Rule::RunTwice, "conv 0"));
    let first = OpId::new(0);
    let found = rule(|schedule| schedule.steps[0].action = FitAction::Rerun(first));
    assert_eq!(found, of(Rule::RerunFirst, "conv 0"));

    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, layout(1, 1)));
    let a = g.op("a").writes([x]).id();
    g.op("b").writes([y]).after([a]);
    let graph = g.output(x).output(y).build().expect("two operators");
    let found = broken((graph, Fit::within(9)), |schedule| {
        schedule.steps.swap(0, 1);
        for copy in &mut schedule.copies {
            copy.steps = 0..2;
        }
    });
    let other = "a".to_string();
    assert_eq!(
        (found.rule, found.name.as_str()),
        (Rule::BeforeWait { other }, "b")
    );
}

#[test]
fn operators_are_rerun_only_where_that_is_allowed() {
    let again = |schedule: &mut FitSchedule| {
        schedule.steps[1] = schedule.steps[0].clone();
        schedule.steps[1].action = FitAction::Rerun(OpId::new(0));
    };
    let found = rule(again);
    assert_eq!(found, of(Rule::MayNotRerun, "conv 0"));
    let with = |cost: f64| {
        let (graph, fit) = skip();
        let costs = OperatorCosts::from_seconds([cost, 9.0, 9.0, 9.0, 9.0]).unwrap();
        (graph, fit.recompute(true).costs(costs))
    };
    assert_eq!(broken(with(f64::INFINITY), again).rule, Rule::MayNotRerun);
    // The operator may, but x has left.
    assert_eq!(broken(with(9.0), again).rule, Rule::NoBytes);
}

#[test]
fn inputs_and_outputs_have_copies() {
    let (expected, found) = (1, 0);
    let mistake = rule(|schedule| schedule.inputs.clear());
    assert_eq!(mistake, of(Rule::Inputs { expected, found }, ""));
    let mistake = rule(|schedule| schedule.outputs.clear());
    assert_eq!(mistake, of(Rule::Outputs { expected, found }, ""));
    let mistake = rule(|schedule| schedule.inputs[0] = None);
    assert_eq!(mistake, of(Rule::InputMissing, "x"));
    let mistake = rule(|schedule| schedule.outputs[0] = CopyId::new(0));
    assert_eq!(mistake, of(Rule::OutputMissing, "y"));
    let mistake = broken(aligned(), |schedule| {
        schedule.inputs[1] = schedule.inputs[0]
    });
    let other = "w".to_string();
    assert_eq!(
        (mistake.rule, mistake.name.as_str()),
        (Rule::SharedInput { other }, "x")
    );
}

#[test]
fn steps_name_copies_of_their_tensors() {
    let copy = CopyId::new(1000);
    let mistake = rule(|schedule| schedule.steps[0].reads[0] = copy);
    assert_eq!(mistake, of(Rule::UnknownCopy { copy }, "x"));
    let (expected, found) = (1, 0);
    let mistake = rule(|schedule| schedule.steps[0].reads.clear());
    assert_eq!(mistake, of(Rule::Reads { expected, found }, "conv 0"));
    let mistake = rule(|schedule| schedule.steps[SPILL].writes.clear());
    assert_eq!(mistake, of(Rule::Writes { expected, found }, "skip"));
    // The spill reads a, which is there, too.
    let mistake = rule(|schedule| schedule.steps[SPILL].reads[0] = schedule.steps[1].writes[0]);
    let other = "a".to_string();
    assert_eq!(mistake, of(Rule::CopyOfOther { other }, "skip"));
    let mistake = rule(|schedule| schedule.steps[SPILL].writes[0] = schedule.steps[1].reads[0]);
    let expected = Memory::Slow;
    assert_eq!(mistake, of(Rule::WrongMemory { expected }, "skip"));
    let mistake = rule(|schedule| schedule.copies[0].tensor = TensorId::new(99));
    assert_eq!(mistake.0, Rule::UnknownTensor);
    let mistake = rule(|schedule| schedule.steps[0].action = FitAction::Run(OpId::new(99)));
    assert_eq!(mistake.0, Rule::UnknownOperator);
}

#[test]
fn results_are_written_over_nothing_that_is_needed() {
    let mistake = rule(|schedule| schedule.steps[0].writes[0] = schedule.steps[0].reads[0]);
    assert_eq!(mistake, of(Rule::Overwritten, "skip"));
}

/// `x`, a view of it from byte `start` on, and a result that may replace the view.
fn with_a_view(start: usize) -> (Graph, Fit) {
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", layout(8, 1));
    let [v, r] = ["v", "r"].map(|name| g.tensor(name, layout(8 - start, 1)));
    g.op("make").writes([x]);
    g.op("slice").view(v, x, start as u64);
    g.op("relu").in_place(r, v);
    let graph = g.output(r).build().expect("a chain");
    (graph, Fit::within(40))
}

#[test]
fn a_result_replaces_no_part_of_what_a_copy_holds() {
    let in_place = |schedule: &mut FitSchedule| {
        let copy = schedule.steps[2].reads[0];
        schedule.steps[2].writes[0] = copy;
        schedule.outputs[0] = copy;
        schedule.copies[copy.index()].steps.end = 3;
    };
    // The second half of x, and its bytes but for the last.
    let mistake = broken(with_a_view(4), in_place);
    assert_eq!(of(mistake.rule, &mistake.name), of(Rule::Overwritten, "r"));
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", layout(8, 1));
    let [v, r] = ["v", "r"].map(|name| g.tensor(name, layout(7, 1)));
    g.op("make").writes([x]);
    g.op("slice").view(v, x, 0);
    g.op("relu").in_place(r, v);
    let graph = g.output(r).build().expect("a chain");
    let mistake = broken((graph, Fit::within(40)), in_place);
    assert_eq!(of(mistake.rule, &mistake.name), of(Rule::Overwritten, "r"));
    // A view of all of x.
    let (graph, fit) = with_a_view(0);
    let fitted = Planner::new().fit(&graph, &fit).expect("it fits");
    let step = &fitted.schedule().steps[2];
    assert_eq!(step.reads, step.writes);
}

#[test]
fn results_share_bytes_and_operators_change_places_only_where_that_is_allowed() {
    let (graph, fit) = with_a_view(0);
    let schedule = |aliasing| {
        let fit = fit.clone().aliasing(aliasing);
        let fitted = Planner::new().fit(&graph, &fit).expect("it fits");
        fitted.schedule().clone()
    };
    let all = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];
    for (used, sharing) in all.into_iter().enumerate() {
        for (allowed, aliasing) in all.into_iter().enumerate() {
            let checked = schedule(sharing).check(&graph, &fit.clone().aliasing(aliasing));
            let found = checked.map_err(|mistake| (mistake.rule, mistake.name));
            let name = if allowed == 0 { "v" } else { "r" };
            let expected = match used <= allowed {
                true => Ok(()),
                false => Err(of(Rule::MayNotShare, name)),
            };
            assert_eq!(found, expected, "{sharing:?} where {aliasing:?} is allowed");
        }
    }

    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, layout(1, 1)));
    g.op("a").writes([x]);
    g.op("b").writes([y]);
    let graph = g.output(x).output(y).build().expect("two operators");
    let fit = |reorder| Fit::within(9).reorder(reorder);
    let fitted = Planner::new().fit(&graph, &fit(false)).expect("it fits");
    let mut schedule = fitted.schedule().clone();
    schedule.steps.swap(0, 1);
    for copy in &mut schedule.copies {
        copy.steps = 0..2;
    }
    assert_eq!(schedule.check(&graph, &fit(true)), Ok(()));
    let mistake = schedule.check(&graph, &fit(false)).unwrap_err();
    let other = "a".to_string();
    assert_eq!(
        (mistake.rule, &*mistake.name),
        (Rule::MayNotReorder { other }, "b")
    );
}

#[test]
fn an_output_that_is_a_view_is_aligned() {
    let mut g = GraphBuilder::new();
    let [x, y] = [("x", 16), ("y", 8)].map(|(name, size)| g.tensor(name, layout(size, 1)));
    let v = g.tensor("v", layout(8, 8));
    g.op("make").writes([x, y]);
    g.op("slice").view(v, x, 8);
    let graph = g.output(v).output(y).build().expect("a chain");
    let mistake = broken((graph.clone(), Fit::within(60)), |schedule| {
        let x = schedule.steps[0].writes[0].index();
        schedule.copies[x].offset = 20;
        let y = schedule.steps[0].writes[1].index();
        schedule.copies[y].offset = 50;
    });
    let (offset, alignment) = (28, 8);
    let rule = Rule::Misaligned { offset, alignment };
    assert_eq!(of(mistake.rule, &mistake.name), of(rule, "v"));
    assert_eq!(mistake.step, None);
}

#[test]
fn a_mistake_names_the_step_and_its_operator() {
    let mistake = broken(skip(), |schedule| remove(schedule, FETCH));
    let expected = "step 5 (run 'add'): 'skip' is not there: its copy was never written";
    assert_eq!(mistake.to_string(), expected);
    let mistake = broken(compressed(), |schedule| remove(schedule, SPILL));
    let expected = "step 4 (expand 'skip'): 'skip' is expanded before it was compressed";
    assert_eq!(mistake.to_string(), expected);
    let mistake = broken(skip(), |schedule| schedule.inputs.clear());
    assert_eq!(
        mistake.to_string(),
        "expected 1 entries for inputs, found 0"
    );
}

proptest! {
    #[test]
    fn what_the_check_accepts_computes_what_the_graph_computes(
        instance in fit_instances(),
        changes in prop::collection::vec((0..KINDS, any::<u32>(), any::<u32>()), 1..3),
    ) {
        let FitInstance { graph, fit, .. } = &instance;
        let Ok(fitted) = Planner::new().fit(graph, fit) else { return Ok(()) };
        let mut schedule = fitted.schedule().clone();
        for (kind, a, b) in changes {
            change(&mut schedule, kind, a as usize, b as usize);
        }
        if schedule.check(graph, fit).is_ok() {
            prop_assert!(computes(graph, &schedule, sizes_of(&schedule, graph)));
        }
    }
}
