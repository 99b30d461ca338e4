//! Programs in C, C++, Python and others run on the preloaded library as they do without it.

mod support;

use std::process::Command;

use support::{compiled, library, on_the_heap, printed, told};

#[test]
fn the_allocation_functions_do_what_c_and_glibc_promise() {
    if let Some(program) = compiled("conformance.c", "conformance", &[]) {
        assert_eq!(printed(&mut on_the_heap(program)), "passed\n");
    }
}

#[test]
fn the_checks_hold_on_glibc_too() {
    if let Some(program) = compiled("conformance.c", "glibc", &["-DGLIBC"]) {
        assert_eq!(printed(&mut Command::new(program)), "passed\n");
    }
}

#[test]
fn the_other_names_of_glibc_are_of_the_same_heap() {
    if let Some(program) = compiled("names.c", "names", &["-ldl"]) {
        assert_eq!(printed(&mut on_the_heap(program)), "passed\n");
    }
}

#[test]
fn threads_exits_and_forks_find_a_heap_that_works() {
    if let Some(program) = compiled("threads.c", "threads", &[]) {
        assert_eq!(printed(&mut on_the_heap(program)), "passed\n");
    }
}

#[test]
fn every_operator_of_cxx_allocates_and_throws() {
    if let Some(program) = compiled("operators.cpp", "operators", &["-std=c++17"]) {
        assert_eq!(printed(&mut on_the_heap(program)), "passed\n");
    }
}

#[test]
fn operators_that_a_program_replaces_serve_the_forms_that_forward_to_them() {
    for standard in ["-std=c++11", "-std=c++17"] {
        if let Some(program) = compiled(
            "replaced.cpp",
            "replaced",
            &[standard, "-Wno-sized-deallocation"],
        ) {
            assert_eq!(printed(&mut Command::new(&program)), "passed\n");
            assert_eq!(printed(&mut on_the_heap(program)), "passed\n");
        }
    }
}

#[test]
fn cxx_that_a_program_in_c_loads_for_itself_can_throw() {
    let shared = ["-shared", "-fPIC"];
    let (Some(library), Some(program)) = (
        compiled("throws.cpp", "libthrows.so", &shared),
        compiled("loads.c", "loads", &["-ldl"]),
    ) else {
        return;
    };
    assert_eq!(printed(on_the_heap(program).arg(library)), "passed\n");
}

#[test]
fn a_wrong_free_ends_the_process_and_names_the_address() {
    let Some(program) = compiled("misuse.c", "misuse", &[]) else {
        return;
    };
    let always = ["interior", "page", "stack", "mapped", "twice"];
    let hardened = ["small interior", "small twice"];
    let hardened = hardened.into_iter().filter(|_| cfg!(feature = "hardened"));
    for what in always.into_iter().chain(hardened) {
        for resizes in [&[][..], &["resize"]] {
            let output = on_the_heap(&program).arg(what).args(resizes).output();
            let output = output.expect("it was compiled");
            let (printed, said) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            let address = printed.trim().trim_start_matches("0x");
            assert!(!output.status.success(), "{what}: {printed}");
            assert!(said.starts_with("orionrt: invalid free"), "{what}: {said}");
            assert!(said.contains(address), "{what}: {address} is not in {said}");
        }
    }
}

#[test]
fn a_thread_that_begins_without_memory_is_refused_and_later_served() {
    let Some(program) = compiled("exhausted.c", "exhausted", &["-pthread"]) else {
        return;
    };
    let output = printed(on_the_heap(program).env("ORIONRT_LIMIT", "16M"));
    assert_eq!(output, "passed\n");
}

#[test]
fn a_program_asks_for_statistics_and_sets_limits_where_the_library_is() {
    let headers = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include");
    let Some(program) = compiled("extended.c", "extended", &[headers]) else {
        return;
    };
    assert_eq!(printed(&mut on_the_heap(&program)), "passed\n");
    assert_eq!(printed(&mut Command::new(program)), "without it\n");
}

#[test]
fn statistics_are_written_when_the_process_exits() {
    let Some(program) = compiled("exits.c", "exits", &[]) else {
        return;
    };
    let output = on_the_heap(&program).env("ORIONRT_STATS", "exit").output();
    let said = String::from_utf8(output.expect("it was compiled").stderr).expect("text");
    assert!(said.starts_with("orionrt: process "), "{said}");
    assert!(said.contains("allocations"), "{said}");

    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("statistics");
    let _ = std::fs::remove_file(&file);
    for _ in 0..2 {
        printed(on_the_heap(&program).env("ORIONRT_STATS", &file));
    }
    let written = std::fs::read_to_string(&file).expect("statistics");
    assert_eq!(written.matches("orionrt: process ").count(), 2, "{written}");

    let file = file.with_extension("json");
    let _ = std::fs::remove_file(&file);
    printed(on_the_heap(&program).env("ORIONRT_STATS", &file));
    let written = std::fs::read_to_string(&file).expect("statistics");
    let object: serde_json::Value = serde_json::from_str(&written).expect("one object");
    assert_eq!(object["command"], *program.to_str().expect("text"));
    assert!(
        object["statistics"]["allocations"].as_u64() > Some(0),
        "{written}"
    );
}

