//! The demo's networks and random networks give the same bits within a capacity as on the heap,
//! whatever is spilled and rerun.

#![forbid(unsafe_code)]

use allocator_api2::alloc::Global;
use orionrt::{
    Aliasing, Planner, TensorId,
    fit::{Compression, CopyId, Fit, FitAction, Fitted, Memory, SlowMemory},
};

use super::{
    copies::Memories,
    executor::FittedExecutor,
    packed::packed_len,
    profile::compression,
    stored_weights::StoredWeights,
    within::{Within, fit_within},
};
use crate::demo::{
    executor::{
        Executor, HeapSource,
        tests::{random_network, random_network_of},
    },
    kernels::Kernel,
    models::{sample_input, small_networks},
    network::{Network, NetworkBuilder},
};

fn random_input(network: &Network) -> Vec<f32> {
    sample_input(network, 5)
}

/// From this one, many tensors have equal rows, and get small in compressed form.
fn constant_input(network: &Network) -> Vec<f32> {
    vec![0.5; network.length(network.input())]
}

/// Allows something in options.
type Allow = fn(Fit) -> Fit;

const WAYS: [(&str, Allow); 3] = [
    ("recompute", |fit| fit.recompute(true)),
    ("spill", |fit| fit.slow(SlowMemory::new(1 << 30, 1e9))),
    ("both", |fit| {
        fit.recompute(true).slow(SlowMemory::new(1 << 30, 1e7))
    }),
];

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The bits of the output with every tensor in bytes of its own on the heap.
fn expected(network: &Network, input: &[f32]) -> Vec<u32> {
    let lifetimes = network.graph().lifetimes_with(Aliasing::Off);
    let mut executor = Executor::new(network, &lifetimes, HeapSource(Global)).unwrap();
    let mut output = vec![f32::NAN; network.length(network.output())];
    executor.run(input, &mut output).unwrap();
    bits(&output)
}

/// The bits of two runs within a capacity, in an arena of no more.
fn within(network: &Network, input: &[f32], fitted: &Fitted, capacity: u64) -> Vec<u32> {
    let memories = Memories::new(fitted, capacity).unwrap();
    let weights = StoredWeights::new(network).unwrap();
    let mut executor = FittedExecutor::new(network, fitted.schedule(), &memories, &weights);
    let [first, second] = [1, 2].map(|_| {
        let mut output = vec![f32::NAN; network.length(network.output())];
        executor.run(input, &mut output).unwrap();
        bits(&output)
    });
    assert_eq!(first, second);
    first
}

fn planner() -> Planner {
    Planner::new().nodes(20_000)
}

/// The operators in their order, with room for all that is alive at once.
fn unlimited(network: &Network) -> Fitted {
    let all_bytes = network.graph().lifetimes().total_bytes();
    let fit = Fit::within(all_bytes).reorder(false);
    let fit = fit.aliasing(Aliasing::Parts);
    planner().fit(network.graph(), &fit).unwrap()
}

/// The network within this part of its load, or within the least that is found.
fn fitted(network: &Network, percent: u64, allow: impl Fn(Fit) -> Fit) -> Within {
    let (graph, known) = (network.graph(), unlimited(network));
    let lifetimes = graph.lifetimes();
    let asked = lifetimes.load() * percent / 100;
    let fit = |capacity| {
        let fit = Fit::within(capacity).aliasing(Aliasing::Parts);
        allow(fit.work(20_000))
    };
    let within = fit_within(&planner(), graph, asked, fit, known).unwrap();
    assert!(within.fitted.fast_plan().peak() <= within.capacity);
    assert!(within.capacity >= asked);
    assert_eq!(within.refused.is_none(), within.capacity == asked);
    within
}

/// How many steps of these kinds there are: reruns, spills, fetches.
fn added(fitted: &Fitted) -> [usize; 3] {
    let mut counts = [0; 3];
    for step in &fitted.schedule().steps {
        match step.action {
            FitAction::Rerun(_) => counts[0] += 1,
            FitAction::Spill(_) => counts[1] += 1,
            FitAction::Fetch(_) => counts[2] += 1,
            _ => {}
        }
    }
    counts
}

#[test]
fn the_u_net_needs_less_with_operands_within_the_results_of_concatenations() {
    let mut networks = small_networks(1).into_iter();
    let network = networks.find(|network| network.name() == "U-Net").unwrap();
    let graph = network.graph();
    let capacity = graph.lifetimes().load() - 1;
    let fit = Fit::within(capacity).reorder(false);
    assert!(planner().fit(graph, &fit).is_err());
    let joined = planner()
        .fit(graph, &fit.aliasing(Aliasing::Parts))
        .unwrap();
    assert_eq!(joined.cost().seconds(), 0.0);
    let input = random_input(&network);
    let bits = within(&network, &input, &joined, capacity);
    assert_eq!(bits, expected(&network, &input));
}

