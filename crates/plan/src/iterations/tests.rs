//! Sequences whose iterations are known, and repetitions found by brute force.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Requests from sizes.
fn shapes(sizes: &[u64]) -> impl Iterator<Item = (u64, u64)> {
    sizes.iter().map(|&size| (size, 8))
}

fn find(sizes: &[u64]) -> Vec<Repetition> {
    found(&IterationFinder::new(), sizes)
}

fn found(finder: &IterationFinder, sizes: &[u64]) -> Vec<Repetition> {
    let found = finder.find(shapes(sizes)).expect("few requests");
    assert_sound(&found, sizes);
    found
}

/// What must hold of all that is found in a sequence.
fn assert_sound(found: &[Repetition], sizes: &[u64]) {
    let mut covered = BTreeSet::new();
    for one in found {
        assert!(one.bounds.is_sorted_by(|a, b| a < b), "{one:?}");
        assert!(one.stretch().end <= sizes.len(), "{one:?}");
        assert!(one.count() >= 2 && one.representative < one.count());
        for request in one.stretch() {
            assert!(covered.insert(request), "overlaps at {request}: {found:?}");
        }
        assert!((0.0..=1.0).contains(&one.replayable_fraction()), "{one:?}");
        for inner in &one.inner {
            assert!(inner.requests.len() >= inner.period * inner.count);
        }
    }
    assert!(found.is_sorted_by_key(|one| std::cmp::Reverse(one.bytes)));
}

/// A generator of numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) * limit) >> 31
    }

    /// Sizes of a program that makes this many requests of few or many different sizes.
    fn sizes(&mut self, requests: usize, different: u64) -> Vec<u64> {
        let each = (0..requests).map(|_| 16 + 16 * self.below(different));
        each.collect()
    }
}

