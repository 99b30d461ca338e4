//! Donated inputs, and outputs that have the bytes of an input: contents, bytes, and refusals.

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    graph::{GraphError, OpId, OutputAlias, OutputAliasMistake},
};
use orionrt_testing::{
    alias_graphs::{graphs, order},
    alias_machine::{Address, Machine},
    donated::{donating, pair, updating, with_output_in_input},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{
    bytes, tensors,
    values::{ALL, load_at, root, values_survive},
};

/// A chain of operators that each write over their operand, from `x` to `y`.
fn chain() -> (GraphBuilder, TensorId, TensorId) {
    let mut g = GraphBuilder::new();
    let [x, a, b, y] = ["x", "a", "b", "y"].map(|name| g.tensor(name, bytes(4 << 20, 64)));
    g.op("relu").in_place(a, x);
    g.op("exp").in_place(b, a);
    g.op("neg").in_place(y, b);
    g.output(y);
    (g, x, y)
}

#[test]
fn a_chain_on_a_donated_input_needs_the_bytes_of_one_tensor() {
    let (mut g, x, y) = chain();
    let peak = |graph: &Graph| {
        Planner::new()
            .plan(&graph.lifetimes())
            .expect("small")
            .peak()
    };
    let kept = g.build().expect("a chain");
    assert!(!kept.is_donated(x) && kept.donated().is_empty());
    assert_eq!(peak(&kept), 8 << 20);
    let donated = g.donate(x).build().expect("a chain");
    assert_eq!(donated.donated(), [x]);
    assert_eq!(peak(&donated), 4 << 20);
    assert_eq!(root(&donated.lifetimes(), y), Some(x));
    // Only results in place take an input's bytes while it is needed.
    for aliasing in [Aliasing::Off, Aliasing::Views] {
        assert_eq!(donated.lifetimes_with(aliasing).load(), 8 << 20);
    }
    let moved = donated
        .in_order(&[0, 1, 2].map(OpId::new))
        .expect("the same order");
    assert_eq!(moved, donated);
    assert_eq!(GraphBuilder::from(donated.clone()).build(), Ok(donated));
}

#[test]
fn a_donated_input_that_is_still_needed_is_not_written_over() {
    let mut g = GraphBuilder::new();
    let [x, y, z] = tensors(&mut g, ["x", "y", "z"]);
    g.op("relu").in_place(y, x);
    g.op("late").reads([x]).writes([z]);
    let graph = g
        .output(y)
        .donate(x)
        .build()
        .expect("written before it is read");
    assert_eq!(root(&graph.lifetimes(), y), None);
    let mut g = GraphBuilder::new();
    let [x, y] = tensors(&mut g, ["x", "y"]);
    g.op("relu").in_place(y, x);
    let graph = g
        .output(x)
        .output(y)
        .donate(x)
        .build()
        .expect("written before it is read");
    assert_eq!(root(&graph.lifetimes(), y), None);
}

#[test]
fn what_is_donated_is_an_input() {
    let (mut g, _, y) = chain();
    let refused = g.donate(y).build().unwrap_err();
    assert!(matches!(&refused, GraphError::DonatedNoInput { tensor } if tensor.id() == y));
    assert_eq!(
        refused.to_string(),
        "tensor 'y' is donated, but it is not a graph input, which the caller fills"
    );
    let (mut g, ..) = chain();
    let refused = g.donate(TensorId::new(9)).build().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the list of donated inputs names tensor T9, but this graph declares 4 tensors, \
         counted from T0"
    );
}

/// `append` makes `present` of `past` and a token; `attend` reads it.
fn cache(declare: impl FnOnce(&mut GraphBuilder, [TensorId; 5])) -> Result<Graph, GraphError> {
    let mut g = GraphBuilder::new();
    let ids = tensors(&mut g, ["past", "token", "present", "y", "other"]);
    let [past, _, present, y, _] = ids;
    declare(&mut g, ids);
    g.op("attend").reads([present]).writes([y]);
    g.output(y)
        .output(present)
        .alias_output(present, past)
        .build()
}