#[test]
fn the_networks_of_the_demo_give_the_same_bits_in_every_way() {
    for (way, allow) in WAYS {
        let (mut below_peak, mut steps) = (0, [0; 3]);
        for network in small_networks(1) {
            for percent in [100, 70, 50] {
                let within_ = fitted(&network, percent, allow);
                let capacity = within_.capacity;
                let context = format!("{} {way} {percent} %: {capacity}", network.name());
                let input = random_input(&network);
                let bits = within(&network, &input, &within_.fitted, capacity);
                assert_eq!(bits, expected(&network, &input), "{context}");
                let counts = added(&within_.fitted);
                below_peak += u32::from(capacity < network.graph().lifetimes().load());
                steps = [0, 1, 2].map(|kind| steps[kind] + counts[kind]);
            }
        }
        assert!(below_peak >= 2, "{way}: {below_peak}");
        let [reruns, spills, fetches] = steps;
        // Of both ways, the cheaper one may do alone.
        assert!(reruns + spills > 0, "{way}");
        assert!(reruns == 0 || way != "spill", "{way}: {reruns} reruns");
        assert!(spills == 0 || way != "recompute", "{way}: {spills} spills");
        assert!(fetches >= spills, "{way}: {fetches} fetches");
    }
}

#[test]
fn weights_that_are_read_when_they_are_needed_change_no_bit() {
    for network in small_networks(1) {
        let weighted = network.with_weights().unwrap();
        let weights: Vec<_> = weighted.weights().map(|(id, _)| id).collect();
        let count = weights.len();
        let within_ = fitted(&weighted, 60, |fit| {
            // No room for spills.
            let fit = fit.slow(SlowMemory::new(0, 1e9));
            fit.stored(weights.iter().copied())
        });
        let input = random_input(&network);
        let bits = within(&weighted, &input, &within_.fitted, within_.capacity);
        assert_eq!(bits, expected(&network, &input), "{}", network.name());
        let [reruns, spills, fetches] = added(&within_.fitted);
        assert_eq!((reruns, spills), (0, 0));
        assert!(fetches > 0 && fetches <= count, "{fetches} of {count}");
        assert!(within_.capacity < weighted.graph().lifetimes().load());
    }
}

#[test]
fn random_networks_give_the_same_bits_within_a_capacity() {
    let mut steps = [0; 3];
    for seed in 0..60 {
        let network = random_network(seed);
        let (way, allow) = WAYS[seed as usize % 3];
        let within_ = fitted(&network, 60, allow);
        let input = random_input(&network);
        let bits = within(&network, &input, &within_.fitted, within_.capacity);
        assert_eq!(bits, expected(&network, &input), "seed {seed}, {way}");
        let counts = added(&within_.fitted);
        steps = [0, 1, 2].map(|kind| steps[kind] + counts[kind]);
    }
    assert!(steps.iter().all(|&count| count > 20), "{steps:?}");
}

/// The network and how small its tensors get with this input.
fn packed(network: &Network, input: &[f32]) -> Compression {
    let known = unlimited(network);
    let memories = Memories::new(&known, known.fast_plan().peak()).unwrap();
    let weights = StoredWeights::new(network).unwrap();
    let mut executor = FittedExecutor::new(network, known.schedule(), &memories, &weights);
    let mut output = vec![0.0; network.length(network.output())];
    compression(network, &mut executor, input, &mut output).unwrap()
}

#[test]
fn tensors_in_compressed_form_come_back_with_the_same_bits() {
    let (mut below_peak, mut compressed, mut refused) = (0, 0, 0);
    for network in small_networks(1) {
        let input = constant_input(&network);
        let sizes = packed(&network, &input);
        let within_ = fitted(&network, 70, |fit| fit.compression(sizes.clone()));
        let capacity = within_.capacity;
        let bits = within(&network, &input, &within_.fitted, capacity);
        assert_eq!(bits, expected(&network, &input), "{}", network.name());
        below_peak += u32::from(capacity < network.graph().lifetimes().load());
        compressed += within_.fitted.cost().compressed_bytes;

        // With other values, the same tensors do not get as small.
        let memories = Memories::new(&within_.fitted, capacity).unwrap();
        let schedule = within_.fitted.schedule();
        let weights = StoredWeights::new(&network).unwrap();
        let mut executor = FittedExecutor::new(&network, schedule, &memories, &weights);
        let mut output = vec![0.0; network.length(network.output())];
        if let Err(error) = executor.run(&random_input(&network), &mut output) {
            let error = error.to_string();
            assert!(error.contains("does not get down to the"), "{error}");
            refused += 1;
        }
        // What was refused leaves nothing behind.
        executor.run(&input, &mut output).unwrap();
        let output: Vec<u32> = output.iter().map(|value| value.to_bits()).collect();
        assert_eq!(output, expected(&network, &input), "{}", network.name());
    }
    assert!(compressed > 0 && below_peak > 0 && refused > 0);
}

