//! Finds the iterations in 10 million requests, of programs that are made up, and says how long
//! that took. Run it with `--release`; an argument is another number of requests.
//!
//! ```text
//! cargo run --release -p orionrt-plan --example iterations
//! ```

use std::{env, error::Error, time::Instant};

use orionrt_plan::iterations::IterationFinder;

fn main() -> Result<(), Box<dyn Error>> {
    let requests: usize = env::args()
        .nth(1)
        .map_or(Ok(10_000_000), |text| text.parse())?;
    let programs = [
        ("iterations of 1,310 requests", iterations(requests, 0)),
        ("the same, one in 100 differs", iterations(requests, 100)),
        ("layers in iterations", layers(requests)),
        ("equal requests", vec![64; requests]),
        ("a Fibonacci word", fibonacci(requests)),
        ("random requests of 10 sizes", random(requests, 10)),
        (
            "random requests of 10,000,000 sizes",
            random(requests, 10_000_000),
        ),
    ];
    println!("{requests} requests   seconds   found: iterations × period, identical");
    for (name, sizes) in programs {
        let begin = Instant::now();
        let found = IterationFinder::new().find(sizes.into_iter().map(|size| (size, 8)))?;
        let seconds = begin.elapsed().as_secs_f64();
        let best = found.first().map_or_else(
            || "nothing".into(),
            |one| format!("{} × {}, {}", one.count(), one.period, one.identical),
        );
        println!("{name:36} {seconds:6.2}   {best}");
    }
    Ok(())
}

/// Numbers that look random.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state: u64 = 1;
    std::iter::from_fn(move || {
        state = state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        Some(state >> 33)
    })
}

fn random(requests: usize, different: u64) -> Vec<u64> {
    let each = numbers().take(requests);
    each.map(|number| 16 * (number % different)).collect()
}

/// One iteration again and again; one request in `one_in` has another size, or none.
fn iterations(requests: usize, one_in: u64) -> Vec<u64> {
    let iteration = random(1310, 100);
    let sizes = iteration.into_iter().cycle().zip(numbers());
    let differs = |number: u64| number.checked_rem(one_in) == Some(0);
    sizes
        .map(|(size, number)| size + u64::from(differs(number)))
        .take(requests)
        .collect()
}

/// Iterations of 48 layers, with something before and after them.
fn layers(requests: usize) -> Vec<u64> {
    let all = random(30, 1000);
    let (layer, rest) = all.split_at(20);
    let iteration = [layer.repeat(48), rest.to_vec()].concat();
    iteration.into_iter().cycle().take(requests).collect()
}

fn fibonacci(requests: usize) -> Vec<u64> {
    let (mut before, mut word) = (vec![16], vec![16, 32]);
    while word.len() < requests {
        let next = [&word[..], &before[..]].concat();
        (before, word) = (word, next);
    }
    word.truncate(requests);
    word
}
