//! Plans instances whose buffers have gaps, beside the same ones without.
//!
//! ```text
//! cargo run --release -p orionrt-plan --features files --example gaps -- [--seconds N] FILE.csv...
//! ```
//!
//! Each search has N seconds, by default one.
//!
//! Each buffer that lives for more than ten steps gets a gap at random steps, and another buffer of
//! its size lives in the gap. So the load stays, and there is a plan with gaps as low as one
//! without: the new buffers have the places of those whose gaps they fill. The planner is not told
//! which ones belong together.

use std::{
    error::Error,
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use orionrt_plan::{Lifetimes, Planner, TensorId, lifetimes::Lifetime};
use orionrt_testing::instances::{Row, gapped};

const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    println!("| instance | buffers | peak / bound | with gaps | gaps | peak / bound | time |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut planner = Planner::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(file) = arguments.next() {
        if file == "--seconds" {
            let seconds = arguments.next().ok_or("--seconds needs a number")?;
            planner = planner.time_limit(Duration::from_secs_f64(seconds.parse()?));
            continue;
        }
        let path = Path::new(&file);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let whole = Lifetimes::read_csv(File::open(path)?);
        let whole = whole.map_err(|error| format!("{file}: {error}"))?;
        let with_gaps = gapped_lifetimes(&whole)?;
        let plan = planner.plan(&whole)?;
        let start = Instant::now();
        let gapped = planner.plan(&with_gaps)?;
        let time = start.elapsed().as_secs_f64();
        let gaps = (0..with_gaps.len()).map(|i| with_gaps.gaps(TensorId::new(i as u32)).count());
        println!(
            "| {name} | {} | {:.4} | {} | {} | {:.4} | {time:.2} s |",
            whole.len(),
            plan.ratio(),
            with_gaps.len(),
            gaps.sum::<usize>(),
            gapped.ratio(),
        );
    }
    Ok(())
}

fn gapped_lifetimes(whole: &Lifetimes) -> Result<Lifetimes, Box<dyn Error>> {
    let rows = whole.iter().map(|(_, name, row)| Row {
        id: name.into(),
        lower: row.lower,
        upper: row.upper,
        size: row.size,
        alignment: row.alignment,
    });
    let (all, gaps) = gapped(&rows.collect::<Vec<_>>(), SEED);
    let named = all.into_iter().map(|row| {
        let lifetime = Lifetime::new(row.lower, row.upper, row.size);
        (row.id, lifetime.with_alignment(row.alignment))
    });
    let gaps = gaps
        .into_iter()
        .map(|(i, gap)| (TensorId::new(i as u32), vec![gap]));
    Ok(Lifetimes::from_named(named)?.with_all_gaps(gaps)?)
}
