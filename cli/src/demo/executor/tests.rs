//! The demo's networks and random networks give the same bits wherever their tensors live and
//! whichever bytes they share.

#![forbid(unsafe_code)]

use std::fmt;

use allocator_api2::alloc::Global;
use orionrt::{Aliasing, Arena, Lifetimes, Planner, TensorId, TensorPool};

use super::*;
use crate::{
    demo::{
        kernels::Kernel,
        metered::Metered,
        models::{sample_input, small_networks},
        network::{Network, NetworkBuilder},
        placement::{Placement, Work},
        pool_source::PoolSource,
        run_error::RunError,
    },
    random::{Rng, uniform},
};

const ALIASINGS: [Aliasing; 3] = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];

fn result<S: TensorSource>(executor: &mut Executor<'_, S>) -> Result<Vec<f32>, RunError> {
    let network = executor.network;
    let mut output = vec![f32::NAN; network.length(network.output())];
    executor.run(&sample_input(network, 5), &mut output)?;
    Ok(output)
}

fn bits(values: Vec<f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

/// The bits of `network`'s output with every tensor in bytes of its own on the heap.
fn expected(network: &Network) -> Vec<u32> {
    let lifetimes = network.graph().lifetimes_with(Aliasing::Off);
    let mut executor = Executor::new(network, &lifetimes, HeapSource(Global)).unwrap();
    bits(result(&mut executor).unwrap())
}

/// The bits of two runs on the heap with these lifetimes. The heap's peak is exactly the load.
fn on_the_heap(network: &Network, lifetimes: &Lifetimes) -> Vec<u32> {
    let metered = Metered::new(Global);
    let source = HeapSource(metered.clone());
    let mut executor = Executor::new(network, lifetimes, source).unwrap();
    let roots = lifetimes.rows().iter().filter(|row| row.within.is_none());
    let roots = roots.count();
    let [first, second] = [1, 2].map(|run| {
        let bits = bits(result(&mut executor).unwrap());
        assert_eq!(metered.peak_bytes() as u64, lifetimes.load());
        assert_eq!(metered.live_bytes(), 0);
        assert_eq!(metered.allocations(), run * roots);
        bits
    });
    assert_eq!(first, second);
    first
}

/// The bits of two runs in the slots of a plan of these lifetimes.
fn in_slots(network: &Network, lifetimes: &Lifetimes) -> Vec<u32> {
    let plan = Planner::new().alignment(64).plan(lifetimes).unwrap();
    let arena = Arena::builder().build().unwrap();
    let pool = TensorPool::new(&arena, &plan).unwrap();
    let mut executor = Executor::new(network, plan.lifetimes(), PoolSource(&pool)).unwrap();
    let [first, second] = [1, 2].map(|_| bits(result(&mut executor).unwrap()));
    assert_eq!(first, second);
    first
}

/// The bits of two runs in one region, each tensor at its offset in a plan of these lifetimes.
fn in_region(network: &Network, lifetimes: &Lifetimes) -> Vec<u32> {
    let plan = Planner::new().alignment(64).plan(lifetimes).unwrap();
    let mut region = vec![f32::NAN; plan.peak() as usize / size_of::<f32>()];
    let mut executor = RegionExecutor::new(network, &plan, &mut region).unwrap();
    let [first, second] = [1, 2].map(|_| {
        let mut output = vec![f32::NAN; network.length(network.output())];
        executor
            .run(&sample_input(network, 5), &mut output)
            .unwrap();
        bits(output)
    });
    assert_eq!(first, second);
    first
}

/// Checks that runs in every way give the same bits. Returns the load of each [`Aliasing`] that
/// slots support.
fn same_bits(network: &Network) -> [u64; 3] {
    let expected = expected(network);
    for aliasing in ALIASINGS.into_iter().chain([Aliasing::Parts]) {
        let lifetimes = network.graph().lifetimes_with(aliasing);
        assert_eq!(in_region(network, &lifetimes), expected, "{aliasing:?}");
    }
    ALIASINGS.map(|aliasing| {
        let lifetimes = network.graph().lifetimes_with(aliasing);
        assert_eq!(on_the_heap(network, &lifetimes), expected, "{aliasing:?}");
        assert_eq!(in_slots(network, &lifetimes), expected, "{aliasing:?}");
        lifetimes.load()
    })
}

#[test]
fn views_and_results_in_place_change_no_bit() {
    for seed in 1..=4 {
        for network in small_networks(seed) {
            let [off, views, in_place] = same_bits(&network);
            assert!(off >= views && views >= in_place, "{}", network.name());
        }
    }
}

#[test]
fn another_order_of_the_operators_changes_no_bit() {
    for network in small_networks(1) {
        let reordered = network.reordered();
        assert_eq!(expected(&reordered), expected(&network));
        same_bits(&reordered);
    }
}

/// A random network of small tensors.
pub fn random_network(seed: u64) -> Network {
    random_network_of(seed, 16)
}

/// A random network over a few tensors that stay in use: views of parts and of views, operands that
/// are read again after others could have overwritten them, sums of a tensor with itself. Tensors
/// have `length` elements, a multiple of 16, or half of them.
pub fn random_network_of(seed: u64, length: usize) -> Network {
    let half_length = length / 2;
    let mut rng = Rng::with_seed(seed);
    let mut below = |n: usize| rng.usize(..n);
    let mut net = NetworkBuilder::new("random", length);
    let linear = |salt: usize| Kernel::Linear {
        weight: uniform(&mut Rng::with_seed(salt as u64), 64, 0.9),
        bias: uniform(&mut Rng::with_seed(salt as u64 + 1), 8, 0.1),
    };
    let (mut wholes, mut halves) = (vec![net.input()], vec![]);
    for node in 0..24 {
        let name = format!("node{node}");
        let whole = wholes[below(wholes.len().min(4)) + wholes.len().saturating_sub(4)];
        let Some(&half) = halves.get(below(halves.len().max(1))) else {
            let (start, length) = (half_length * below(2), half_length);
            halves.push(net.node(name, Kernel::View { start, length }, &[whole]));
            continue;
        };
        let other = halves[below(halves.len())];
        match below(9) {
            0 => wholes.push(net.node(name, Kernel::Relu, &[whole])),
            1 => wholes.push(net.node(name, Kernel::Softmax { width: 8 }, &[whole])),
            2 => wholes.push(net.node(name, Kernel::Add, &[whole, wholes[wholes.len() - 1]])),
            3 => halves.push(net.node(name, Kernel::Add, &[half, other])),
            4 => halves.push(net.node(name, Kernel::Gelu, &[half])),
            5 => wholes.push(net.node(name, linear(node), &[whole])),
            6 => {
                wholes.push(net.node(name, Kernel::Concat, &[half, other]));
            }
            7 => {
                wholes.push(net.node(name, Kernel::View { start: 0, length }, &[whole]));
            }
            _ => {
                let (start, length) = (half_length * below(2), half_length);
                halves.push(net.node(name, Kernel::View { start, length }, &[whole]));
            }
        }
    }
    net.build(wholes[wholes.len() - 1]).unwrap()
}

#[test]
fn random_networks_give_the_same_bits_in_every_way() {
    let (mut in_place_results, mut uncopied, mut copied) = (0, 0, 0);
    for seed in 0..100 {
        let network = random_network(seed);
        // A view keeps all of its root alive where a copy would not, so views alone may raise the
        // load; results in place never do.
        let [_, views, in_place] = same_bits(&network);
        assert!(views >= in_place, "seed {seed}: {views} {in_place}");
        let lifetimes = network.graph().lifetimes();
        let works = (0..network.nodes().len()).map(|step| {
            let placement = Placement::new(&network, &lifetimes).unwrap();
            matches!(placement.work(step), Work::Overwrite(_))
        });
        in_place_results += works.filter(|overwrites| *overwrites).count();
        let parts = network.graph().lifetimes_with(Aliasing::Parts);
        let parts = network.graph().uncopied(&parts);
        uncopied += parts.operands;
        copied += parts.declared - parts.operands;
    }
    // Operands of concatenations that lie within the result, and others beside them.
    assert!(uncopied > 20 && copied > 20, "{uncopied} and {copied}");
    assert!(
        in_place_results > 150,
        "{in_place_results} results in place"
    );
}

#[test]
fn results_in_place_lower_the_load_unless_a_convolution_in_a_residual_block_sets_the_peak() {
    let [encoder, classifier, u_net] = crate::demo::models::networks(1).unwrap();
    let loads = |network: &Network| {
        ALIASINGS.map(|aliasing| network.graph().lifetimes_with(aliasing).load())
    };
    let [off, _, in_place] = loads(&encoder);
    assert!(5 * in_place < 4 * off, "{in_place} {off}");
    // In pictures of 64×64 pixels and 16 channels. The rectifier of the finest concatenation reads
    // three and writes three beside a shortcut; the concatenation itself reads and writes three.
    assert_eq!(loads(&u_net), [7 << 18, 7 << 18, 6 << 18]);
    // Pictures of 64×64 pixels and 32 channels: a convolution's operand and result, and what is
    // added to that.
    assert_eq!(loads(&classifier), [3 << 19; 3]);
}

#[test]
fn operands_within_the_results_of_concatenations_lower_the_peak_of_the_u_net_to_its_bound() {
    let [encoder, classifier, u_net] = crate::demo::models::networks(1).unwrap();
    let planner = Planner::new().alignment(64);
    let plan = |network: &Network| planner.plan_parts(network.graph()).unwrap();
    let parts = plan(&u_net);
    assert_eq!(
        (parts.aliasing, parts.uncopied.declared),
        (Aliasing::Parts, 4)
    );
    // Pictures of 64×64 pixels and 32 + 16 channels, and of 32×32 pixels and 64 + 32 channels.
    let bytes = 4 * (64 * 64 * (32 + 16) + 32 * 32 * (64 + 32));
    assert_eq!((parts.uncopied.operands, parts.uncopied.bytes), (4, bytes));
    // A picture of 64×64 pixels and 16 channels has 2^18 bytes. The finest concatenation reads and
    // writes three of them; the convolution after it reads three and writes one beside a shortcut.
    assert_eq!(parts.plan.peak(), 5 << 18);
    assert_eq!(parts.plan.peak(), parts.plan.lower_bound());
    let in_place = planner.plan(&u_net.graph().lifetimes()).unwrap();
    assert_eq!(in_place.peak(), 6 << 18);
    assert_eq!(in_place.peak(), in_place.lower_bound());
    for network in [&encoder, &classifier] {
        assert_eq!(plan(network).uncopied.declared, 0);
    }
}

/// A network in which every second layer reads all results before it, joined one by one.
#[test]
fn concatenations_within_concatenations_give_the_same_bits() {
    let mut net = NetworkBuilder::new("dense", 16);
    let mut features = net.input();
    for layer in 0..12 {
        let inputs = 16 * (layer + 1);
        let linear = Kernel::Linear {
            weight: uniform(&mut Rng::with_seed(layer as u64), 16 * inputs, 0.3),
            bias: vec![0.1; 16],
        };
        let new = net.node(format!("new{layer}"), linear, &[features]);
        let new = net.node(format!("gelu{layer}"), Kernel::Gelu, &[new]);
        features = net.node(format!("joined{layer}"), Kernel::Concat, &[features, new]);
    }
    let network = net.build(features).unwrap();
    same_bits(&network);
    let parts = Planner::new().plan_parts(network.graph()).unwrap();
    // The input keeps bytes of its own.
    assert_eq!((parts.uncopied.declared, parts.uncopied.operands), (24, 23));
    assert_eq!(parts.plan.peak(), 13 * 64);
    assert!(network.graph().lifetimes().load() >= 24 * 64);
}

#[test]
fn a_region_that_is_too_small_or_for_another_plan_is_refused() {
    let [network, other, _] = small_networks(1);
    let plan = |network: &Network, aliasing| {
        let lifetimes = network.graph().lifetimes_with(aliasing);
        Planner::new().plan(&lifetimes).unwrap()
    };
    let refused = |plan: &orionrt::Plan, elements: usize| {
        let mut region = vec![0.0; elements];
        let error = RegionExecutor::new(&network, plan, &mut region).unwrap_err();
        error.to_string()
    };
    let own = plan(&network, Aliasing::Parts);
    let elements = own.peak() as usize / 4;
    let message = format!(
        "tensor 'the planned region' has {elements} elements, not {}",
        elements - 1
    );
    assert_eq!(refused(&own, elements - 1), message);
    let other = refused(&plan(&other, Aliasing::Off), 1 << 20);
    assert!(other.contains("the network has"), "{other}");

    // All tensors in one place: `layer1.qkv` would be written over what it is computed from.
    let rows = own.lifetimes().iter().map(|(_, name, row)| {
        let mut row = *row;
        (row.lower, row.upper, row.within) = (0, 0, None);
        (name, row)
    });
    let nowhere = Lifetimes::from_named(rows).unwrap();
    let count = nowhere.len();
    let nowhere = orionrt::Plan::new(nowhere, vec![0; count]).unwrap();
    assert!(refused(&nowhere, elements).contains("is not alive"));
}

#[test]
fn a_seed_determines_the_result_bit_for_bit() {
    let (networks, others) = (small_networks(1), small_networks(2));
    for ((network, again), other) in networks.iter().zip(&small_networks(1)).zip(&others) {
        assert_eq!(expected(network), expected(again));
        assert_ne!(expected(network), expected(other));
    }
}

#[test]
fn results_have_the_properties_of_the_last_layer() {
    let [encoder, classifier, mask] = small_networks(1).map(|network| {
        let lifetimes = network.graph().lifetimes();
        let mut executor = Executor::new(&network, &lifetimes, HeapSource(Global)).unwrap();
        result(&mut executor).unwrap()
    });
    for row in encoder.chunks(8) {
        assert!(
            row.iter().sum::<f32>().abs() < 1e-2,
            "the last layer norm centres each position"
        );
    }
    assert!(encoder.iter().all(|value| value.is_finite()));
    assert!((classifier.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert!(classifier.iter().all(|&p| p > 0.0));
    assert!(mask.iter().all(|p| (0.0..1.0).contains(p)));
    assert!(mask.windows(2).any(|pair| pair[0] != pair[1]));
}

/// The lifetimes of `network` without aliasing, with a change to each row.
fn changed(
    network: &Network,
    change: impl Fn(&str, &mut orionrt::lifetimes::Lifetime),
) -> Lifetimes {
    let lifetimes = network.graph().lifetimes_with(Aliasing::Off);
    let rows = lifetimes.iter().map(|(_, name, &row)| {
        let mut row = row;
        change(name, &mut row);
        (name, row.lower, row.upper, row.size, row.alignment)
    });
    Lifetimes::from_rows(rows).unwrap()
}

#[test]
fn longer_lifetimes_keep_tensors_alive_longer_and_change_no_bit() {
    for network in small_networks(1) {
        let longer = changed(&network, |_, row| row.upper += 3);
        assert!(longer.load() > network.graph().lifetimes_with(Aliasing::Off).load());
        assert_eq!(on_the_heap(&network, &longer), expected(&network));
    }
}

#[test]
fn lifetimes_that_are_too_short_or_too_small_are_refused() {
    let [network, other, _] = small_networks(1);
    let refused = |lifetimes: &Lifetimes| {
        let error = Executor::new(&network, lifetimes, HeapSource(Global)).unwrap_err();
        error.to_string()
    };
    let early = changed(&network, |name, row| {
        row.upper -= i64::from(name == "layer1.v")
    });
    let op = "tensor 'layer1.v' is not alive at operator 'layer1.mixed' (step 22)";
    assert_eq!(refused(&early), op);
    let late = changed(&network, |name, row| {
        row.lower += i64::from(name == "layer1.v")
    });
    assert!(refused(&late).contains("not alive at operator 'layer1.v'"));
    let small = changed(&network, |name, row| {
        row.size -= 4 * u64::from(name == "layer1.v")
    });
    assert_eq!(refused(&small), "tensor 'layer1.v' has 64 elements, not 63");
    let other = other.graph().lifetimes();
    assert!(refused(&other).contains("the network has 32 tensors"));
}

#[test]
fn a_source_without_memory_ends_the_run_and_nothing_stays_alive() {
    /// Has no memory for one tensor.
    struct Full(TensorId, Metered<Global>);
    impl TensorSource for Full {
        type Alloc = Metered<Global>;
        type Error = fmt::Error;
        fn allocator(&self, id: TensorId) -> Result<Metered<Global>, fmt::Error> {
            if id == self.0 {
                Err(fmt::Error)
            } else {
                Ok(self.1.clone())
            }
        }
    }
    let [network, ..] = small_networks(1);
    let id = network.graph().find("layer1.scores").unwrap();
    let metered = Metered::new(Global);
    let lifetimes = network.graph().lifetimes();
    let mut executor = Executor::new(&network, &lifetimes, Full(id, metered.clone())).unwrap();
    let error = result(&mut executor).unwrap_err().to_string();
    assert!(
        error.starts_with("no memory for tensor 'layer1.scores'"),
        "{error}"
    );
    assert!(metered.peak_bytes() > 0);
    assert_eq!(metered.live_bytes(), 0);
    let short = executor.run(&[], &mut []).unwrap_err().to_string();
    assert_eq!(short, "tensor 'input' has 64 elements, not 0");
}
