//! `orionrt compare`: all strategies, in a table or as JSON.

use crate::run::{Folder, THREE, endless, fields};

const ROWS: &str = "id,lower,upper,size\na,0,3,10\nb,2,6,7\nc,5,9,12\nd,1,8,3\ne,7,9,9\n";

#[test]
fn json_has_every_strategy() {
    let folder = Folder::with("in.csv", ROWS);
    let args = [
        "compare",
        "in.csv",
        "--json",
        "--time-limit",
        "0.1",
        "--seed",
        "3",
    ];
    let json = folder.done(&args).json();
    let expected = [
        "alignment",
        "best",
        "buffers",
        "load",
        "lower_bound",
        "strategies",
        "total_bytes",
    ];
    assert_eq!(fields(&json), expected);
    assert_eq!(
        (&json["buffers"], &json["lower_bound"]),
        (&5.into(), &24.into())
    );
    let strategies = json["strategies"].as_array().unwrap();
    let all = folder.run(&["plan", "in.csv", "--strategy", "?"]).stderr;
    let all = all.lines().next().unwrap().split_once("one of ").unwrap().1;
    let names: Vec<_> = strategies
        .iter()
        .map(|s| s["strategy"].as_str().unwrap())
        .collect();
    assert_eq!(names, all.split(", ").collect::<Vec<_>>());
    for strategy in strategies {
        let expected = ["elapsed_ms", "optimal", "peak", "ratio", "strategy"];
        assert_eq!(fields(strategy), expected);
        assert!(
            strategy["peak"].as_u64() >= Some(24)
                && strategies[0]["peak"].as_u64() <= strategy["peak"].as_u64()
        );
    }
}

#[test]
fn the_table_marks_the_best_once() {
    let folder = Folder::with("in.csv", THREE);
    let table = folder.done(&["compare", "in.csv"]).stdout;
    assert_eq!(table.matches(" best ").count(), 1, "{table}");
    for part in [
        "strategy",
        "peak",
        "ratio",
        "optimal",
        "time",
        "auto",
        "linear-scan",
        "3,072",
        "1.0000",
        "yes",
    ] {
        assert!(table.contains(part), "'{part}' in: {table}");
    }
    assert!(!table.contains('\u{1b}'), "no colours without a terminal");
}

#[test]
fn a_limit_of_nodes_gives_the_same_peaks_again() {
    let folder = Folder::with("in.csv", endless());
    let args = ["compare", "in.csv", "--json", "--nodes", "2000"];
    let peaks = || {
        let json = folder.done(&args).json();
        let strategies = json["strategies"].as_array().unwrap().iter();
        strategies.map(|s| s["peak"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(peaks(), peaks());
}

#[test]
fn the_lower_bound_counts_the_alignment_in() {
    let folder = Folder::with("in.csv", ROWS);
    let json = folder
        .done(&[
            "compare",
            "in.csv",
            "--json",
            "--alignment",
            "16",
            "--time-limit",
            "0.1",
        ])
        .json();
    // At step 7, c, d and e are alive: two of them take 16 bytes, the topmost its own size.
    assert_eq!(
        (&json["alignment"], &json["lower_bound"]),
        (&16.into(), &35.into())
    );
}
