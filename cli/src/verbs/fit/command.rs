//! The verb `fit`.
//!
//! Stands on `asked`, `smallest`, `curve`, `schedule`, `files` and `show`. Invariant: a file is
//! written before the result is printed, and only if there is a schedule.

#![forbid(unsafe_code)]

use orionrt::fit::{FitError, Fitted};

use super::{
    asked::{Asked, load},
    curve::curve,
    files::{check, check_weights, files, write_picture, write_schedule},
    schedule::ScheduleOf,
    show,
    smallest::smallest,
};
use crate::{args::FitArgs, failure::Failure, interrupt, output, progress};

pub(crate) fn fit(args: &FitArgs) -> Result<(), Failure> {
    check(args)?;
    let input = load(args)?;
    check_weights(args, &input)?;
    let cancel = interrupt::cancel_on_ctrl_c();
    let asked = Asked::new(args, &input, &cancel)?;
    if let Some(count) = args.curve {
        return fit_curve(&asked, count);
    }
    let capacity = args.capacity;
    let capacity = capacity.map_or(0, |capacity| capacity.of(asked.before.peak()));
    let message = format!("fitting {} operators", asked.model.graph.ops().len());
    match progress::with_spinner(message, || asked.fitted(capacity)) {
        Ok(fitted) => report(&asked, capacity, &asked.prefetched(fitted, capacity)?),
        Err(error) => match asked.failure(&error) {
            Some(failure) => Err(failure),
            None => report_not_found(&asked, capacity, &error),
        },
    }
}

fn report(asked: &Asked<'_>, capacity: u64, fitted: &Fitted) -> Result<(), Failure> {
    let slow = asked.slow.map_or(0, |slow| slow.capacity);
    let schedule = ScheduleOf::new(&asked.model.graph, fitted, capacity, slow);
    write_schedule(asked.args, &schedule)?;
    match asked.args.json {
        true => output::print_json(&show::json(asked, capacity, fitted)),
        false => output::print(&show::text(asked, capacity, fitted)),
    }
}

/// Says which capacity works, and fails.
fn report_not_found(asked: &Asked<'_>, capacity: u64, error: &FitError) -> Result<(), Failure> {
    let (low, proven) = match error {
        FitError::Impossible { needed, .. } => (*needed, *needed),
        _ => (capacity.saturating_add(1), 0),
    };
    let message = "looking for the smallest capacity that works";
    let found = progress::with_spinner(message, || smallest(asked, low, proven))?;
    match asked.args.json {
        true => output::print_json(&show::not_found_json(asked, capacity, error, &found)),
        false => output::print(&show::not_found_text(asked, capacity, error, &found)),
    }?;
    Err(Failure::Capacity {
        path: asked.args.input.clone(),
        reached: error.to_string(),
        unwritten: files(asked.args),
    })
}

fn fit_curve(asked: &Asked<'_>, count: usize) -> Result<(), Failure> {
    let curve = curve(asked, count)?;
    let failure = curve.failure(&asked.args.input, files(asked.args));
    if asked.args.svg.is_some() && failure.is_none() {
        write_picture(asked, &show::drawn(asked, &curve))?;
    }
    match asked.args.json {
        true => output::print_json(&show::curve_json(asked, &curve)),
        false => output::print(&show::curve_text(asked, &curve)),
    }?;
    failure.map_or(Ok(()), Err)
}
