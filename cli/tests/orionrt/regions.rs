//! `orionrt plan --max-region`: plans in several regions, and their check.

use serde_json::Value;

use crate::run::{Folder, hard};

/// Three tensors of which no two have room in 1,000 bytes, and one that has beside any.
const FOUR: &str = "id,lower,upper,size,note\na,0,3,600,x\nb,0,3,600,y\nc,1,2,600,z\nd,0,3,9,\n";

#[test]
fn a_plan_in_regions_has_the_fewest_and_a_column_for_them() {
    let folder = Folder::with("in.csv", FOUR);
    let args = [
        "plan",
        "in.csv",
        "--max-region",
        "1000",
        "--output",
        "plan.csv",
    ];
    let run = folder.run(&args);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in [
        "regions       3 of at most 1000 bytes; optimal: no plan has fewer",
        "1.77 KiB (1,809 bytes) together",
        "written       plan.csv",
    ] {
        assert!(run.stdout.contains(part), "'{part}' in: {}", run.stdout);
    }
    let plan = folder.read("plan.csv");
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(lines[0], "id,lower,upper,size,note,region,offset");
    assert!(lines[1].starts_with("a,0,3,600,x,"));
    let checked = folder.done(&["check", "plan.csv"]).stdout;
    assert!(checked.starts_with("plan.csv: ok\n"), "{checked}");
    let json = folder.run(&["check", "plan.csv", "--json", "--max-region", "608"]);
    assert_eq!((json.status, &json.json()["ok"]), (3, &false.into()));
    json.said(&["of 609 bytes is above the limit of 608 bytes"]);
    // It is planned again without a second column.
    folder.write("again.csv", plan);
    let again = [
        "plan",
        "again.csv",
        "--max-region",
        "1000",
        "--output",
        "twice.csv",
    ];
    assert_eq!(folder.run(&again).status, 0);
    assert_eq!(folder.read("again.csv"), folder.read("twice.csv"));
}

#[test]
fn json_has_the_regions_and_is_checked_again() {
    let folder = Folder::with("in.csv", hard());
    let args = [
        "plan",
        "in.csv",
        "--max-region",
        "4K",
        "--json",
        "--output",
        "plan.json",
    ];
    let json = folder.done(&args).json();
    let regions = json["regions"].as_array().expect("their sizes");
    assert!(regions.iter().all(|size| size.as_u64() <= Some(4096)));
    let least = json["regions_lower_bound"].as_u64().unwrap();
    assert!(least > 1 && regions.len() as u64 <= least + 1);
    let written: Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    assert_eq!(
        (&written["limit"], &written["sizes"]),
        (&4096.into(), &json["regions"])
    );
    assert!(written["tensors"][0]["region"].is_u64());
    let checked = folder.done(&["check", "plan.json", "--json"]).json();
    assert_eq!(
        (&checked["stated_limit"], &checked["ok"]),
        (&4096.into(), &true.into())
    );
    let wrong = folder
        .read("plan.json")
        .replacen("\"limit\": 4096", "\"limit\": 999", 1);
    folder.write("wrong.json", wrong);
    folder
        .run(&["check", "wrong.json"])
        .failed(1, &["wrong.json", "tensors["]);
    folder
        .run(&["plan", "in.csv", "--keep", "plan.json"])
        .failed(2, &["plan.json", "regions"]);
}

#[test]
fn a_tensor_that_is_larger_than_a_region_is_named() {
    let folder = Folder::with("in.csv", FOUR);
    let run = folder.run(&["plan", "in.csv", "--max-region", "599"]);
    assert_eq!(run.status, 1);
    run.said(&["in.csv", "tensor 'a' has 600 bytes", "more than 599"]);
    for option in [
        ["--capacity", "9"],
        ["--svg", "a.svg"],
        ["--strategy", "core"],
    ] {
        let args = [&["plan", "in.csv", "--max-region", "1K"][..], &option].concat();
        folder.run(&args).failed(2, &[option[0], "--max-region"]);
    }
}

#[test]
fn mistakes_in_a_file_have_their_lines() {
    let header = "id,lower,upper,size,region,offset\n";
    let folder = Folder::with("plan.csv", format!("{header}a,0,2,8,0,0\nb,1,3,8,0,7\n"));
    let refused = folder.run(&["check", "plan.csv"]);
    refused.failed(
        1,
        &["plan.csv: line 3: not a valid plan", "share bytes 7..8"],
    );
    // A column of another kind is left out, as ever.
    folder.write(
        "other.csv",
        format!("{header}a,0,2,8,north,0\nb,1,3,8,south,8\n"),
    );
    folder.done(&["check", "other.csv"]);
}
