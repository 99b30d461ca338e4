//! Retention in steady loads: programs that allocate and free on the page heap itself, with real
//! placement and purging, and with a clock of their own.
//!
//! What counts is faults: pages handed out that were not resident. A loop must soon have none, and
//! what does not come again must go.

#![forbid(unsafe_code)]

use core::time::Duration;
use std::vec::Vec;

use super::{
    class::PAGE,
    config::Config,
    decay::{BIG_BLOCK, Decay},
    limits::Limits,
    page_heap::PageHeap,
    page_run::{PageRequest, PageRun},
    purge::purge,
    zone_registry::ZoneRegistry,
};
use crate::arena::HugePages;
use orionrt_sys::locked::Locked;
use orionrt_testing::random::Random;

const MILLISECOND: Duration = Duration::from_millis(1);
/// A loop that has run for so many iterations, and for so long, must not fault any more.
const LEARNING: usize = 8;
const LEARNING_TIME: Duration = Duration::from_secs(10);
/// Iterations that are looked at then.
const STEADY: usize = 50;
/// What nobody needs is gone after so long.
const LONGEST: Duration = Duration::from_secs(25);

/// A page heap with a clock that stands still until it is set, and a count of faults.
struct Machine<'z> {
    heap: Locked<PageHeap<'z>>,
    registry: &'z ZoneRegistry,
    now: Duration,
    releases: usize,
    faults: usize,
}

impl<'z> Machine<'z> {
    fn new(registry: &'z ZoneRegistry) -> Self {
        Self {
            heap: Locked::new(PageHeap::new(Config {
                first_zone: 1 << 30,
                decay: Decay::DEFAULT,
                huge_pages: HugePages::Off,
                limits: Limits::NONE,
                is_observed: false,
                #[cfg(feature = "profile")]
                sampling: None,
            })),
            registry,
            now: Duration::from_secs(1),
            releases: 0,
            faults: 0,
        }
    }

    fn allocate(&mut self, pages: usize) -> PageRun<'z> {
        self.allocate_for(pages, pages * PAGE)
    }

    /// Allocates pages for objects of so many bytes.
    fn allocate_for(&mut self, pages: usize, object: usize) -> PageRun<'z> {
        let request = PageRequest {
            object,
            ..PageRequest::block(pages, PAGE)
        };
        self.heap.with(|heap| {
            let resident = heap.resident;
            let new = heap.allocate(request, self.registry);
            self.faults += pages - (resident - heap.resident);
            new.expect("there is room").run
        })
    }

    /// Frees a run as the heap does, looks at the clock as often, and gives back as much.
    fn free(&mut self, run: &PageRun<'z>) {
        self.releases += 1;
        let is_tick = run.pages.len() >= BIG_BLOCK || self.releases % 32 == 0;
        let now = is_tick.then_some(self.now);
        let surplus = self.heap.with(|heap| {
            heap.free(run);
            heap.surplus(now)
        });
        purge(&self.heap, surplus.pages, |_| true);
    }

    fn resident(&self) -> usize {
        self.heap.with(|heap| heap.resident)
    }
}

/// One step of an iteration: a block of so many pages that lives for so many steps.
#[derive(Clone, Copy, Debug)]
struct Layer {
    pages: usize,
    steps: usize,
}