#[test]
fn an_output_has_the_bytes_of_its_input_whatever_the_aliasing() {
    let updated = cache(|g, [past, token, present, ..]| {
        g.op("append").reads([token]).in_place(present, past);
    });
    // The new value may have nothing to do with the old one, if everybody has read that.
    let replaced = cache(|g, [past, token, present, _, other]| {
        g.op("read").reads([past]).writes([other]);
        g.op("make").reads([token]).writes([present]);
    });
    let viewed = cache(|g, [past, token, present, _, other]| {
        g.op("append").reads([token]).in_place(other, past);
        g.op("reshape").view(present, other, 0);
    });
    let unread = cache(|g, [past, token, present, ..]| {
        g.input(past);
        g.op("make").reads([token]).writes([present]);
    });
    for graph in [updated, replaced, viewed, unread] {
        let graph = graph.expect("the old value is read before");
        let [past, present] = [TensorId::new(0), TensorId::new(2)];
        assert_eq!(graph.output_aliases(), [OutputAlias::new(present, past)]);
        assert!(graph.is_donated(past));
        for aliasing in ALL {
            let lifetimes = graph.lifetimes_with(aliasing);
            assert_eq!(root(&lifetimes, present), Some(past), "{aliasing:?}");
            let row = lifetimes.get(past).expect("of the graph");
            assert_eq!((row.lower, row.upper), (0, graph.ops().len() as i64));
        }
        let order: Vec<usize> = (0..graph.ops().len()).collect();
        values_survive(&graph, &[order]).expect("values survive");
    }
}

#[test]
fn a_chain_of_results_in_place_that_ends_in_the_output_is_in_the_bytes_of_the_input() {
    let (mut g, x, y) = chain();
    let graph = g.alias_output(y, x).build().expect("a chain");
    assert_eq!(graph.lifetimes().load(), 4 << 20);
    // One that is read again is not.
    let mut g = GraphBuilder::new();
    let [x, a, b, y] = tensors(&mut g, ["x", "a", "b", "y"]);
    g.op("relu").in_place(a, x);
    g.op("read").reads([a]).writes([b]);
    g.op("add").reads([b]).in_place(y, a);
    g.output(y).alias_output(y, x);
    let graph = g.build().expect("a chain");
    assert_eq!([a, y].map(|id| root(&graph.lifetimes(), id)), [Some(x); 2]);
    g.op("late").reads([a]);
    let graph = g.build().expect("a chain");
    assert_eq!(
        [a, y].map(|id| root(&graph.lifetimes(), id)),
        [None, Some(x)]
    );
}

#[test]
fn an_output_that_cannot_have_the_bytes_of_the_input_is_refused_with_the_reason() {
    let refusal = |declare: fn(&mut GraphBuilder, [TensorId; 5])| {
        let refused = cache(declare).unwrap_err();
        assert!(
            matches!(refused, GraphError::BadOutputAlias { .. }),
            "{refused:?}"
        );
        let text = refused.to_string();
        let start = "output 'present' cannot have the bytes of input 'past': ";
        text.strip_prefix(start).expect("it names both").to_string()
    };
    let late = refusal(|g, [past, token, present, _, other]| {
        g.op("append").reads([token]).in_place(present, past);
        g.op("compare").reads([past]).writes([other]);
    });
    assert_eq!(
        late,
        "operator 'compare' (step 1) reads the old value, tensor 'past', and may run after \
         operator 'append' (step 0) has written the new one"
    );
    let through_view = refusal(|g, [past, token, present, _, other]| {
        g.op("slice").view(other, past, 0);
        g.op("append").reads([token, past]).writes([present]);
        g.op("compare").reads([other]);
    });
    assert_eq!(
        through_view,
        "operator 'append' (step 1) uses the old value, tensor 'past', while it writes the new \
         one, and is not declared to write over it in place"
    );
    let beside = refusal(|g, [past, token, present, _, other]| {
        let append = g
            .op("append")
            .reads([token])
            .writes([present])
            .stream(1)
            .id();
        g.op("read").reads([past]).writes([other]);
        g.op("wait").after([append]);
    });
    assert!(
        beside.starts_with("operator 'read' (step 1) reads the old value"),
        "{beside}"
    );
    let twice = refusal(|g, [past, _, present, _, other]| {
        g.op("slice").view(other, past, 0);
        g.op("append").reads([other]).in_place(present, past);
    });
    assert!(
        twice.starts_with("operator 'append' (step 1) uses the old value"),
        "{twice}"
    );
    let kept = refusal(|g, [past, token, present, _, other]| {
        g.op("slice").view(other, past, 0);
        g.op("append").reads([token]).in_place(present, past);
        g.output(other);
    });
    assert_eq!(
        kept,
        "tensor 'other' has the old value and is a graph output, which the caller reads at the end"
    );
    let same = refusal(|g, [past, _, present, ..]| {
        g.op("identity").view(present, past, 0);
    });
    assert!(
        same.starts_with("it is a view of tensor 'past', which is larger"),
        "{same}"
    );
}

