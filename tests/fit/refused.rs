//! Graphs, options and codecs that mean nothing are refused, and the error says why.

use orionrt::{
    Graph, GraphBuilder, Planner, TensorId,
    fit::{Codec, CodecMistake, Compression, Fit, FitError, OperatorCosts, SlowMemory},
};

use crate::{bytes, skip};

#[test]
fn options_that_mean_nothing_are_refused() {
    let (graph, fit) = skip();
    let refused = |fit: &Fit| Planner::new().fit(&graph, fit).unwrap_err();
    let costs = OperatorCosts::from_seconds([1.0]).unwrap();
    let error = refused(&fit.clone().costs(costs));
    assert!(matches!(
        error,
        FitError::Costs {
            operators: 5,
            costs: 1
        }
    ));
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let slow = SlowMemory::new(100, 1.0);
        for slow in [
            slow.write_bytes_per_second(speed),
            slow.read_bytes_per_second(speed),
        ] {
            let error = refused(&fit.clone().slow(slow));
            assert!(matches!(error, FitError::Bandwidth { .. }));
        }
    }
    for not_an_input in [graph.find("skip").unwrap(), TensorId::new(99)] {
        let error = refused(&fit.clone().stored([not_an_input]));
        assert!(matches!(error, FitError::NotAnInput { .. }));
    }
    let stored = Fit::within(49).stored(graph.find("x"));
    assert_eq!(refused(&stored), FitError::StoredWithoutSlow);
    let error = refused(&Fit::within(49));
    assert!(matches!(error, FitError::Impossible { .. }));
    assert!(OperatorCosts::from_seconds([-1.0]).is_none());
    assert!(OperatorCosts::from_seconds([f64::NAN]).is_none());
    // Of the planner, and before anything is searched for.
    let error = Planner::new().alignment(3).fit(&graph, &fit).unwrap_err();
    assert!(matches!(error, FitError::Planner(_)), "{error}");
}

#[test]
fn codecs_that_mean_nothing_are_refused() {
    let (graph, _) = skip();
    let id = graph.find("skip").expect("a tensor of the graph");
    let refused = |compression| {
        let fit = Fit::within(42).compression(compression);
        Planner::new().fit(&graph, &fit).unwrap_err()
    };
    let of = |tensor: &str, mistake| FitError::Codec {
        tensor: tensor.to_string(),
        mistake,
    };
    let good = Codec::with_ratio(2.0, 1.0);
    for ratio in [0.0, -1.0, f64::INFINITY] {
        let error = refused(Compression::all(Codec::with_ratio(ratio, 1.0)));
        assert_eq!(error, of("", CodecMistake::Ratio(ratio)));
    }
    let error = refused(Compression::all(good).tensor(id, Codec::with_bytes(0, 1.0)));
    assert_eq!(error, of("skip", CodecMistake::NoBytes));
    for codec in [
        good.compress_bytes_per_second(0.0),
        good.expand_bytes_per_second(0.0),
    ] {
        let error = refused(Compression::new().tensor(id, codec));
        assert_eq!(error, of("skip", CodecMistake::Speed(0.0)));
    }
    let error = refused(Compression::new().never(TensorId::new(99)));
    assert!(matches!(error, FitError::UnknownTensor { .. }), "{error}");
    // No smaller than the tensor: of no use, and no mistake.
    let useless = Compression::all(Codec::with_ratio(0.5, 1.0));
    let error = refused(useless);
    assert!(
        matches!(error, FitError::Impossible { needed: 50, .. }),
        "{error}"
    );
}

#[test]
fn graphs_whose_operators_do_not_follow_each_other_in_one_memory_are_refused() {
    let error_of = |graph: &Graph| Planner::new().fit(graph, &Fit::within(9)).unwrap_err();
    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, bytes(1)));
    g.op("a").writes([x]);
    g.op("b").stream(1).writes([y]);
    assert_eq!(error_of(&g.build().unwrap()), FitError::Streams);

    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(1));
    let start = g.next_op();
    g.op("a").writes([x]);
    let end = g.next_op();
    let looping = g.repeated(start..end).build().unwrap();
    assert_eq!(error_of(&looping), FitError::ControlFlow);

    let mut g = GraphBuilder::new();
    let gpu = g.device("gpu", 64);
    let [x, y] = [g.tensor("x", bytes(1)), g.tensor_on(gpu, "y", bytes(1))];
    g.op("copy").reads([x]).writes([y]);
    assert_eq!(error_of(&g.output(y).build().unwrap()), FitError::Devices);

    let mut g = GraphBuilder::new();
    let [past, present] = ["past", "present"].map(|name| g.tensor(name, bytes(1)));
    g.op("append").in_place(present, past);
    let aliased = g.output(present).alias_output(present, past).build();
    let error = error_of(&aliased.unwrap());
    assert!(matches!(error, FitError::OutputAlias { .. }));
}