/// Runs an iteration that takes `time`; returns how many pages faulted.
fn iterate(machine: &mut Machine<'_>, layers: &[Layer], time: Duration) -> usize {
    let before = machine.faults;
    let mut live: Vec<(usize, PageRun<'_>)> = Vec::new();
    for (step, layer) in layers.iter().enumerate() {
        let run = machine.allocate(layer.pages);
        live.push((step + layer.steps, run));
        machine.now += time / layers.len() as u32;
        live.retain(|(end, run)| {
            if *end <= step {
                machine.free(run);
            }
            *end > step
        });
    }
    live.iter().for_each(|(_, run)| machine.free(run));
    machine.faults - before
}

/// Runs iterations until a loop must have learned.
fn learn(machine: &mut Machine<'_>, layers: &[Layer], time: Duration) {
    let start = machine.now;
    for iteration in 0.. {
        if iteration >= LEARNING && machine.now - start >= LEARNING_TIME {
            return;
        }
        iterate(machine, layers, time);
    }
}

/// Runs a loop beside `weights` pages in use; returns how many pages fault once it has learned.
fn steady_faults(weights: usize, layers: &[Layer], time: Duration) -> usize {
    let registry = ZoneRegistry::new();
    let mut machine = Machine::new(&registry);
    let _weights = machine.allocate(weights);
    learn(&mut machine, layers, time);
    let faults = (0..STEADY).map(|_| iterate(&mut machine, layers, time));
    faults.sum()
}

/// A network: each layer's output is read by the next one, and some by a later one.
fn network(seed: u64, layers: usize, most: usize) -> Vec<Layer> {
    let mut random = Random(seed);
    let layer = |_| Layer {
        pages: random.log_uniform(10, most),
        steps: match random.one_in(4) {
            true => 1 + random.below(12),
            false => 1,
        },
    };
    (0..layers).map(layer).collect()
}

/// Layers that keep their blocks until the end, each with a scratch block for itself.
fn swing() -> Vec<Layer> {
    let layer = |step: usize| {
        let (pages, steps) = (400 + 10 * step, 80);
        let scratch = Layer {
            pages: BIG_BLOCK,
            steps: 1,
        };
        [Layer { pages, steps }, scratch]
    };
    (0..40).flat_map(layer).collect()
}

/// Lets time pass in which little is done.
fn do_little(machine: &mut Machine<'_>, time: Duration) {
    let end = machine.now + time;
    while machine.now < end {
        let run = machine.allocate(BIG_BLOCK);
        machine.now += 50 * MILLISECOND;
        machine.free(&run);
    }
}

#[test]
fn a_loop_whose_memory_swings_between_all_and_nothing_does_not_fault() {
    for time in [20u32, 300, 1500, 5000] {
        let faults = steady_faults(1, &swing(), time * MILLISECOND);
        assert_eq!(faults, 0, "iterations of {time} ms");
    }
}

#[test]
fn a_network_in_a_loop_does_not_fault() {
    for seed in 0..3 {
        let layers = network(seed, 60, 900);
        for weights in [1, 2000, 25_000] {
            for time in [60u32, 200, 1500, 4000] {
                let faults = steady_faults(weights, &layers, time * MILLISECOND);
                let what = std::format!("seed {seed}, {weights} pages, {time} ms");
                assert_eq!(faults, 0, "{what}");
            }
        }
    }
}

/// So few pages come back in a window that nothing is learned from them.
#[test]
fn a_loop_that_needs_a_few_pages_now_and_then_does_not_fault() {
    for few in [1, 10, 24, 31] {
        let often = [Layer { pages: 1, steps: 1 }; 100];
        let mut layers = std::vec![Layer {
            pages: few,
            steps: 1
        }];
        layers.extend(often);
        for time in [300u32, 600, 1500] {
            let faults = steady_faults(2000, &layers, time * MILLISECOND);
            assert_eq!(faults, 0, "{few} pages in iterations of {time} ms");
        }
    }
}

/// Blocks below 256 KiB earn credit only while a program fills again what it had freed. Beside much
/// that stays in use they profit from that and from the longer window.
#[test]
fn a_network_of_small_blocks_beside_its_weights_hardly_faults() {
    for seed in 0..3 {
        let layers = network(seed, 200, BIG_BLOCK - 1);
        let pages: usize = layers.iter().map(|layer| layer.pages).sum();
        for time in [60u32, 200, 1500, 4000] {
            let faults = steady_faults(2000, &layers, time * MILLISECOND);
            let share = faults as f64 / (STEADY * pages) as f64;
            assert!(share < 0.01, "{share} of seed {seed}, {time} ms");
        }
    }
}

#[test]
fn a_network_of_small_blocks_alone_hardly_faults() {
    for seed in 0..3 {
        let layers = network(seed, 200, BIG_BLOCK - 1);
        let pages: usize = layers.iter().map(|layer| layer.pages).sum();
        for time in [60u32, 1500] {
            let faults = steady_faults(1, &layers, time * MILLISECOND);
            let share = faults as f64 / (STEADY * pages) as f64;
            assert!(share < 0.05, "{share} of seed {seed}, {time} ms");
        }
    }
}

#[test]
fn a_loop_that_frees_all_of_its_small_blocks_at_once_does_not_fault() {
    for time in [20u32, 300, 1500] {
        let layer = |layer: Layer| Layer {
            steps: 500,
            ..layer
        };
        let layers: Vec<Layer> = network(1, 200, BIG_BLOCK - 1)
            .into_iter()
            .map(layer)
            .collect();
        assert_eq!(steady_faults(1, &layers, time * MILLISECOND), 0);
    }
}

/// Fills so many pages with small objects and frees them, in a time; returns how many faulted.
fn fill(machine: &mut Machine<'_>, pages: usize, time: Duration) -> usize {
    let before = machine.faults;
    let spans: Vec<_> = (0..pages / 2)
        .map(|_| machine.allocate_for(2, 64))
        .collect();
    machine.now += time;
    spans.iter().for_each(|span| machine.free(span));
    machine.faults - before
}

#[test]
fn a_loop_that_frees_all_of_its_small_objects_does_not_fault() {
    for time in [20u32, 80, 300, 1500] {
        let registry = ZoneRegistry::new();
        let mut machine = Machine::new(&registry);
        let _rest = machine.allocate_for(400, 64);
        let mut iterate = || fill(&mut machine, 2000, time * MILLISECOND);
        let _learning: usize = (0..40).map(|_| iterate()).sum();
        let faults: usize = (0..STEADY).map(|_| iterate()).sum();
        assert_eq!(faults, 0, "iterations of {time} ms");
        do_little(&mut machine, LONGEST);
        assert!(machine.resident() < 200, "{}", machine.resident());
    }
}

#[test]
fn phases_of_small_objects_leave_nothing() {
    let registry = ZoneRegistry::new();
    let mut machine = Machine::new(&registry);
    let _rest = machine.allocate_for(400, 64);
    for pages in [2000, 4000, 3000, 4000, 2000, 3500, 4000] {
        fill(&mut machine, pages, 5 * MILLISECOND);
        assert!(machine.resident() < 200, "{}", machine.resident());
    }
}

/// What is given back when sizes change comes back, too, and yet it shows no loop.
#[test]
fn blocks_that_come_and_go_at_random_leave_nothing() {
    const LIVE: usize = 8000;
    let registry = ZoneRegistry::new();
    let (mut machine, mut random) = (Machine::new(&registry), Random(5));
    let (mut live, mut blocks) = (0, Vec::new());
    for most in [1, 16, 2, 40, 16, 3, 30, 4].repeat(2) {
        for _ in 0..3 * LIVE / most {
            let run = machine.allocate(1 + random.below(most));
            live += run.pages.len();
            blocks.push(run);
            while live > LIVE {
                let run = blocks.swap_remove(random.below(blocks.len()));
                live -= run.pages.len();
                machine.free(&run);
            }
        }
    }
    assert!(
        machine.faults > 2 * LIVE,
        "{} pages faulted",
        machine.faults
    );
    blocks.iter().for_each(|run| machine.free(run));
    assert!(machine.resident() < LIVE / 16, "{}", machine.resident());
}

/// Threads and inputs make iterations differ: not all faults can be foreseen then.
#[test]
fn iterations_that_differ_hardly_fault() {
    let registry = ZoneRegistry::new();
    let (mut machine, mut random) = (Machine::new(&registry), Random(7));
    let mut layers = network(3, 60, 900);
    let mut disturbed = || {
        for _ in 0..10 {
            let (a, b) = (random.below(layers.len()), random.below(layers.len()));
            layers.swap(a, b);
        }
        layers.clone()
    };
    for _ in 0..40 {
        iterate(&mut machine, &disturbed(), 400 * MILLISECOND);
    }
    let (mut faults, mut pages) = (0, 0);
    for _ in 0..200 {
        let layers = disturbed();
        faults += iterate(&mut machine, &layers, 400 * MILLISECOND);
        pages += layers.iter().map(|layer| layer.pages).sum::<usize>();
    }
    assert!(faults * 100 < pages, "{faults} of {pages}");
}

#[test]
fn a_spike_in_a_loop_goes_and_what_the_loop_needs_stays() {
    let registry = ZoneRegistry::new();
    let mut machine = Machine::new(&registry);
    let (layers, time) = (network(1, 60, 900), 400 * MILLISECOND);
    learn(&mut machine, &layers, time);
    let before = machine.resident();
    let spike: Vec<_> = (0..50).map(|_| machine.allocate(1000)).collect();
    spike.iter().for_each(|run| machine.free(run));
    let end = machine.now + LONGEST;
    while machine.now < end {
        iterate(&mut machine, &layers, time);
    }
    assert!(machine.resident() < before + before / 4);
    assert_eq!(iterate(&mut machine, &layers, time), 0);
}

#[test]
fn a_spike_is_gone_after_two_periods() {
    let registry = ZoneRegistry::new();
    let mut machine = Machine::new(&registry);
    let spike: Vec<_> = (0..5000).map(|_| machine.allocate(10)).collect();
    let _rest: Vec<_> = (0..50).map(|_| machine.allocate(100)).collect();
    spike.iter().for_each(|run| machine.free(run));
    do_little(&mut machine, 600 * MILLISECOND);
    assert!(machine.resident() < 200, "{}", machine.resident());
}

#[test]
fn nothing_stays_of_a_loop_that_has_ended() {
    for weights in [1, 25_000] {
        for time in [20u32, 1500, 5000] {
            let registry = ZoneRegistry::new();
            let mut machine = Machine::new(&registry);
            let _weights = machine.allocate(weights);
            learn(&mut machine, &swing(), time * MILLISECOND);
            assert!(machine.resident() > 20_000);
            do_little(&mut machine, LONGEST);
            let left = machine.resident();
            assert!(left < 200 + weights / 32, "{left} of {time} ms");
        }
    }
}

/// With a purger, the clock is looked at without a release.
#[test]
fn nothing_stays_once_a_loop_has_fallen_silent() {
    let registry = ZoneRegistry::new();
    let mut machine = Machine::new(&registry);
    let _weights = machine.allocate(25_000);
    learn(&mut machine, &swing(), 1500 * MILLISECOND);
    let end = machine.now + 2000 * MILLISECOND;
    while machine.now < end {
        let look = machine.heap.with(|heap| heap.look(machine.now)).unwrap();
        purge(&machine.heap, look.pages, |_| true);
        machine.now += look.next_in;
    }
    assert_eq!(machine.resident(), 0);
}