/// The edit distance of two sequences: insertions, deletions and substitutions cost 1.
fn distance(a: &[u64], b: &[u64]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The most requests that whole iterations of an exact repetition cover, by all periods at all
/// places: the number, the place and the period.
fn longest_exact(sizes: &[u64], min_count: usize) -> (usize, usize, usize) {
    let mut best = (0, 0, 0);
    for period in 1..=sizes.len() / min_count {
        let mut start = 0;
        for end in period..=sizes.len() {
            if end == sizes.len() || sizes[end] != sizes[end - period] {
                let whole = (end - start) / period * period;
                if whole / period >= min_count {
                    best = best.max((whole, start, period));
                }
                start = end + 1 - period;
            }
        }
    }
    best
}

/// A program: what its parts are made of, and how often each differs.
struct Program {
    random: Random,
    sizes: Vec<u64>,
}

impl Program {
    /// One that begins with a warm-up.
    fn new(seed: u64, warm_up: usize) -> Self {
        let mut random = Random(seed);
        let sizes = random.sizes(warm_up, 1000);
        Self { random, sizes }
    }

    fn part(&mut self, requests: usize, different: u64) -> Vec<u64> {
        self.random.sizes(requests, different)
    }

    /// Runs a part with this many requests that are inserted, missing or of another size.
    fn run(&mut self, part: &[u64], noise: usize) {
        let mut run = part.to_vec();
        for _ in 0..noise {
            let at = self.random.below(run.len() as u64) as usize;
            match self.random.below(3) {
                0 => run.insert(at, 5),
                1 => drop(run.remove(at)),
                _ => run[at] = 9,
            }
        }
        self.sizes.extend(run);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn exact_iterations_are_found(
        seed in any::<u64>(), warm_up in 0usize..60, period in 6usize..200, count in 3usize..12,
        tail in 0usize..60,
    ) {
        let mut program = Program::new(seed, warm_up);
        let mut part = program.part(period, 1000);
        part[period / 2] = 3; // The only one of this size: there is no shorter period.
        for _ in 0..count {
            program.run(&part, 0);
        }
        let after = program.part(tail, 1000);
        program.run(&after, 0);
        let found = find(&program.sizes);
        prop_assert_eq!(found.len(), 1);
        let one = &found[0];
        prop_assert_eq!((one.count(), one.period, one.identical), (count, period, count));
        // What is before may agree with the end of an iteration by chance.
        prop_assert!(one.bounds[0] <= warm_up && one.bounds[0] + 3 >= warm_up);
        prop_assert!(one.inner.is_empty());
    }

    #[test]
    fn iterations_with_noise_are_found(
        seed in any::<u64>(), warm_up in 0usize..100, period in 40usize..300, count in 5usize..20,
    ) {
        let mut program = Program::new(seed, warm_up);
        let part = program.part(period, 50);
        for iteration in 0..count {
            program.run(&part, usize::from(iteration % 2 == 1) * (1 + period / 100));
        }
        let found = find(&program.sizes);
        let one = &found[0];
        prop_assert!(one.count() + 1 >= count && one.count() <= count, "{:?}", found);
        prop_assert!(one.period.abs_diff(period) <= 3);
        prop_assert!(one.requests + 2 * period >= program.sizes.len() - warm_up);
        prop_assert!(one.differing <= count * (4 + period / 20), "{:?}", one);
        // What differs is at least the edit distance.
        let of = |iteration| &program.sizes[one.iteration(iteration).expect("an iteration")];
        let template = of(one.representative);
        let least: usize = (0..one.count()).map(|each| distance(template, of(each))).sum();
        prop_assert!(least <= one.differing && one.differing <= 3 * least + count);
        let identical = (0..one.count()).filter(|&each| of(each) == template).count();
        prop_assert_eq!(one.identical, identical);
    }

    #[test]
    fn what_brute_force_finds_is_found(
        parts in prop::collection::vec((prop::collection::vec(1u64..4, 1..12), 1usize..7), 1..5),
    ) {
        let runs = parts.iter().map(|(part, count)| part.repeat(*count));
        let sizes: Vec<u64> = runs.flatten().collect();
        let (covered, start, period) = longest_exact(&sizes, 3);
        let found = find(&sizes);
        if covered >= 16 {
            let most = found.iter().map(|one| one.requests).max();
            prop_assert!(
                most.is_some_and(|most| most * 3 >= covered * 2),
                "{covered} from {start} by {period}: {found:?} in {sizes:?}"
            );
        }
    }

    #[test]
    fn any_sequence_is_searched(
        sizes in prop::collection::vec(0u64..3, 0..300), at_least in 0u64..3, count in 0usize..4,
    ) {
        let finder = IterationFinder::new().at_least(at_least).min_count(count).min_requests(0);
        for one in found(&finder, &sizes) {
            let stretch = &sizes[one.stretch()];
            prop_assert!(stretch[0] >= at_least && stretch[stretch.len() - 1] >= at_least);
            let counted = stretch.iter().filter(|&&size| size >= at_least);
            prop_assert_eq!(one.requests, counted.clone().count());
            prop_assert_eq!(one.bytes, counted.sum::<u64>());
        }
    }
}

#[test]
fn layers_are_inside_iterations() {
    let mut program = Program::new(1, 100);
    let [before, layer, after] = [7, 20, 3].map(|requests| program.part(requests, 100));
    for _ in 0..30 {
        program.run(&before, 0);
        (0..48).for_each(|_| program.run(&layer, 0));
        program.run(&after, 0);
    }
    let found = find(&program.sizes);
    assert_eq!(
        (found.len(), found[0].count(), found[0].period),
        (1, 30, 970)
    );
    assert_eq!((found[0].stretch(), found[0].differing), (100..29_200, 0));
    let inner = &found[0].inner;
    assert_eq!((inner.len(), inner[0].period, inner[0].count), (1, 20, 48));
    assert_eq!(inner[0].requests, 107..1067);
}

#[test]
fn layers_with_little_between_them_are_not_the_iteration() {
    // One request in 961 tells an iteration from its layers.
    let mut program = Program::new(2, 50);
    let layer = program.part(20, 100);
    for _ in 0..10 {
        (0..48).for_each(|_| program.run(&layer, 0));
        program.run(&[3], 0);
    }
    // The last iteration is cut off, so that the layers cover more than whole iterations do.
    (0..30).for_each(|_| program.run(&layer, 0));
    let found = find(&program.sizes);
    assert_eq!(
        (found.len(), found[0].count(), found[0].period),
        (1, 10, 961)
    );
    assert_eq!((found[0].inner[0].period, found[0].differing), (20, 0));
}

#[test]
fn a_stretch_ends_where_too_much_differs() {
    let mut program = Program::new(9, 0);
    let part = program.part(100, 100);
    (0..10).for_each(|_| program.run(&part, 0));
    for iteration in 0..10 {
        let mut run = part.clone();
        (0..100)
            .step_by(5)
            .for_each(|at| run[at] = 10_000 + iteration);
        program.run(&run, 0);
    }
    let found = find(&program.sizes);
    assert_eq!(
        (found.len(), found[0].count(), found[0].identical),
        (1, 10, 10)
    );
}

#[test]
fn batches_are_inside_epochs() {
    let mut program = Program::new(3, 100);
    let [batch, validation] = [60, 33].map(|requests| program.part(requests, 100));
    for _ in 0..5 {
        (0..40).for_each(|_| program.run(&batch, 0));
        (0..7).for_each(|_| program.run(&validation, 0));
    }
    let found = find(&program.sizes);
    assert_eq!(
        (found.len(), found[0].count(), found[0].period),
        (1, 5, 2631)
    );
    let inner: Vec<_> = found[0]
        .inner
        .iter()
        .map(|one| (one.period, one.count))
        .collect();
    assert_eq!(inner, [(60, 40), (33, 7)]);
}

#[test]
fn two_phases_are_two_repetitions() {
    let mut program = Program::new(4, 100);
    let [first, second] = [60, 33].map(|requests| program.part(requests, 100));
    (0..40).for_each(|_| program.run(&first, 0));
    (0..20).for_each(|_| program.run(&second, 0));
    let found = find(&program.sizes);
    let told: Vec<_> = found
        .iter()
        .map(|one| (one.stretch(), one.period))
        .collect();
    assert_eq!(told, [(100..2500, 60), (2500..3160, 33)]);
}

#[test]
fn shapes_that_take_turns_are_one_iteration() {
    let mut program = Program::new(5, 0);
    let first = program.part(50, 100);
    let other = program.part(70, 100);
    let mut similar = first.clone();
    similar[20..23].copy_from_slice(&[1, 2, 3]);
    for (second, period) in [(other, 120), (similar, 100)] {
        let sizes = [first.clone(), second].concat().repeat(40);
        let found = find(&sizes);
        assert_eq!(
            (found.len(), found[0].count(), found[0].period),
            (1, 40, period)
        );
        assert_eq!(found[0].differing, 0);
    }
}

#[test]
fn sizes_that_grow_agree_by_their_logarithm() {
    let mut program = Program::new(6, 30);
    let token = program.part(50, 30);
    for count in 0..200 {
        let mut run = token.clone();
        (0..50)
            .step_by(5)
            .for_each(|at| run[at] = 4096 + 16 * count);
        program.run(&run, 0);
    }
    assert_eq!(find(&program.sizes), []);
    let finder = IterationFinder::new().size_match(SizeMatch::Log2);
    let all = found(&finder, &program.sizes);
    assert_eq!((all.len(), all[0].count(), all[0].period), (1, 200, 50));
    assert_eq!(
        (all[0].identical, all[0].differing, all[0].resized),
        (1, 0, 199 * 10)
    );
    assert!((all[0].replayable_fraction() - 0.801).abs() < 1e-9);
}

#[test]
fn small_requests_may_be_left_out() {
    let mut program = Program::new(7, 30);
    let part = program.part(40, 30);
    for _ in 0..20 {
        program.run(&part, 0);
        let noise = program.random.below(40) as usize;
        program.run(&[8, 4, 2].repeat(noise), 0);
    }
    let finder = IterationFinder::new().at_least(16);
    let all = found(&finder, &program.sizes);
    assert_eq!(
        (all[0].count(), all[0].period, all[0].identical),
        (20, 40, 20)
    );
    assert_eq!((all[0].requests, all[0].bounds[0]), (800, 30));
}

#[test]
fn nothing_repeats_in_random_requests() {
    for (different, at_least) in [(2, 200), (3, 100), (10, 40), (1000, 16)] {
        let sizes = Random(different).sizes(20_000, different);
        let finder = IterationFinder::new().min_requests(at_least);
        assert_eq!(found(&finder, &sizes), [], "{different} different sizes");
    }
}

#[test]
fn a_burst_between_two_iterations_does_not_hide_them() {
    let mut program = Program::new(8, 0);
    let part = program.part(400, 100);
    let burst = program.part(60, 1000);
    for iteration in 0..20 {
        program.run(&part[..150], 0);
        program.run(&burst[..if iteration == 9 { 60 } else { 0 }], 0);
        program.run(&part[150..], 0);
    }
    let found = find(&program.sizes);
    assert_eq!(
        (found.len(), found[0].count(), found[0].identical),
        (1, 20, 19)
    );
    assert_eq!((found[0].stretch(), found[0].differing), (0..8060, 60));
}

#[test]
fn iterations_begin_where_least_is_alive() {
    // Each iteration allocates four blocks and frees them at its end; the warm-up ends as an
    // iteration does, so that the stretch begins in it.
    let (warm_up, iteration) = ([999, 77, 30, 40], [10, 20, 30, 40]);
    let sizes: Vec<u64> = warm_up.into_iter().chain(iteration.repeat(8)).collect();
    let requests = sizes.iter().zip(0i64..).map(|(&size, index)| Request {
        size,
        alignment: 8,
        time: 2 * index,
        freed: Some(2 * (index / 4 * 4 + 4) - 1).filter(|_| index > 0),
    });
    let requests: Vec<Request> = requests.collect();
    assert_eq!(find(&sizes)[0].bounds[0], 2);
    let found = IterationFinder::new()
        .find_in(&requests)
        .expect("few requests");
    assert_eq!((found[0].bounds[0], found[0].count()), (4, 8));
    let iteration = found[0].iteration(2).expect("an iteration");
    let memory = IterationMemory::new(&requests, iteration).expect("lifetimes");
    assert_eq!((memory.lifetimes.load(), memory.outliving), (100, 0));
    assert_eq!((memory.alive_before, memory.peak), (999, 100));
}

proptest! {
    #[test]
    fn memory_of_an_iteration_is_what_a_sum_over_all_steps_says(
        rows in prop::collection::vec((1u64..100, prop::option::of(1i64..40)), 1..30),
        start in 0usize..30, length in 1usize..30,
    ) {
        let requests: Vec<Request> = rows.iter().zip(0..).map(|(&(size, lived), time)| Request {
            size, alignment: 1, time, freed: lived.map(|lived| time + lived),
        }).collect();
        let start = start.min(requests.len() - 1);
        let end = (start + length).min(requests.len());
        let memory = IterationMemory::new(&requests, start..end).expect("lifetimes");
        let is_alive = |request: &&Request, at: i64| {
            request.time <= at && request.freed.is_none_or(|freed| freed > at)
        };
        let alive = |of: &[Request], at| -> u64 {
            of.iter().filter(|one| is_alive(one, at)).map(|one| one.size).sum()
        };
        let (begin, last) = (start as i64, end as i64);
        let own = &requests[start..end];
        prop_assert_eq!(memory.alive_before, alive(&requests[..start], begin));
        prop_assert_eq!(memory.peak, (begin..last).map(|at| alive(own, at)).max().unwrap_or(0));
        let is_last = end == requests.len();
        let outliving = |one: &&Request| {
            one.freed.is_none_or(|freed| freed > last && !is_last)
        };
        let kept: Vec<&Request> = own.iter().filter(outliving).collect();
        prop_assert_eq!(memory.outliving, kept.len());
        prop_assert_eq!(memory.outliving_bytes, kept.iter().map(|one| one.size).sum::<u64>());
        prop_assert_eq!(memory.lifetimes.len(), own.len() - kept.len());
    }
}
