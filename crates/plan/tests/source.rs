//! Plans as source text are compiled, and what they lend is compared with the plan.
//!
//! Needs the compilers `rustc`, `cc` and `c++`; a test says so and ends where its compiler is not
//! there.

use std::{env, ffi::OsStr, fs, path::PathBuf, process::Command};

use orionrt_plan::{
    Lifetime, Lifetimes, Plan, Planner, TensorId,
    files::{FileMistake, PlanSource},
};

/// A folder that is removed again.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("orionrt-source-{name}-{}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.0.join(name), text).unwrap();
        self
    }

    /// Compiles a file, and returns what the program prints if there is one.
    fn compile(&self, compiler: &str, args: &str, file: &str) {
        let mut command = Command::new(compiler);
        command.args(args.split_whitespace()).arg(file);
        let output = command.current_dir(&self.0).output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        let is_clean = output.status.success() && messages.is_empty();
        assert!(is_clean, "{compiler} {args} {file}: {messages}");
    }

    fn run(&self, program: &str) -> String {
        let output = Command::new(self.0.join(program)).output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {messages}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether a compiler is there.
fn has(compiler: impl AsRef<OsStr>) -> bool {
    let compiler = compiler.as_ref();
    let is_there = Command::new(compiler).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: there is no {}", compiler.to_string_lossy());
    }
    is_there
}

