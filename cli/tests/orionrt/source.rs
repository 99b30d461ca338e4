//! Plans as source text: `--rust` and `--c-header`. That it compiles is tested in `orionrt-plan`.

use crate::{
    onnx::network,
    run::{Folder, THREE},
};

#[test]
fn a_plan_is_written_in_rust_and_as_a_header_named_like_its_file() {
    let folder = Folder::with("in.csv", THREE);
    let args = [
        "plan",
        "in.csv",
        "--rust",
        "plan.rs",
        "--c-header",
        "my net.h",
    ];
    let said = folder.done(&args).stdout;
    assert!(
        said.contains("plan.rs") && said.contains("my net.h"),
        "{said}"
    );
    let [rust, header] = ["plan.rs", "my net.h"].map(|name| folder.read(name));
    for part in ["ARENA_BYTES: usize = 3072;", "pub const B: Tensor ="] {
        assert!(rust.contains(part), "{rust}");
    }
    for part in [
        "#define MY_NET_ARENA_BYTES 3072u\n",
        "*my_net_b(void *arena)",
    ] {
        assert!(header.contains(part), "{header}");
    }
    assert!(!rust.contains("OPERATORS") && !header.contains("OPERATORS"));
    let same = ["plan", "in.csv", "--rust", "again.rs"];
    folder.done(&same);
    assert_eq!(folder.read("again.rs"), rust);
}

#[test]
fn the_operators_of_a_model_are_named_in_their_order() {
    let folder = Folder::with("m.onnx", network("1"));
    folder.done(&["plan", "m.onnx", "--rust", "p.rs", "--c-header", "p.h"]);
    let rust = folder.read("p.rs");
    let expected = "&[\n    \"Conv_c\",\n    \"Relu_r\",\n    \"Exp_y\",\n];\n";
    assert!(rust.contains(expected), "{rust}");
    let header = folder.read("p.h");
    assert!(header.contains("entry(1, \"Relu_r\")"), "{header}");
}

#[test]
fn each_device_has_a_module_and_macros_of_its_own() {
    let rows = "id,lower,upper,size,device\nx,0,4,16,gpu0\nx,0,4,32,gpu1\n";
    let folder = Folder::with("two.csv", rows);
    folder.done(&["plan", "two.csv", "--rust", "p.rs", "--c-header", "p.h"]);
    let [rust, header] = ["p.rs", "p.h"].map(|name| folder.read(name));
    for (device, bytes) in [(0, 16), (1, 32)] {
        assert!(rust.contains(&format!("pub mod device_gpu{device} {{\n")));
        assert!(rust.contains(&format!("ARENA_BYTES: usize = {bytes};")));
        let line = format!("#define P_GPU{device}_X_BYTES {bytes}u\n");
        assert!(header.contains(&line), "{header}");
    }
}

#[test]
fn source_text_replaces_no_input_and_no_other_output() {
    let folder = Folder::with("in.csv", THREE);
    let output = ["plan", "in.csv", "--output", "old.csv"];
    folder.done(&output);
    for (more, messages) in [
        (&["--rust", "./in.csv"][..], "would replace the input"),
        (&["--rust", "a", "--c-header", "./a"], "'./a'"),
        (&["--c-header", "old.csv", "--keep", "old.csv"], "the plan"),
    ] {
        let run = folder.run(&[&["plan", "in.csv"], more].concat());
        run.failed(2, &[messages]);
    }
    assert_eq!(folder.names(), ["in.csv", "old.csv"]);
    let above = ["plan", "in.csv", "--capacity", "10", "--rust", "p.rs"];
    let planned = folder.run(&above);
    assert_eq!(planned.status, 3);
    planned.said(&["'p.rs' was not written"]);
    assert!(!folder.path("p.rs").exists());
}

#[test]
fn an_alignment_that_no_type_in_rust_has_is_named() {
    let rows = "id,lower,upper,size,alignment\nx,0,4,16,1073741824\n";
    let folder = Folder::with("in.csv", rows);
    let run = folder.run(&["plan", "in.csv", "--rust", "p.rs"]);
    run.failed(
        1,
        &["cannot write 'p.rs'", "1073741824", "at most 536870912"],
    );
    assert_eq!(folder.names(), ["in.csv"]);
}