#[test]
fn random_networks_with_tensors_in_compressed_form_give_the_same_bits() {
    let (mut expanded, mut below_load) = (0, 0);
    for seed in 0..60 {
        // Tensors of a kilobyte get much smaller.
        let network = random_network_of(seed, 256);
        // Every third input is random, so that few tensors get small.
        let input = match seed % 3 {
            0 => random_input(&network),
            _ => constant_input(&network),
        };
        let sizes = packed(&network, &input);
        let within_ = fitted(&network, 70, |fit| fit.compression(sizes.clone()));
        let bits = within(&network, &input, &within_.fitted, within_.capacity);
        assert_eq!(bits, expected(&network, &input), "seed {seed}");
        expanded += u32::from(within_.fitted.cost().expanded_bytes > 0);
        below_load += u32::from(within_.capacity < network.graph().lifetimes().load());
    }
    assert!(expanded > 5 && below_load > 5, "{expanded}, {below_load}");
}

/// The errors of runs in which one step writes another plain copy in the fast memory.
fn errors_of_other_copies(
    network: &Network,
    input: &[f32],
    within: &Within,
    step: usize,
) -> Vec<String> {
    let memories = Memories::new(&within.fitted, within.capacity).unwrap();
    let weights = StoredWeights::new(network).unwrap();
    let given = within.fitted.schedule();
    let plain = (0..).map(CopyId::new).zip(&given.copies);
    let plain = plain.filter(|(_, copy)| copy.memory == Memory::Fast && copy.compressed.is_none());
    let errors = plain.filter_map(|(copy, _)| {
        let mut schedule = given.clone();
        schedule.steps[step].writes[0] = copy;
        let mut executor = FittedExecutor::new(network, &schedule, &memories, &weights);
        let mut output = vec![0.0; network.length(network.output())];
        let error = executor.run(input, &mut output).err()?;
        Some(error.to_string())
    });
    errors.collect()
}

#[test]
fn a_compressed_form_is_not_expanded_to_a_tensor_of_another_length() {
    let mut found = Vec::new();
    for network in small_networks(1) {
        let input = constant_input(&network);
        let sizes = packed(&network, &input);
        let within_ = fitted(&network, 70, |fit| fit.compression(sizes.clone()));
        let steps = &within_.fitted.schedule().steps;
        let is_expand = |action| matches!(action, FitAction::Expand(_));
        if let Some(step) = steps.iter().position(|step| is_expand(step.action)) {
            // The bytes of some of the other copies are free then.
            found.extend(errors_of_other_copies(&network, &input, &within_, step));
        }
    }
    let message = "what is not its compressed form";
    assert!(
        found.iter().any(|error| error.ends_with(message)),
        "{found:?}"
    );
}

#[test]
fn what_is_written_over_a_view_counts_for_the_size_of_its_root() {
    const LENGTH: usize = 64;
    let linear = |to: usize, from: usize, weight: f32| Kernel::Linear {
        weight: vec![weight; to * from],
        bias: vec![0.5; to],
    };
    let mut net = NetworkBuilder::new("view", LENGTH);
    let input = net.input();
    // All elements are equal, until the sum is written over them.
    let flat = net.node("flat", linear(LENGTH, LENGTH, 0.0), &[input]);
    let (start, length) = (0, LENGTH);
    let view = net.node("view", Kernel::View { start, length }, &[flat]);
    let sum = net.node("sum", Kernel::Add, &[view, input]);
    let wide = net.node("wide", linear(4 * LENGTH, LENGTH, 0.1), &[sum]);
    let wider = net.node("wider", linear(4 * LENGTH, 4 * LENGTH, 0.1), &[wide]);
    let narrow = net.node("narrow", linear(LENGTH, 4 * LENGTH, 0.1), &[wider]);
    let last = net.node("last", Kernel::Add, &[narrow, sum]);
    let network = net.build(last).unwrap();

    let input = random_input(&network);
    let sizes = packed(&network, &input);
    let within_ = fitted(&network, 90, |fit| fit.compression(sizes.clone()));
    let bits = within(&network, &input, &within_.fitted, within_.capacity);
    assert_eq!(bits, expected(&network, &input));
}