fn rust(source: &PlanSource) -> String {
    let mut text = Vec::new();
    source.write_rust(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn header(source: &PlanSource, prefix: &str) -> String {
    let mut text = Vec::new();
    source.write_c_header(prefix, &mut text).unwrap();
    assert!(text.is_ascii());
    String::from_utf8(text).unwrap()
}

const NASTY: [&str; 42] = [
    "",
    "x",
    "X",
    "x_2",
    "x.",
    "fn",
    "self",
    "Self",
    "crate",
    "_",
    "1st",
    "t_1st",
    "größe",
    "入力",
    "\u{202e}rtl",
    "a\n*/ \" \\ ??/",
    "// x",
    "/* x",
    "`tick`",
    "a\rb\0c",
    "arena",
    "at",
    "ARENA_BYTES",
    "tensors",
    "names",
    "steps",
    "operators",
    "T",
    "N",
    "Some",
    "Option",
    "usize",
    "u8",
    "core",
    "EOF",
    "NULL",
    "entry",
    "name",
    "%s{}\\u{41}",
    "[`X`] <b>",
    "Ω",
    "\u{1F600}",
];

fn nasty_plan() -> Plan {
    let rows = NASTY.iter().zip(1..).map(|(name, i)| {
        let row = Lifetime::new(i / 2, i / 2 + 3, 8 * (1 + i as u64 % 5)).with_alignment(8);
        (name.to_string(), row)
    });
    let root = TensorId::new(1);
    let long = "long/".repeat(100_000);
    let rows = rows.chain([
        ("a view".into(), Lifetime::new(1, 2, 4).with_root(root, 4)),
        ("without bytes".into(), Lifetime::new(1, 2, 0)),
        ("never alive".into(), Lifetime::new(1, 1, 1 << 40)),
        (
            "at the least step".into(),
            Lifetime::new(i64::MIN, i64::MIN + 1, 8),
        ),
        (long.clone() + "a", Lifetime::new(1, 2, 8)),
        (long + "b", Lifetime::new(1, 2, 8)),
    ]);
    let lifetimes = Lifetimes::from_named(rows).unwrap();
    let gapped = lifetimes.find("fn").unwrap();
    let lower = lifetimes.get(gapped).unwrap().lower;
    let lifetimes = lifetimes
        .with_gaps(gapped, core::iter::once(lower + 1..lower + 2))
        .unwrap();
    Planner::new().nodes(10_000).plan(&lifetimes).unwrap()
}

/// A chain whose tensors share bytes, one that is never alive, a view and one without bytes.
fn chain() -> Plan {
    let rows = (0..7).map(|i| {
        let row = Lifetime::new(i, i + 2, 16 * (1 + i as u64 % 3)).with_alignment(16);
        (format!("t{i}"), row)
    });
    let others = [
        (
            "view",
            Lifetime::new(1, 2, 4).with_root(TensorId::new(1), 8),
        ),
        ("empty", Lifetime::new(0, 9, 0)),
        ("never", Lifetime::new(3, 3, 1 << 20)),
    ];
    let others = others.map(|(name, row)| (name.to_string(), row));
    let lifetimes = Lifetimes::from_named(rows.chain(others)).unwrap();
    Planner::new().nodes(10_000).plan(&lifetimes).unwrap()
}

/// Compares what an arena lends with offsets, and with the bytes that tensors have in common.
const RUST: &str = "
mod plan { include!(\"plan.rs\"); }
use plan::*;

fn bytes(tensor: Tensor) -> std::ops::Range<usize> {
    tensor.offset..tensor.offset + tensor.bytes
}

fn main() {
    let mut arena = Box::new(Arena::new());
    assert_eq!(std::mem::align_of::<Arena>(), ARENA_ALIGNMENT);
    let base = arena.as_mut_ptr() as usize;
    for &a in TENSORS {
        for &b in TENSORS {
            for &c in TENSORS {
                let meet = |a: Tensor, b: Tensor| bytes(a).any(|at| bytes(b).contains(&at));
                let fits = !meet(a, b) && !meet(b, c) && !meet(a, c);
                assert_eq!(meet(a, b), a.shares_bytes(b));
                let disjoint = Disjoint::<u8, 3>::try_of([a, b, c]);
                assert_eq!(disjoint.is_some(), fits, \"{a:?} {b:?} {c:?}\");
                let Some(disjoint) = disjoint else { continue };
                for (tensor, lent) in [a, b, c].into_iter().zip(arena.lend(disjoint)) {
                    assert_eq!(lent.len(), tensor.bytes);
                    assert_eq!(lent.as_ptr() as usize, base + tensor.offset);
                    lent.fill(tensor.bytes as u8);
                }
            }
        }
    }
    let is_lent = |offset, bytes| {
        let tensor = Tensor { offset, bytes, alignment: 1 };
        (Disjoint::<u8, 1>::try_of([tensor]).is_some(), tensor.has_elements::<f32>())
    };
    assert_eq!(is_lent(ARENA_BYTES - 8, 9), (false, false));
    assert_eq!(is_lent(ARENA_BYTES - 8, 8), (true, true));
    assert_eq!(is_lent(usize::MAX, usize::MAX), (false, false));
    assert_eq!(is_lent(usize::MAX, 1), (false, false));
    assert_eq!(is_lent(T0.offset + 1, 4), (true, false));
    assert_eq!(is_lent(T0.offset, 5), (true, false));

    const BOTH: Disjoint<f32, 2> = Disjoint::of([T1, T0]);
    let [t1, t0] = arena.lend(BOTH);
    assert_eq!((t0.len(), t1.len()), (4, 8));
    t1.fill(1.5);
    let [view] = arena.lend(Disjoint::<u8, 1>::of([VIEW]));
    assert_eq!(elements::<f32>(view), Some(&mut [1.5][..]));
    assert_eq!(elements::<f32>(&mut view[1..]), None);
    assert_eq!(elements::<u16>(&mut view[..3]), None);

    for (name, tensor) in NAMES.iter().zip(TENSORS) {
        println!(\"{name} {} {} {}\", tensor.offset, tensor.bytes, tensor.alignment);
    }
    for step in STEPS {
        let names = |tensors: &[Tensor]| -> Vec<usize> {
            tensors.iter().map(|tensor| tensor.bytes).collect()
        };
        println!(\"{} {:?} {:?}\", step.step, names(step.begins), names(step.ends));
    }
    println!(\"{OPERATORS:?} {ARENA_BYTES}\");
}
";

#[test]
fn the_arena_of_a_rust_source_lends_tensors_that_share_no_byte() {
    if !has("rustc") {
        return;
    }
    let plan = chain();
    let folder = Folder::new("arena");
    let source = PlanSource::of(&plan).operators(["conv", "say \"hi\""]);
    folder
        .write("plan.rs", rust(&source))
        .write("main.rs", RUST);
    folder.compile("rustc", "--edition=2021 -Dwarnings -o main", "main.rs");
    let printed = folder.run("main");

    let mut expected = String::new();
    let alive = |row: &Lifetime| row.lower < row.upper;
    for (id, name, row) in plan.lifetimes().iter().filter(|(_, _, row)| alive(row)) {
        let offset = plan.offset(id).unwrap();
        let (size, alignment) = (row.size, row.alignment);
        expected += &format!("{name} {offset} {size} {alignment}\n");
    }
    for step in 0..9 {
        let of = |is_at: &dyn Fn(&Lifetime) -> bool| -> Vec<u64> {
            let rows = plan.lifetimes().rows().iter();
            let rows = rows.filter(|row| alive(row) && row.within.is_none() && is_at(row));
            rows.map(|row| row.size).collect()
        };
        let (begins, ends) = (
            of(&|row| row.lower == step),
            of(&|row| row.upper == step + 1),
        );
        expected += &format!("{step} {begins:?} {ends:?}\n");
    }
    expected += &format!("[\"conv\", \"say \\\"hi\\\"\"] {}\n", plan.peak());
    assert_eq!(printed, expected);
}

#[test]
fn a_constant_of_tensors_that_share_bytes_does_not_compile() {
    if !has("rustc") {
        return;
    }
    let (plan, folder) = (chain(), Folder::new("shared"));
    folder.write("plan.rs", rust(&PlanSource::of(&plan)));
    let uses = |tensors: &str| {
        format!(
            "#![no_std]\npub mod plan {{ include!(\"plan.rs\"); }}\nuse plan::*;\n\
             pub const BOTH: Disjoint<f64, 2> = Disjoint::of([{tensors}]);\n"
        )
    };
    folder.write("lib.rs", uses("T0, T1"));
    folder.compile(
        "rustc",
        "--edition=2021 --crate-type=lib --emit=metadata",
        "lib.rs",
    );
    for (tensors, why) in [
        ("T1, T1", "share bytes"),
        ("T0, VIEW", "elements of this type"),
    ] {
        folder.write("lib.rs", uses(tensors));
        let mut command = Command::new("rustc");
        command.args([
            "--edition=2021",
            "--crate-type=lib",
            "--emit=metadata",
            "lib.rs",
        ]);
        let output = command.current_dir(&folder.0).output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && messages.contains(why),
            "{messages}"
        );
    }
}

#[test]
fn a_rust_source_compiles_whatever_tensors_are_called() {
    if !has("rustc") {
        return;
    }
    let plan = nasty_plan();
    let folder = Folder::new("nasty");
    let source = PlanSource::of(&plan).operators(NASTY);
    let devices = PlanSource::of_devices(NASTY.map(|name| (name, &plan)));
    folder
        .write("plan.rs", rust(&source))
        .write("devices.rs", rust(&devices))
        .write(
            "lib.rs",
            "//! Of tests.\n#![no_std]\n#![deny(missing_docs, warnings, unsafe_code)]\n\
         /// Used by others.\npub mod plan;\n/// Several.\npub mod devices;\n\
         mod hidden { include!(\"plan.rs\"); }\n",
        );
    for edition in [2018, 2024] {
        let args = format!("--edition={edition} --crate-type=lib --emit=metadata");
        folder.compile("rustc", &args, "lib.rs");
    }
}

/// Prints the tables, and what the functions give.
const C: &str = "
#include <stdio.h>
#include \"plan.h\"
#include \"plan.h\"
#include \"other.h\"

PLAN_STATIC_ARENA(arena);
#define PRINT(tensor, name, offset, bytes, alignment) \\
    printf(\"%s %lu %lu %lu\\n\", name, (unsigned long)(offset), (unsigned long)(bytes), \\
           (unsigned long)(alignment)); \\
    right = right && tensor(arena) == arena + (offset);
#define RANGE(tensor, lower, upper) sum += (lower) + 100 * (upper);
#define OPERATOR(step, name) printf(\"%d %s\\n\", (step), name);
#if PLAN_T1_BYTES != 32
#error \"a size is a number that the preprocessor knows\"
#endif

int main(void) {
    int right = (uintptr_t)arena % PLAN_ARENA_ALIGNMENT == 0;
    long sum = 0;
    PLAN_TENSORS(PRINT)
    PLAN_LIFETIMES(RANGE)
    PLAN_OPERATORS(OPERATOR)
    printf(\"%d %ld %lu\\n\", right, sum, (unsigned long)sizeof arena);
    return OTHER_ARENA_BYTES == 0;
}
";

#[test]
fn a_c_header_has_the_offsets_and_addresses_of_the_plan() {
    if !has("cc") {
        return;
    }
    let (plan, folder) = (chain(), Folder::new("c"));
    let source = PlanSource::of(&plan).operators(["conv", "say \"hi\"??/"]);
    folder
        .write("plan.h", header(&source, "plan"))
        .write("main.c", C);
    folder.write("other.h", header(&PlanSource::of(&nasty_plan()), "other"));
    let mut expected = String::new();
    let mut sum = 0;
    for (id, name, row) in plan
        .lifetimes()
        .iter()
        .filter(|(_, _, row)| row.lower < row.upper)
    {
        let offset = plan.offset(id).unwrap();
        let (size, alignment) = (row.size, row.alignment);
        expected += &format!("{name} {offset} {size} {alignment}\n");
        sum += row.lower + 100 * row.upper;
    }
    expected += &format!("0 conv\n1 say \"hi\"??/\n1 {sum} {}\n", plan.peak());
    for standard in ["c99", "c11", "c17"] {
        let args = format!("-std={standard} -Wall -Wextra -Wpedantic -Werror -o main");
        folder.compile("cc", &args, "main.c");
        assert_eq!(folder.run("main"), expected, "{standard}");
    }
}

#[test]
fn a_c_header_compiles_whatever_tensors_and_devices_are_called() {
    if !has("cc") || !has("c++") {
        return;
    }
    let (plan, folder) = (nasty_plan(), Folder::new("c-nasty"));
    folder.write(
        "plan.h",
        header(&PlanSource::of(&plan).operators(NASTY), ""),
    );
    let few = chain();
    let names = NASTY.iter().chain(&["x t", "x_t0", "x arena"]);
    let devices = PlanSource::of_devices(names.map(|name| (*name, &few)));
    folder.write("devices.h", header(&devices, "several devices"));
    let text = "#include \"plan.h\"\n#include \"devices.h\"\n#define NOTHING(a, b, c)\n\
                T_LIFETIMES(NOTHING)\nSEVERAL_DEVICES_X_LIFETIMES(NOTHING)\n\
                T_STATIC_ARENA(arena);\nunsigned char *first(void);\n\
                unsigned char *first(void) { return arena; }\n";
    folder.write("lib.c", text).write("lib.cpp", text);
    let strict = "-fsyntax-only -Wall -Wextra -Wpedantic -Wundef -Wshadow -Wconversion -Werror";
    for standard in ["c99", "c11"] {
        let args = format!("{strict} -std={standard} -Wcast-qual");
        folder.compile("cc", &args, "lib.c");
    }
    for standard in ["c++11", "c++17"] {
        let args = format!("{strict} -std={standard} -Wold-style-cast -Wuseless-cast");
        folder.compile("c++", &args, "lib.cpp");
    }
}

#[test]
fn tensors_of_several_devices_never_have_one_macro() {
    let rows = |name: &str| {
        let rows = [(name.to_string(), 0, 1, 8, 8), ("arena".into(), 0, 1, 8, 8)];
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        Planner::new().plan(&lifetimes).unwrap()
    };
    let (first, second) = (rows("b_x"), rows("x"));
    let source = PlanSource::of_devices([("a", &first), ("a b", &second)]);
    let text = header(&source, "plan");
    let mut macros: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .filter_map(|rest| rest.split([' ', '(']).next())
        .filter(|name| !name.ends_with("STATIC_ARENA"))
        .collect();
    assert!(macros.contains(&"PLAN_A_B_X_OFFSET") && macros.contains(&"PLAN_A_B_X_2_OFFSET"));
    let count = macros.len();
    macros.sort_unstable();
    macros.dedup();
    assert_eq!(macros.len(), count);
}

#[test]
fn equal_plans_have_equal_texts() {
    let text = || {
        let plan = nasty_plan();
        let source = PlanSource::of(&plan).operators(NASTY);
        (rust(&source), header(&source, "plan"))
    };
    assert_eq!(text(), text());
}

#[test]
fn a_constant_says_what_its_tensor_is() {
    let rows = [("conv1/Relu:0", 0, 2, 1024, 64), ("scores", 1, 3, 2048, 64)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let plan = Plan::new(lifetimes, vec![2048, 0]).unwrap();
    let expected = "\
// @generated by OrionRT: a plan of memory, with its offsets as constants.

/// The size of the planned region, in bytes.
#[allow(dead_code)]
pub const ARENA_BYTES: usize = 3072;

/// The alignment of the planned region, in bytes.
#[allow(dead_code)]
pub const ARENA_ALIGNMENT: usize = 64;

/// `\"conv1/Relu:0\"`: 1024 bytes, alive in steps 0..2.
#[allow(dead_code)]
pub const CONV1_RELU_0: Tensor =
    Tensor { offset: 2048, bytes: 1024, alignment: 64 };
";
    let text = rust(&PlanSource::of(&plan));
    assert_eq!(&text[..expected.len()], expected);
    for part in [
        "pub const TENSORS: &[Tensor] = &[\n    CONV1_RELU_0,\n    SCORES,\n];\n",
        "    Step { step: 1, begins: &[SCORES], ends: &[CONV1_RELU_0] },\n",
        "#[repr(C, align(64))]\npub struct Arena(",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let mut same = Vec::new();
    plan.write_rust(&mut same).unwrap();
    assert_eq!(same, text.as_bytes());
}

#[test]
fn a_tensor_without_bytes_begins_where_the_region_does() {
    let lifetimes = Lifetimes::from_rows([("x", 0, 1, 0, 8), ("y", 0, 1, 8, 8)]).unwrap();
    let plan = Plan::new(lifetimes, vec![1024, 0]).unwrap();
    assert!(rust(&PlanSource::of(&plan)).contains("{ offset: 0, bytes: 0, alignment: 8 }"));
    assert!(header(&PlanSource::of(&plan), "plan").contains("PLAN_X_OFFSET 0u\n"));
}

#[test]
fn an_alignment_that_no_type_has_is_refused_in_rust_alone() {
    let lifetimes = Lifetimes::from_rows([("x", 0, 1, 8, 1 << 30)]).unwrap();
    let plan = Plan::new(lifetimes, vec![0]).unwrap();
    let error = plan.write_rust(Vec::new()).unwrap_err();
    assert!(matches!(
        error.mistake,
        FileMistake::Unsupported {
            found: 0x4000_0000,
            limit: 0x2000_0000,
            ..
        }
    ));
    assert!(header(&PlanSource::of(&plan), "plan").contains("_ALIGNMENT 1073741824u\n"));
}
