//! A task, run and measured.
//!
//! ```text
//! load │ first call │ warm passes │ further ones │ measured passes │ one pass more
//!      └─ peak of resident memory from here to the end
//!        first ms, faults              settle      CPU time, faults   results
//! ```
//!
//! Invariant: what is hashed comes from the first call, the warm passes and the last pass, whose
//! number does not depend on time.

use std::{error::Error, time::Instant};

use orionrt::replay::{RequestCounts, Session};

use crate::{
    counted::Counts,
    process,
    task::{Figures, Measured, Planned, Task},
    workload::{Digest, Key, Workload},
};

/// Room for the times of so many passes is made at the start.
const MOST_TIMES: usize = 1 << 16;

/// How a program runs iterations.
pub(crate) trait Runner {
    /// Runs one of a key.
    fn run(&mut self, key: Key, iteration: &mut dyn FnMut()) -> Result<(), Box<dyn Error>>;

    /// What replay says about them.
    fn planned(&self) -> Option<Planned> {
        None
    }
}

/// Runs iterations as they are.
pub(crate) struct Plain;

impl Runner for Plain {
    fn run(&mut self, _key: Key, iteration: &mut dyn FnMut()) -> Result<(), Box<dyn Error>> {
        iteration();
        Ok(())
    }
}

impl<A: Sync> Runner for Session<'_, A, u64> {
    fn run(&mut self, key: Key, iteration: &mut dyn FnMut()) -> Result<(), Box<dyn Error>> {
        Ok(match key {
            Key::Exact(key) => Session::run(self, key, iteration)?,
            Key::AtMost(key) => Session::run_at_most(self, key, iteration)?,
        })
    }

    fn planned(&self) -> Option<Planned> {
        let report = self.report();
        let mut counts = RequestCounts::default();
        let mut planned = Planned {
            keys: report.keys.len(),
            ..Planned::default()
        };
        for key in &report.keys {
            planned.recorded += key.recorded;
            planned.planned_bytes += key.planned_bytes;
            planned.lower_bound += key.lower_bound;
            planned.text = key.to_string();
            planned.plain += key.plain.total();
            counts += key.counts;
        }
        planned.served = counts.served_share();
        Some(planned)
    }
}

/// Runs a workload and measures it. `count` reads the counters of a program that has any.
pub(crate) fn measure(
    task: &Task,
    workload: &mut dyn Workload,
    runner: &mut dyn Runner,
    count: Option<&dyn Fn() -> Counts>,
) -> Result<Measured, Box<dyn Error>> {
    let mut run = Run {
        workload,
        runner,
        count,
        counts: Counts::default(),
        digest: Digest::new(),
        // Written to, so that it is resident.
        times: vec![1; MOST_TIMES],
    };
    run.times.clear();
    process::reset_peak()?;
    let loaded_bytes = process::resident()?;
    let (start, faults) = (Instant::now(), process::faults());
    run.iteration(0)?;
    let first_ms = start.elapsed().as_secs_f64() * 1e3;
    let first_faults = process::faults() - faults;
    run.keep();
    for step in 1..run.workload.steps() {
        run.iteration(step)?;
        run.keep();
    }
    for _ in 1..task.warm {
        run.pass(Run::keep)?;
    }
    run.settle(task.settle)?;
    let steady = run.steady(task)?;
    let counts = run.count.map(|_| run.counts);
    run.pass(Run::keep)?;
    let figures = Figures {
        loaded_bytes,
        most_bytes: process::peak()?,
        end_bytes: process::resident()?,
        first_ms,
        first_faults,
        iterations: steady.iterations,
        faults: steady.faults,
        cpu_ms: steady.cpu_ms,
        digest: run.digest.to_string(),
    };
    Ok(Measured {
        figures,
        planned: run.runner.planned(),
        counts,
    })
}

/// A workload while it runs.
struct Run<'a> {
    workload: &'a mut dyn Workload,
    runner: &'a mut dyn Runner,
    count: Option<&'a dyn Fn() -> Counts>,
    counts: Counts,
    digest: Digest,
    /// The CPU times of passes. It has its room before the first call: later, it would take a piece
    /// of memory that the engine uses.
    times: Vec<u64>,
}

/// What is measured when nothing changes any more.
struct Steady {
    iterations: u64,
    faults: f64,
    cpu_ms: f64,
}

impl Run<'_> {
    fn iteration(&mut self, step: usize) -> Result<(), Box<dyn Error>> {
        let key = self.workload.key(step);
        let (workload, counts) = (&mut *self.workload, &mut self.counts);
        let Some(count) = self.count else {
            return self.runner.run(key, &mut || workload.run(step));
        };
        self.runner.run(key, &mut || {
            let before = count();
            workload.run(step);
            *counts += count() - before;
        })
    }

    /// Hashes a result before it is released.
    fn keep(&mut self) {
        self.workload.digest(&mut self.digest);
        self.workload.discard();
    }

    fn pass(&mut self, mut each: impl FnMut(&mut Self)) -> Result<(), Box<dyn Error>> {
        self.workload.begin();
        for step in 0..self.workload.steps() {
            self.iteration(step)?;
            each(self);
        }
        Ok(())
    }

    /// Runs passes for so many seconds; none for 0.
    fn settle(&mut self, seconds: f64) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < seconds {
            self.pass(|run| run.workload.discard())?;
        }
        Ok(())
    }

    fn steady(&mut self, task: &Task) -> Result<Steady, Box<dyn Error>> {
        self.counts = Counts::default();
        let (start, faults) = (Instant::now(), process::faults());
        while self.times.len() < task.passes || start.elapsed().as_secs_f64() < task.seconds {
            let before = process::cpu_ns();
            self.pass(|run| run.workload.discard())?;
            self.times.push(process::cpu_ns() - before);
        }
        let faults = process::faults() - faults;
        let times = &mut self.times;
        let iterations = (times.len() * self.workload.steps()) as u64;
        times.sort_unstable();
        let median = times[times.len() / 2] as f64 / self.workload.steps() as f64;
        Ok(Steady {
            iterations,
            faults: faults as f64 / iterations as f64,
            cpu_ms: median / 1e6,
        })
    }
}
