//! Names and texts of files that would change a terminal, through every message that shows them,
//! and names that are given twice.
//!
//! Stands on `names`, which checks what is printed.

use orionrt_test_models::parts::node;

use crate::{
    names::{done, failed, model, nastier, nasty, quoted, run},
    run::{Folder, THREE},
};

#[test]
fn names_in_messages_about_csv_do_no_harm() {
    let name = quoted(&nastier("n"));
    let header = "id,lower,upper,size,gaps,fixed_offset\n";
    let cases = [
        format!("{header}{name},0,1,8,,\n{name},0,1,8,,\n"),
        format!("{header}{name},1,0,8,,\n"),
        format!("{header}a,{name},1,8,,\n"),
        format!("{header}a,0,{name},8,,\n"),
        format!("{header}a,0,1,{name},,\n"),
        format!(
            "{header}a,0,1,8,\"1-{}\",\n",
            nastier("n").replace(['"', '\r', '\n', '\t'], "")
        ),
        format!("{header}a,0,1,8,,{name}\n"),
        format!("{header}{name},0,9,8,50-60,\n"),
        format!("id,{name}\na,1\n"),
    ];
    for csv in cases {
        let folder = Folder::new();
        let path = format!("./{}.csv", nasty("file"));
        folder.write(&path, csv);
        for verb in ["plan", "compare", "share"] {
            failed(&folder, &[verb, &path], "file");
        }
    }
    // What is only a warning.
    let path = format!("./{}.csv", nasty("file"));
    let folder = Folder::with(&path, format!("id,lower,upper,size,{name}\na,0,1,8,x\n"));
    let warned = run(&folder, &["plan", &path]);
    assert_eq!((warned.status, warned.stderr.lines().count()), (0, 1));
    warned.said(&["warning: ./-file", r"column '-n\u{1b}"]);
}

#[test]
fn names_in_messages_about_plans_do_no_harm() {
    let path = format!("./{}.csv", nasty("plan"));
    let [a, b] = ["a", "b"].map(|name| quoted(&nastier(name)));
    let plan = |offset: &str, fixed: &str| {
        format!(
            "id,lower,upper,size,alignment,fixed_offset,offset\n{a},0,2,64,64,,0\n\
             {b},0,2,64,64,{fixed},{offset}\n"
        )
    };
    for csv in [
        plan("32", ""),
        plan("0", ""),
        plan("64", "128"),
        plan("9223372036854775744", ""),
    ] {
        let folder = Folder::with(&path, csv);
        folder.write("in.csv", THREE);
        failed(&folder, &["check", &path], "b").said(&[r"-plan\u{1b}"]);
        failed(&folder, &["plan", "in.csv", "--keep", &path], "b");
    }
    let folder = Folder::with("plan.csv", plan("64", ""));
    folder.done(&["plan", "plan.csv", "--output", "plan.json"]);
    let json = folder.read("plan.json");
    let nasty = serde_json::to_string(&nastier("x")).unwrap();
    for (from, to) in [
        ("\"orionrt-plan\"", nasty.clone()),
        ("\"peak\": 128", format!("{nasty}: 128")),
        ("\"peak\": 128", format!("\"peak\": {nasty}")),
        (
            "\"size\": 64",
            format!("\"size\": 64, \"within\": {{\"id\": {nasty}, \"offset\": 0}}"),
        ),
    ] {
        assert!(json.contains(from), "{json}");
        folder.write("plan.json", json.replacen(from, &to, 1));
        failed(&folder, &["check", "plan.json"], "x");
    }
    let above = run(&folder, &["check", "plan.csv", "--capacity", "1"]);
    assert_eq!(above.status, 3);
}