#[test]
fn a_step_that_needs_a_copy_that_is_not_there_is_an_error() {
    let [network, ..] = small_networks(1);
    let within_ = fitted(&network, 50, WAYS[1].1);
    let memories = Memories::new(&within_.fitted, within_.capacity).unwrap();
    let mut schedule = within_.fitted.schedule().clone();
    let is_fetch = |action| matches!(action, FitAction::Fetch(_));
    let fetch = schedule.steps.iter().position(|step| is_fetch(step.action));
    // Nothing has been spilled before the first step.
    let step = schedule.steps.remove(fetch.unwrap());
    let read = schedule.copy(step.reads[0]).unwrap().tensor;
    schedule.steps.insert(0, step);
    let weights = StoredWeights::new(&network).unwrap();
    let mut executor = FittedExecutor::new(&network, &schedule, &memories, &weights);
    let mut output = vec![0.0; network.length(network.output())];
    let input = random_input(&network);
    let error = executor.run(&input, &mut output).unwrap_err().to_string();
    let name = network.tensor_name(read);
    let message = format!("step 0 of the fitted schedule needs a copy of tensor '{name}'");
    assert!(error.starts_with(&message), "{error}");
    let short = executor.run(&[], &mut output).unwrap_err().to_string();
    assert_eq!(short, "tensor 'input' has 64 elements, not 0");
}

#[test]
fn an_arena_below_the_plan_is_refused() {
    // Two tensors of 1 MiB at once: an arena has whole pages.
    let mut net = NetworkBuilder::new("pair", 1 << 18);
    let input = net.input();
    let relu = net.node("relu", Kernel::Relu, &[input]);
    let sum = net.node("sum", Kernel::Add, &[relu, input]);
    let network = net.build(sum).unwrap();
    let known = unlimited(&network);
    let peak = known.fast_plan().peak();
    assert_eq!(peak, 2 << 20);
    for enough in [peak, u64::MAX] {
        assert!(Memories::new(&known, enough).is_ok());
    }
    assert!(Memories::new(&known, peak / 2).is_err());
}

#[test]
fn what_is_too_little_is_said_and_the_least_is_close() {
    for network in small_networks(1) {
        let within_ = fitted(&network, 1, WAYS[2].1);
        let refused = within_.refused.unwrap().to_string();
        assert!(refused.contains("needed"), "{refused}");
        // Every operator needs its operands and its result at once.
        let graph = network.graph();
        let size = |id: &orionrt::TensorId| graph.tensor(*id).unwrap().layout().size() as u64;
        let results = network.nodes().iter().map(|node| size(&node.writes()));
        assert!(within_.capacity >= results.max().unwrap());
        assert!(within_.capacity <= graph.lifetimes().load().next_multiple_of(64) + 64);
    }
}

#[test]
fn an_arena_is_no_larger_than_the_plan() {
    for network in small_networks(1) {
        let known = unlimited(&network);
        let memories = Memories::new(&known, u64::MAX).unwrap();
        let capacity = memories.fast.arena().capacity() as u64;
        // An arena has whole pages.
        assert!(capacity <= known.fast_plan().peak().next_multiple_of(1 << 16));
    }
}

#[test]
fn a_tensor_gets_as_small_as_what_is_written_over_a_view_of_it() {
    let length = 4096;
    let mut net = NetworkBuilder::new("view", length);
    let input = net.input();
    let linear = Kernel::Linear {
        weight: vec![0.0; 64],
        bias: vec![0.5; 8],
    };
    let constant = net.node("constant", linear, &[input]);
    let view = Kernel::View { start: 0, length };
    let view = net.node("view", view, &[constant]);
    let sum = net.node("sum", Kernel::Add, &[view, input]);
    let network = net.build(sum).unwrap();
    let sizes = packed(&network, &random_input(&network));
    let bytes = |id: TensorId| {
        let size = size_of::<f32>() * network.length(id);
        sizes.codec(id)?.compressed_bytes(size as u64)
    };
    // Equal values get small; random ones do not.
    assert!(packed_len(&[0.5; 4096]) < 1 << 10);
    assert!(bytes(sum).is_none_or(|bytes| bytes > 1 << 13));
    assert_eq!([constant, view].map(bytes), [bytes(sum); 2]);
}
