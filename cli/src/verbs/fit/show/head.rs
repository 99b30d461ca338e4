//! The lines above every answer for people: the model, the ways, and the peak without them.
//!
//! Stands on [`format`](crate::format) and `quantities`. Invariant: where the costs are from stands
//! beside the model's time.

#![forbid(unsafe_code)]

use super::quantities::{rate, seconds};
use crate::{
    args::Order,
    format::{self, Lines},
    verbs::fit::{asked::Asked, costs::CostSource},
};

/// The model, the ways, and the peak without them.
pub(super) fn head(asked: &Asked<'_>) -> Lines {
    let args = asked.args;
    let mut lines = Lines::default()
        .title(args.input.display().to_string())
        .line(
            "model",
            format!(
                "{}, {} by themselves",
                format::count(asked.model.graph.ops().len() as u64, "operator"),
                seconds(asked.costs.total())
            ),
        )
        .line("costs", costs(asked))
        .line(
            "peak before",
            format!(
                "{}, in the order of {}, aliasing {}",
                format::bytes(asked.before.peak()),
                match &args.model.order {
                    Order::Given(path) => path.display().to_string(),
                    _ => "the model".into(),
                },
                args.model.aliasing.name()
            ),
        );
    for (at, way) in ways(asked).into_iter().enumerate() {
        lines = lines.line(if at == 0 { "ways" } else { "" }, way);
    }
    lines
}

fn costs(asked: &Asked<'_>) -> String {
    let source = match &asked.costs.source {
        CostSource::Measured(path) => format!("measured, from {}", path.display()),
        CostSource::Estimated { flops, memory } => {
            let [flops, memory] = [rate(*flops, "FLOP/s"), rate(*memory, "B/s")];
            format!("estimated at {flops} and {memory}, not measured")
        }
    };
    match asked.costs.not_repeatable() {
        0 => source,
        count => {
            let operators = format::count(count as u64, "operator");
            format!("{source}; {operators} may not be rerun")
        }
    }
}

/// The ways in which memory may be saved.
fn ways(asked: &Asked<'_>) -> Vec<String> {
    let mut ways = Vec::new();
    if let Some(slow) = asked.slow {
        let [write, read] =
            [slow.write_bytes_per_second, slow.read_bytes_per_second].map(|of| rate(of, "B/s"));
        let size = format::short_bytes(slow.capacity);
        let one_way = match slow.is_half_duplex {
            true => ", one way at a time",
            false => "",
        };
        ways.push(format!(
            "spill to {size} of slow memory, written at {write}, read at {read}{one_way}"
        ));
    }
    if let Some(compress) = asked.args.compress {
        let speed = rate(compress.speed.0, "B/s");
        ways.push(format!(
            "compress to 1/{} of the bytes at {speed}, if the data allow it",
            compress.ratio
        ));
    }
    if !asked.args.no_recompute {
        ways.push("rerun operators".into());
    }
    if asked.args.model.order == Order::Memory {
        ways.push("reorder operators".into());
    }
    if ways.is_empty() {
        ways.push("none: --slow, --compress or --order memory gives one".into());
    }
    ways
}