#[test]
fn declarations_of_outputs_in_inputs_that_make_no_sense_are_refused() {
    let mistake = |declare: fn(&mut GraphBuilder, [TensorId; 4])| {
        let mut g = GraphBuilder::new();
        let ids = tensors(&mut g, ["x", "y", "z", "w"]);
        let [x, y, z, _] = ids;
        g.op("a").reads([x]).writes([z]);
        g.op("b").in_place(y, z);
        g.output(y);
        declare(&mut g, ids);
        match g.build().unwrap_err() {
            GraphError::BadOutputAlias { mistake, .. } => *mistake,
            other => panic!("{other}"),
        }
    };
    use OutputAliasMistake::{NotAnInput, NotAnOutput, OtherSize, Twice};
    let no_input = |g: &mut GraphBuilder, [_, y, z, _]: [TensorId; 4]| {
        g.alias_output(y, z);
    };
    assert_eq!(mistake(no_input), NotAnInput);
    let no_output = |g: &mut GraphBuilder, [x, _, z, _]: [TensorId; 4]| {
        g.alias_output(z, x);
    };
    assert_eq!(mistake(no_output), NotAnOutput);
    let twice = |g: &mut GraphBuilder, [x, y, z, _]: [TensorId; 4]| {
        g.output(z).alias_output(y, x).alias_output(z, x);
    };
    assert_eq!(mistake(twice), Twice);
    let smaller = |g: &mut GraphBuilder, _: [TensorId; 4]| {
        let [s, t] = [("s", 4), ("t", 8)].map(|(name, size)| g.tensor(name, bytes(size, 1)));
        g.op("c").reads([s]).writes([t]);
        g.output(t).alias_output(t, s);
    };
    assert_eq!(
        mistake(smaller),
        OtherSize {
            size: 8,
            of_size: 4
        }
    );
    let part = |g: &mut GraphBuilder, [_, y, _, w]: [TensorId; 4]| {
        let [s, t] = [("s", 4), ("t", 4)].map(|(name, size)| g.tensor(name, bytes(size, 1)));
        g.op("c").view(t, y, 0);
        g.op("d").reads([s]).writes([w]);
        g.output(t).alias_output(t, s);
    };
    assert!(matches!(mistake(part), OutputAliasMistake::ViewOf { root } if root.name() == "y"));
    let mut g = GraphBuilder::new();
    let [x] = tensors(&mut g, ["x"]);
    let refused = g
        .alias_output(x, TensorId::new(5))
        .build()
        .unwrap_err()
        .to_string();
    assert!(refused.starts_with("the list of outputs in the bytes of inputs names tensor T5"));
}

/// The search for an order counts bytes for an output in an input that it does not need, so it
/// proves nothing.
#[test]
fn an_order_is_found_around_a_cache_and_not_said_to_be_optimal() {
    let mut g = GraphBuilder::new();
    let mut tensor = |name: &str, size| g.tensor(name, bytes(size, 1));
    let [past, present] = ["past", "present"].map(|name| tensor(name, 1000));
    let [x, a, b, y] = ["x", "a", "b", "y"].map(|name| tensor(name, 10));
    let [wide_a, wide_b] = ["wide a", "wide b"].map(|name| tensor(name, 100));
    g.op("widen a").reads([x]).writes([wide_a]);
    g.op("widen b").reads([x]).writes([wide_b]);
    g.op("reduce a").reads([wide_a]).writes([a]);
    g.op("reduce b").reads([wide_b]).writes([b]);
    g.op("append").reads([a, b]).in_place(present, past);
    g.op("attend").reads([present]).writes([y]);
    let graph = g
        .output(y)
        .output(present)
        .alias_output(present, past)
        .build();
    for aliasing in ALL {
        let found = graph
            .as_ref()
            .expect("the old value is read before")
            .reordered_with(aliasing);
        assert_eq!((found.load_before, found.is_optimal), (1210, false));
        assert!(found.load_after == 1120 || aliasing != Aliasing::InPlace);
    }
}

