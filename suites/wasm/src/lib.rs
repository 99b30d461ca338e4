//! What the planner and the readers of models say, in WebAssembly and on the machine that builds
//! it: `.ci/targets` compares the two. In WebAssembly all of it runs on `WasmAlloc`, which is also
//! tested by itself.
//!
//! `run.mjs` prints the report of the module, `main.rs` that of this machine.

mod allocator;

use std::{fmt::Write, sync::OnceLock, time::Duration};

use orionrt_models::{Options, parse};
use orionrt_plan::{Lifetimes, Plan, Planner};
use orionrt_test_models::{
    parts::{encoded, node, unshaped_value, value},
    proto::{GraphProto, tensor_proto::DataType::Float},
};

static REPORT: OnceLock<String> = OnceLock::new();

/// The report, made once.
pub fn report() -> &'static str {
    REPORT.get_or_init(|| {
        let mut report = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            report,
            "{}\n{}\n{}\n{}\n",
            allocator::checked(),
            searched(),
            beyond_32_bits(),
            model()
        );
        report
    })
}

/// The address of the report.
#[unsafe(no_mangle)]
pub extern "C" fn report_start() -> *const u8 {
    report().as_ptr()
}

/// The length of the report, in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn report_length() -> usize {
    report().len()
}

/// A plan that takes a search. Those with a time limit and threads, of which WebAssembly has none,
/// are not the same everywhere, and so are only valid.
fn searched() -> String {
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) % below
    };
    let rows = (0..60).map(|i| {
        let (lower, length) = (random(100) as i64, 1 + random(30) as i64);
        (format!("t{i}"), lower, lower + length, 1 + random(1000), 1)
    });
    let lifetimes = Lifetimes::from_rows(rows).expect("valid");
    let planner = Planner::new().nodes(10_000);
    let plan = planner.plan(&lifetimes).expect("a plan");
    let limit = Duration::from_millis(100);
    for planner in [Planner::new(), Planner::new().time_limit(limit).threads(4)] {
        let other = planner.plan(&lifetimes).expect("a plan");
        assert!(other.peak() >= plan.lower_bound());
    }
    let mut json = Vec::new();
    plan.write_json(&mut json).expect("memory");
    let read = Plan::read_json(&json[..]).expect("what was written");
    assert_eq!(read.offsets(), plan.offsets());
    format!("searched: {} {:?}", plan.peak(), plan.offsets())
}

/// A plan of tensors that no memory of 32 bits holds.
fn beyond_32_bits() -> String {
    let size = (6 << 30) + 1;
    let rows = [
        ("a", 0, 2, size, 64),
        ("b", 1, 3, size, 64),
        ("c", 2, 4, size, 64),
    ];
    let lifetimes = Lifetimes::from_rows(rows).expect("valid");
    let plan = Planner::new().plan(&lifetimes).expect("a plan");
    for strategy in Planner::strategies() {
        let planner = Planner::new().nodes(1000).strategy_named(strategy.name());
        let plan = planner.and_then(|planner| planner.plan(&lifetimes).ok());
        assert!(
            plan.is_some_and(|plan| plan.peak() >= 2 * size),
            "{}",
            strategy.name()
        );
    }
    let mean = plan.usage().mean_use();
    let mut source = Vec::new();
    plan.write_rust(&mut source).expect("memory");
    plan.write_c_header("plan", &mut source).expect("memory");
    let source = String::from_utf8(source).expect("text");
    format!(
        "beyond 32 bits: {} {:?} {mean}\n{source}",
        plan.peak(),
        plan.offsets()
    )
}

/// A plan of an ONNX model. Tensors of a graph have a layout, so one of 2 GiB is too large for
/// WebAssembly: that is an error.
fn model() -> String {
    let file = |height: &str| {
        let dims = ["1", "64", height, "16384"];
        encoded(GraphProto {
            input: vec![value("x", Float, &dims)],
            node: vec![node("Relu", &["x"], &["r"]), node("Exp", &["r"], &["y"])],
            output: vec![unshaped_value("y", Float)],
            ..Default::default()
        })
    };
    let fits = usize::BITS > 32;
    match parse(&file("512"), &Options::new()) {
        Ok(_) => assert!(fits),
        Err(error) => {
            let message = error.to_string();
            let is_named = message.contains("2147483648 bytes, which 32 bits cannot address");
            assert!(!fits && is_named, "{message}");
        }
    }
    let model = parse(&file("511"), &Options::new()).expect("a model");
    let plan = Planner::new()
        .plan(&model.graph.lifetimes())
        .expect("a plan");
    format!("model: {} {:?}", plan.peak(), plan.offsets())
}