#[test]
fn statistics_go_where_the_process_was_started_to_write_them() {
    let (Some(program), Some(exits)) = (
        compiled("titles.c", "titles", &[]),
        compiled("exits.c", "exits again", &[]),
    ) else {
        return;
    };
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("of a title");
    let _ = std::fs::remove_file(&file);
    printed(on_the_heap(program).env("ORIONRT_STATS", &file));
    let written = std::fs::read_to_string(&file).expect("statistics");
    assert!(written.starts_with("orionrt: process "), "{written}");

    let (long, too_long) = ("./".repeat(1900), "./".repeat(2100));
    let file = folder.join("far away");
    let _ = std::fs::remove_file(&file);
    let far_away = long + "far away";
    let mut command = on_the_heap(&exits);
    let command = command.current_dir(folder).env("ORIONRT_STATS", far_away);
    assert_eq!(
        told(&command.output().expect("it was compiled")),
        "exit status: 0\n\n"
    );
    assert!(file.exists());
    let command = command.env("ORIONRT_STATS", too_long);
    let said = told(&command.output().expect("it was compiled"));
    assert!(
        said.contains("ORIONRT_STATS is too long, expected"),
        "{said}"
    );
}

#[test]
fn another_preloaded_library_may_allocate_in_functions_for_files() {
    let shared = ["-shared", "-fPIC"];
    let (Some(opens), Some(program)) = (
        compiled("opens.c", "libopens.so", &shared),
        compiled("exits.c", "exits beside", &[]),
    ) else {
        return;
    };
    let preloaded = format!("LD_PRELOAD={}:{}", opens.display(), library().display());
    // If the process waits for itself, it would for ever.
    let mut command = Command::new("timeout");
    printed(command.args(["60", "env", &preloaded]).arg(program));
}

#[test]
fn a_library_that_was_loaded_stays() {
    if let Some(program) = compiled("unloads.c", "unloads", &["-ldl"]) {
        assert_eq!(printed(Command::new(program).arg(library())), "passed\n");
    }
}

#[test]
fn a_variable_that_is_not_understood_is_named_once() {
    let cases = [
        ("ORIONRT_DECAI", "1s", "ORIONRT_DECAI is not known"),
        (
            "ORIONRT_DECAY",
            "1h",
            "ORIONRT_DECAY is '1h', expected never, or a time",
        ),
        ("ORIONRT_DECAY", "+1s", "expected never, or a time"),
        (
            "ORIONRT_HUGE_PAGES",
            "yes",
            "expected on-request, always, or off",
        ),
        ("ORIONRT_LIMIT", "much", "expected a number of bytes"),
    ];
    for (name, value, expected) in cases {
        let output = on_the_heap("sh")
            .args(["-c", ":"])
            .env(name, value)
            .output();
        let output = output.expect("there is a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.matches(expected).count() == 1,
            "{said}"
        );
    }
    let known = [
        ("ORIONRT_DECAY", "250ms"),
        ("ORIONRT_DECAY", "never"),
        ("ORIONRT_HUGE_PAGES", "off"),
        ("ORIONRT_LIMIT", "1G"),
    ];
    for (name, value) in known {
        let output = on_the_heap("sh")
            .args(["-c", ":"])
            .env(name, value)
            .output();
        assert_eq!(
            told(&output.expect("there is a shell")),
            "exit status: 0\n\n"
        );
    }
}

#[test]
fn a_limit_of_memory_refuses_what_is_beyond_it() {
    let python = "
try:
    bytearray(300 << 20)
    print('granted')
except MemoryError:
    print('refused')";
    for (limit, expected) in [("200M", "refused\n"), ("2G", "granted\n")] {
        let mut command = on_the_heap("python3");
        let command = command.args(["-c", python]).env("ORIONRT_LIMIT", limit);
        assert_eq!(printed(command), expected);
    }
}

#[test]
fn little_address_space_is_enough() {
    let script = format!(
        "ulimit -v 300000; LD_PRELOAD={} exec sh -c 'echo $((6 * 7))'",
        library().display()
    );
    assert_eq!(printed(Command::new("sh").args(["-c", &script])), "42\n");
}

#[test]
fn python_computes_forks_and_starts_threads() {
    let python = "
import json, multiprocessing, sqlite3, subprocess, threading, zlib

def squares(count):
    return sum(i * i for i in range(count))

table = {str(i): list(range(i % 50)) for i in range(20000)}
assert json.loads(json.dumps(table)) == table
assert zlib.decompress(zlib.compress(bytes(3 << 20))) == bytes(3 << 20)
with sqlite3.connect(':memory:') as base:
    base.execute('create table numbers (n integer, t text)')
    rows = ((i, 'x' * (i % 100)) for i in range(30000))
    base.executemany('insert into numbers values (?, ?)', rows)
    found = base.execute('select sum(n) from numbers where t > ?', ('xx',))
    assert found.fetchone()[0] > 0
threads = [threading.Thread(target=squares, args=(50000,)) for _ in range(8)]
for thread in threads: thread.start()
with multiprocessing.get_context('fork').Pool(4) as pool:
    assert pool.map(squares, range(100)) == [squares(i) for i in range(100)]
for thread in threads: thread.join()
assert subprocess.run(['true']).returncode == 0
print('passed')";
    assert_eq!(
        printed(on_the_heap("python3").args(["-c", python])),
        "passed\n"
    );
}