#[test]
fn names_in_messages_about_arguments_do_no_harm() {
    let folder = Folder::with("in.csv", THREE);
    folder.write("b.csv", THREE);
    let name = &*nasty("x");
    let other = &*format!("y{name}");
    let [file, size, input] = [
        format!("./{name}"),
        format!("{name}=1"),
        format!("{name}=q"),
    ];
    let cases: [&[&str]; 20] = [
        &[other],
        &["plan", "in.csv", other],
        &["plan", "in.csv", &format!("-{name}")],
        &["plan", "in.csv", &format!("--alignment={name}")],
        &["plan", "in.csv", &format!("--time-limit={name}")],
        &["plan", "in.csv", &format!("--threads={name}")],
        &["plan", "in.csv", &format!("--strategy={name}")],
        &["plan", "in.csv", &format!("--aliasing={name}")],
        &["plan", "in.csv", &format!("--dim={name}")],
        &["plan", "in.csv", &format!("--dim={size}")],
        &[
            "plan",
            "in.csv",
            &format!("--dim={size}"),
            &format!("--dim={size}"),
        ],
        &["plan", "in.csv", &format!("--input={input}")],
        &["plan", "in.csv", &format!("--input={size}")],
        &["plan", "in.csv", &format!("--order={file}")],
        &["plan", "in.csv", &format!("--output={file}")],
        &["plan", "in.csv", &format!("--output={file}/x.csv")],
        &["plan", &file],
        &["check", &file],
        &["share", "in.csv", "b.csv", &format!("--schedule={file}")],
        &["share", "in.csv", "b.csv", &format!("--dim={size}")],
    ];
    for args in cases {
        failed(&folder, args, "x");
    }
}

#[test]
fn names_in_messages_about_schedules_do_no_harm() {
    let folder = Folder::with("a.csv", THREE);
    let other = format!("./{}.csv", nasty("b"));
    folder.write(&other, THREE);
    let [x, b] = [nastier("x"), nasty("b")].map(|name| serde_json::to_string(&name).unwrap());
    let schedule = format!("./{}.json", nasty("s"));
    for (text, tag) in [
        (x.clone(), "s"),
        (format!("{{{x}: 1}}"), "x"),
        (format!("{{\"together\": {x}}}"), "s"),
        (format!("{{\"together\": [{x}]}}"), "s"),
        (format!("{{\"together\": [[\"a\", {x}]]}}"), "x"),
        (format!("{{\"together\": [[{b}, {b}]]}}"), "b"),
        (format!("{{\"starts\": {{{x}: [0]}}}}"), "x"),
        ("{\"starts\": {\"a\": [0]}}".into(), "b"),
        (format!("{{\"starts\": {{\"a\": [0], {b}: {x}}}}}"), "b"),
    ] {
        folder.write(&schedule, text);
        failed(
            &folder,
            &["share", "a.csv", &other, "--schedule", &schedule],
            tag,
        );
    }
    folder.write(
        &schedule,
        format!("{{\"starts\": {{\"a\": [0], {b}: [9]}}}}"),
    );
    let text = done(
        &folder,
        &["share", "a.csv", &other, "--schedule", &schedule],
    )
    .stdout;
    assert!(text.contains(r"scheduled by ./-s\u{1b}"), "{text}");
}

#[test]
fn a_name_as_long_as_its_file_does_not_fill_the_terminal() {
    let name = "x".repeat(1 << 20);
    let folder = Folder::with("in.csv", format!("id,lower,upper,size\n{name},2,1,8\n"));
    let message = run(&folder, &["plan", "in.csv"]).stderr;
    assert!(
        message.len() < 30_000 && message.contains("characters more"),
        "{}",
        message.len()
    );
}

#[test]
fn a_dimension_or_an_input_that_is_given_twice_is_wrong_usage() {
    let folder = Folder::with(
        "m.onnx",
        model(&["a"], vec![node("Exp", &["x"], &["y"])], "y"),
    );
    for verb in [
        &["plan"][..],
        &["compare"],
        &["share"],
        &["check", "plan.csv", "--model"],
    ] {
        let args = [verb, &["m.onnx", "--dim", "a=3", "--dim", "a=4"]].concat();
        run(&folder, &args).failed(2, &["--dim gives 'a' twice"]);
    }
    let args = ["plan", "m.onnx", "--input", "x=1", "--input", "x=2"];
    run(&folder, &args).failed(2, &["--input gives 'x' twice"]);
    // In `share`, a size for one model and one for all others is not the same twice.
    folder.write(
        "n.onnx",
        model(&["a"], vec![node("Exp", &["x"], &["y"])], "y"),
    );
    let peak = |dims: [&str; 2]| {
        let args = [
            "share", "m.onnx", "n.onnx", "--json", "--dim", dims[0], "--dim", dims[1],
        ];
        done(&folder, &args).json()["shared_peak"].clone()
    };
    assert_eq!(peak(["a=16", "n:a=32"]), peak(["n:a=32", "a=16"]));
}
