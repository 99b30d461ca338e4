//! Names of allocations: whose code gives them, and that they are the same in every run.

use super::{
    load,
    tests::{read, rows},
};

/// The name of the first block of a recording, and the calls of all blocks.
fn named(text: &str) -> (String, Vec<String>) {
    let (lifetimes, _, calls) = load::read(text.as_bytes(), true).expect("a recording");
    let first = lifetimes.iter().next().expect("a block");
    let calls = calls.expect("stacks");
    let names = calls.calls().iter().map(|call| calls.name(call).into());
    (first.1.to_string(), names.collect())
}

/// The name of the first block of a recording.
fn name(text: &str) -> String {
    named(text).0
}

/// A recording with addresses: the stack goes from the program through a library of it and one of
/// C++ into `malloc`, as far as `depth` says. The modules are `base` bytes higher than usual.
fn with_addresses(depth: usize, base: u64) -> String {
    let modules = [
        ("x", 0x1000),
        ("/opt/libengine.so.2", 0x20000),
        ("/lib/libstdc++.so.6", 0x30000),
        ("/lib64/libc-2.31.so", 0x40000),
    ];
    let mut text = "v 10400 2\nx /opt/program\n".to_string();
    for (path, start) in modules {
        text += &format!("m {path} {:x} 0 8000\n", base + start);
    }
    for (index, (_, start)) in modules.iter().take(depth).enumerate() {
        text += &format!("t {:x} {index:x}\n", base + start + 0x123);
    }
    text + &format!("+ 8 {depth:x} {:x}\n", base + 0x9_0000)
}

#[test]
fn without_functions_the_innermost_code_outside_of_system_libraries_gives_the_name() {
    let names = [1, 2, 3, 4].map(|depth| name(&with_addresses(depth, 0)));
    let [program, engine] = ["program+0x123 #1", "libengine.so.2+0x123 #1"];
    assert_eq!(names, [program, engine, engine, engine]);
}

#[test]
fn two_runs_of_a_program_without_functions_have_the_same_names() {
    let [one, other] = [0, 0x7f00_0000_0000].map(|base| named(&with_addresses(4, base)));
    assert_eq!(one, other);
    assert_eq!(one.1[3], "libc-2.31.so+0x123");
    // The form with functions does not say where modules begin.
    let run = |base: u64| {
        let instruction = |address: u64, rest: &str| format!("i {:x} {rest}\n", base + address);
        let instructions = [
            instruction(0x5_1010, "1"),
            instruction(0x5_2171, "1"),
            instruction(0x7_0304, "2 4"),
        ];
        let texts = "s /opt/program\ns /lib/libc.so.6\ns JIT\ns __libc_start_call_main\n";
        let stacks = "t 3 0\nt 1 1\nt 2 2\na 8 3\n+ 0\n";
        format!("v 10400 2\n{texts}{}{stacks}", instructions.concat())
    };
    let [one, other] = [0, 0x7f00_0000_0000].map(|base| named(&run(base)));
    assert_eq!(one, other);
    assert_eq!(one.0, "program first page+0x1171 #1");
    let calls = [
        "__libc_start_call_main",
        "program first page+0x10",
        "program first page+0x1171",
    ];
    assert_eq!(one.1, calls);
}

#[test]
fn functions_of_system_libraries_give_no_name_where_the_program_is_in_the_stack() {
    for (file, name_of_block) in [
        ("libc.so.6", "main #1"),
        ("ld-linux-x86-64.so.2", "main #1"),
        ("libc-client.so.4", "fill #1"),
        ("libcurl.so.4", "fill #1"),
        ("libm", "fill #1"),
    ] {
        let texts = format!("s program\ns main\ns /lib/{file}\ns fill\n");
        let text = format!("v 10400 2\n{texts}i 1 1 2\ni 2 3 4\nt 1 0\nt 2 1\na 8 2\n+ 0\n");
        assert_eq!(name(&text), name_of_block, "{file}");
        let alone = text.replace("t 2 1", "t 2 0");
        assert_eq!(name(&alone), "fill #1", "{file}");
    }
}

#[test]
fn names_are_short_and_different_whatever_the_texts_say() {
    let long = "é".repeat(1000);
    let text = format!(
        "v 10400 3\ns {0:x} {long}\ni 1 0 1 1 5\nt 1 0\na 8 1\n+ 0\n+ 0\n",
        long.len()
    );
    let (lifetimes, _) = read(text.as_bytes()).expect("a recording");
    let names: Vec<_> = lifetimes.iter().map(|(_, name, _)| name).collect();
    assert!(names.iter().all(|name| name.len() < 200), "{names:?}");
    assert_ne!(names[0], names[1]);
}

#[test]
fn functions_that_allocate_are_passed_over_but_not_those_that_begin_like_them() {
    for (function, is_own) in [
        ("malloc", false),
        ("__GI___strdup", false),
        ("__libc_start", true),
        ("operator new[](unsigned long)", false),
        ("std::vector<int>::reserve(unsigned long)", false),
        ("__rust_alloc", false),
        ("<alloc::string::String as Clone>::clone", false),
        ("malloc_pages", true),
        ("stdio", true),
    ] {
        let text = format!(
            "v 10400 3\ns {:x} {function}\ns 4 main\ni 1 0 1\ni 2 0 2\nt 2 0\nt 1 1\na 8 2\n+ 0\n",
            function.len()
        );
        let (lifetimes, _) = read(text.as_bytes()).expect("a recording");
        let name = if is_own { function } else { "main" };
        assert_eq!(rows(&lifetimes)[0].0, format!("{name} #1"));
    }
}

#[test]
fn the_libraries_of_rust_are_passed_over_in_files_that_have_rust() {
    for (function, more, name) in [
        (
            "core::Engine::load(int)",
            "main.cpp",
            "core::Engine::load(int)",
        ),
        ("core::iter::collect", "main.rs", "main"),
        ("alloc::raw_vec::finish_grow", "__rust_alloc", "main"),
        ("hashbrown::raw::new", "__rustc::__rdl_alloc", "main"),
    ] {
        // What says that there is Rust may come last.
        let text = format!(
            "v 10400 2\ns main\ns {function}\ni 1 0 2 0 0 1\nt 1 0\na 8 1\n+ 0\ns {more}\n"
        );
        let (lifetimes, _) = read(text.as_bytes()).expect("a recording");
        assert_eq!(rows(&lifetimes)[0].0, format!("{name} #1"));
        let text = text.replace(
            "i 1 0 2 0 0 1\nt 1 0\na 8 1",
            "i 1 0 1\ni 2 0 2\nt 1 0\nt 2 1\na 8 2",
        );
        let (lifetimes, _) = read(text.as_bytes()).expect("a recording");
        assert_eq!(rows(&lifetimes)[0].0, format!("{name} #1"));
    }
}
