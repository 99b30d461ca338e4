//! `orionrt fit` with transfers beside operators, and with weights that are fetched.

use orionrt::{
    Aliasing,
    fit::{Fit, OperatorCosts, SlowMemory},
};
use orionrt_models::Options;
use orionrt_test_models::parts::{node, zeros};
use serde_json::Value;

use crate::{
    fit::{fit, folder, network, read},
    onnx::model,
    run::Folder,
};

fn number(json: &Value, name: &str) -> f64 {
    json[name].as_f64().expect(name)
}

#[test]
fn the_answer_says_what_is_added_if_transfers_run_beside_operators() {
    let folder = folder();
    let args = fit(&["--capacity", "4KiB", "--no-recompute"]);
    let text = folder.done(&args).stdout;
    // The spill takes 1.02 µs, and `wide` is computed meanwhile, for longer.
    let line = "overlapped    nothing is added if transfers run beside operators\n";
    assert!(text.contains(line), "{text}");
    let json = |more: &[&str]| {
        let args = [&args[..], &["--json"], more].concat();
        folder.done(&args).json()
    };
    let default = json(&[]);
    let [added, overlapped, waited] = ["added_seconds", "overlapped_seconds", "waited_seconds"]
        .map(|name| number(&default, name));
    assert!(0.0 <= overlapped && overlapped < added, "{default}");
    assert_eq!(overlapped, waited);
    assert_eq!(default["slow"]["half_duplex"], false);
    // 20 ms for the fetch, which begins when `wide` has been read.
    let slow = json(&["--slow-read-speed", "51200"]);
    let waited = number(&slow, "waited_seconds");
    assert!(0.0199 < waited && waited < 0.02, "{slow}");
}

#[test]
fn weights_that_are_larger_than_the_capacity_are_fetched() {
    let folder = folder();
    let capacity = "700K";
    let args = ["--capacity", capacity, "--stream-weights"];
    let text = folder.done(&fit(&args)).stdout;
    for part in [
        "weights       1.02 MiB (1,064,960 bytes) in 3 tensors, in the slow memory at the start",
        "1.02 MiB (1,064,960 bytes) are fetched; 1.02 MiB (1,064,960 bytes) of the weights once",
        "fetched 1.02 MiB (1,064,960 bytes) in 1.06 ms",
    ] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
    assert!(!text.contains("left out"), "{text}");
    let json = folder.done(&fit(&[&args[..], &["--json"]].concat())).json();
    assert_eq!(
        (&json["fits"], &json["stream_weights"]),
        (&true.into(), &true.into())
    );
    let weights = &json["weights"];
    assert_eq!(
        (&weights["tensors"], &weights["slow_bytes"]),
        (&3.into(), &1_064_960.into())
    );
    assert_eq!(weights["fetched_bytes"], weights["fetched_once_bytes"]);
    assert!(weights["fast_peak"].as_u64().unwrap() <= 700 << 10);
    // All weights and tensors together.
    assert!(json["peak_before"].as_u64().unwrap() > 1_064_960);
    let without = folder.done(&fit(&["--capacity", "5K", "--json"])).json();
    assert_eq!(
        (&without["weights"], &without["stream_weights"]),
        (&Value::Null, &false.into())
    );
}

#[test]
fn constants_that_are_computed_from_weights_are_fetched_too() {
    let nodes = vec![
        node("Transpose", &["w"], &["turned"]),
        node("MatMul", &["x", "turned"], &["a"]),
        node("MatMul", &["a", "v"], &["y"]),
    ];
    let weights = vec![zeros("w", &[8, 8]), zeros("v", &[8, 8])];
    let folder = Folder::with("model.onnx", model(&["1", "8"], nodes, weights));
    let args = fit(&["--capacity", "448", "--stream-weights"]);
    let text = folder.done(&args).stdout;
    for part in [
        "weights       512 bytes in 2 tensors, in the slow memory at the start",
        "fetched 512 bytes in",
        "left out      256 bytes of weights that only constants are computed from: they are in",
    ] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
    let json = folder.done(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(json["weights"]["tensors"], 2);
    assert_eq!(json["weights"]["fetched_once_bytes"], 512);
    let bytes = ["weights_bytes", "computed_constants_bytes"].map(|name| json[name].clone());
    assert_eq!(bytes, [512, 256]);
    let text = folder.done(&fit(&["--capacity", "448"])).stdout;
    let outside = "left out      768 bytes of weights and computed constants: they are in";
    assert!(text.contains(outside), "{text}");
}

/// Schedules of the network with its weights, without and with `--prefetch`.
#[test]
fn fetches_that_start_earlier_are_in_the_schedule_which_the_library_accepts() {
    let folder = folder();
    let options = Options::new().alignment(64).weight_tensors(true);
    let model = orionrt_models::parse(&network(), &options).unwrap();
    let fit_of = Fit::within(1100 << 10)
        .slow(SlowMemory::new(1 << 20, 1e9))
        .stored(model.weights.iter().copied())
        .cold_start(true)
        .recompute(true)
        .aliasing(Aliasing::Off);
    let costs = OperatorCosts::from_seconds(vec![1e-4; 5]).unwrap();
    let mut seconds = Vec::new();
    for more in [&[][..], &["--prefetch"]] {
        let args = [
            "--capacity",
            "1100K",
            "--stream-weights",
            "--output",
            "schedule.json",
        ];
        let args = [&args[..], &["--json"], more].concat();
        let answer = folder.done(&fit(&args)).json();
        assert_eq!(answer["prefetch"], !more.is_empty());
        let json: Value = serde_json::from_str(&folder.read("schedule.json")).unwrap();
        let schedule = read(&json, &model.graph);
        assert_eq!(schedule.check(&model.graph, &fit_of), Ok(()));
        assert!(schedule.overlapped(&model.graph, &fit_of, &costs).is_ok());
        for (at, step) in json["steps"].as_array().unwrap().iter().enumerate() {
            let ahead = step["operators_ahead"].as_u64();
            let is_fetch = step["action"] == "fetch";
            assert_eq!(ahead.is_some(), is_fetch);
            assert_eq!(ahead.unwrap_or(0), schedule.operators_ahead(at) as u64);
        }
        seconds.push(number(&answer, "overlapped_seconds"));
    }
    assert!(seconds[1] <= seconds[0], "{seconds:?}");
    let args = ["--capacity", "1100K", "--stream-weights", "--prefetch"];
    let text = folder.done(&fit(&args)).stdout;
    assert!(
        text.contains("of 3 fetches are ahead of their use, by up to"),
        "{text}"
    );
}

#[test]
fn options_of_the_slow_memory_need_one() {
    for option in ["--prefetch", "--stream-weights", "--slow-half-duplex"] {
        let args = ["fit", "model.onnx", "--capacity", "4K", option];
        folder().run(&args).failed(2, &["--slow"]);
    }
}