/// Where each tensor lies if views are in their roots, and the root of the output in the input.
fn in_the_input(graph: &Graph, (output, input): (TensorId, TensorId)) -> Vec<Address> {
    let lifetimes = graph.lifetimes_with(Aliasing::Views);
    let place = |id: TensorId| {
        let within = lifetimes.get(id).and_then(|row| row.within);
        within.map_or((id, 0), |within| (within.root, within.offset))
    };
    let (of_output, _) = place(output);
    let each = graph.tensors().map(|(id, _)| match place(id) {
        (root, offset) if root == of_output => (input.index(), offset),
        (root, offset) => (root.index(), offset),
    });
    each.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn values_survive_in_the_order_that_is_found(graph in updating(graphs(1))) {
        for aliasing in ALL {
            let found = graph.reordered_with(aliasing).graph;
            prop_assert_eq!(found.output_aliases(), graph.output_aliases());
            prop_assert_eq!(found.donated(), graph.donated());
            let steps = (0..graph.ops().len()).collect();
            values_survive(&found, &[steps])?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn values_survive_where_inputs_are_donated_and_updated(graph in updating(graphs(1))) {
        let steps = (0..graph.ops().len()).collect();
        values_survive(&graph, &[steps])?;
    }

    #[test]
    fn values_survive_on_streams_where_inputs_are_donated_and_updated(
        graph in updating(graphs(3)),
        picks in vec(vec(any::<Index>(), 14), 4),
    ) {
        let orders: Vec<Vec<usize>> = picks.iter().map(|picks| order(&graph, picks)).collect();
        values_survive(&graph, &orders)?;
    }

    #[test]
    fn donation_raises_the_load_of_no_step(graph in graphs(1), picks in vec(any::<bool>(), 4)) {
        let mut g = GraphBuilder::from(graph.clone());
        for (&input, _) in graph.inputs().iter().zip(picks).filter(|(_, is_picked)| *is_picked) {
            g.donate(input);
        }
        let donated = g.build().expect("inputs can be donated");
        for aliasing in ALL {
            let [kept, donated] = [&graph, &donated].map(|graph| graph.lifetimes_with(aliasing));
            for step in 0..graph.ops().len() as i64 {
                prop_assert!(load_at(&donated, step) <= load_at(&kept, step));
            }
            prop_assert!(aliasing == Aliasing::InPlace || donated == kept);
        }
    }

    /// The machine finds a value gone, or an operator that writes over what it reads, exactly where
    /// the output is refused.
    #[test]
    fn outputs_in_inputs_are_refused_exactly_if_a_value_would_be_lost(
        graph in donating(graphs(1)),
        picks in any::<[Index; 2]>(),
    ) {
        let picked = pair(&graph, picks);
        prop_assume!(picked.is_some());
        let picked = picked.expect("it is some");
        let mut g = GraphBuilder::from(graph.clone());
        let graph = g.output(picked.0).build().expect("it is written");
        let refused = match with_output_in_input(&graph, picked) {
            Ok(_) => false,
            Err(GraphError::BadOutputAlias { mistake, .. }) => {
                // The bytes are not the output's alone to place.
                prop_assume!(!matches!(*mistake, OutputAliasMistake::ViewOf { .. }));
                true
            }
            Err(other) => panic!("{other}"),
        };
        let steps: Vec<usize> = (0..graph.ops().len()).collect();
        let starts = in_the_input(&graph, picked);
        let run = Machine::new(&graph, starts).run(&steps, false, true);
        prop_assert_eq!(run.is_err(), refused, "{:?}", run);
    }
}
