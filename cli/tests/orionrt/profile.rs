//! `orionrt profile`: profiles made here, some of addresses in this very program.

use std::{fs, io::Read};

use orionrt_pprof::{Function, Line, Location, Mapping, Profile, ValueType};
use serde_json::Value;

use crate::run::Folder;

const TYPES: [(&str, &str); 4] = [
    ("alloc_objects", "count"),
    ("alloc_space", "bytes"),
    ("inuse_objects", "count"),
    ("inuse_space", "bytes"),
];

/// A profile with the types of a heap profile.
fn empty() -> Profile {
    let mut profile = Profile::default();
    for (kind, unit) in TYPES {
        let (kind, unit) = (profile.add_text(kind), profile.add_text(unit));
        profile.sample_types.push(ValueType { kind, unit });
    }
    profile
}

/// A profile with functions: each sample is names, outermost first, and bytes in use.
fn named(samples: &[(&[&str], i64)]) -> Profile {
    let mut profile = empty();
    for &(names, bytes) in samples {
        let mut locations = Vec::new();
        for &name in names.iter().rev() {
            let name = profile.add_text(name);
            let function = profile.functions.len() as u32;
            profile.functions.push(Function {
                name,
                ..Function::default()
            });
            locations.push(profile.locations.len() as u32);
            let lines = vec![Line { function, line: 1 }];
            profile.locations.push(Location {
                lines,
                ..Location::default()
            });
        }
        profile.add_sample(&locations, &[2, 2 * bytes, 1, bytes]);
    }
    profile
}

/// Who holds what in three stacks.
fn three() -> Profile {
    named(&[
        (&["main", "serve", "Cache::new"], 3 << 20),
        (&["main", "serve", "parse"], 1 << 20),
        (&["main"], 1 << 20),
    ])
}

#[test]
fn the_functions_that_hold_most_are_first() {
    let folder = Folder::with("heap.pb", three().write());
    let run = folder.run(&["profile", "heap.pb", "--top", "2"]);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let words = |line: &str| {
        line.split(['│', '┆'])
            .map(|word| word.trim().to_owned())
            .collect()
    };
    let lines: Vec<Vec<String>> = run.stdout.lines().map(words).collect();
    assert!(
        run.stdout.contains("total         5.00 MiB"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.ends_with("and 2 more\n"), "{}", run.stdout);
    let row = |cells: [&str; 5]| {
        let row = lines
            .iter()
            .find(|line| line.len() == 7 && line[5] == cells[4]);
        assert_eq!(row.expect(cells[4])[1..6], cells);
    };
    row(["3.00 MiB", "60.0 %", "3.00 MiB", "60.0 %", "Cache::new"]);
    row(["1.00 MiB", "20.0 %", "5.00 MiB", "100.0 %", "main"]);
}

#[test]
fn json_has_the_exact_bytes_of_each_type() {
    let folder = Folder::with("heap.pb", three().write());
    let json = |kind: &str| -> Value {
        let run = folder.run(&["profile", "heap.pb", "--json", "--type", kind]);
        serde_json::from_str(&run.stdout).expect("JSON")
    };
    for (kind, times) in [("inuse_space", 1), ("alloc_space", 2)] {
        let json = json(kind);
        assert_eq!(json["total"], (5 << 20) * times);
        assert_eq!(json["functions"][0]["name"], "Cache::new");
        assert_eq!(json["functions"][0]["own"], (3 << 20) * times);
        let serve = json["functions"].as_array().unwrap();
        let serve = serve
            .iter()
            .find(|function| function["name"] == "serve")
            .unwrap();
        assert_eq!(
            (&serve["own"], &serve["cumulative"]),
            (&0.into(), &((4 << 20) * times).into())
        );
    }
    assert_eq!(json("inuse_objects")["total"], 3);
    let run = folder.run(&["profile", "heap.pb", "--type", "cpu"]);
    let known = "expected one of: alloc_objects, alloc_space, inuse_objects, inuse_space";
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains(known), "{}", run.stderr);
}

#[test]
fn two_profiles_are_compared() {
    let folder = Folder::with("after.pb", three().write());
    let before = named(&[
        (&["main", "serve", "Cache::new"], 1 << 20),
        (&["main", "serve", "parse"], 1 << 20),
        (&["main", "load"], 4 << 20),
    ]);
    folder.write("before.pb", before.write());
    let run = folder.run(&[
        "profile",
        "after.pb",
        "--since",
        "before.pb",
        "--folded",
        "diff.txt",
        "--svg",
        "diff.svg",
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for line in [
        "before        6.00 MiB (before.pb)",
        "change        -1.00 MiB",
        "│ -4.00 MiB ┆  -4.00 MiB ┆ load",
        "│ +2.00 MiB ┆  +2.00 MiB ┆ Cache::new",
    ] {
        assert!(run.stdout.contains(line), "{}", run.stdout);
    }
    assert_eq!(
        folder.read("diff.txt"),
        "main 0 1048576\nmain;load 4194304 0\nmain;serve;Cache::new 1048576 3145728\n\
         main;serve;parse 1048576 1048576\n"
    );
    let picture = folder.read("diff.svg");
    roxmltree::Document::parse(&picture).expect("XML");
    assert!(
        picture.contains("Cache::new: 3.00 MiB, 60.0 %, +2.00 MiB"),
        "{picture}"
    );
}

/// A profile of one stack that says how exact it is, as the allocator does.
fn sampled(mib: i64, live: u64) -> Profile {
    let mut profile = named(&[(&["main"], mib << 20)]);
    let (low, high) = ((mib - 3) << 20, (mib + 3) << 20);
    for comment in [
        "alloc_space: 1 bytes, 95 % interval 0 to 7".to_owned(),
        format!(
            "inuse_space: {} bytes, 95 % interval {low} to {high}",
            mib << 20
        ),
        format!("samples: 50, {live} of them live"),
        "of a comment that is its own".to_owned(),
    ] {
        let comment = profile.add_text(comment);
        profile.comments.push(comment);
    }
    profile
}

#[test]
fn how_exact_a_profile_is_stands_beside_its_total() {
    let folder = Folder::with("heap.pb", sampled(20, 20).write());
    for (name, profile) in [
        ("few.pb", sampled(20, 19)),
        ("noise.pb", sampled(16, 20)),
        ("less.pb", sampled(15, 20)),
    ] {
        folder.write(name, profile.write());
    }
    let lines = |args: &[&str]| -> Vec<String> {
        let run = folder.run(&[&["profile"], args].concat());
        assert_eq!((run.status, &*run.stderr), (0, ""));
        let lines = run.stdout.lines().skip(2);
        let lines = lines.take_while(|line| line.starts_with("  "));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    let total = "total         20.0 MiB, 95 % interval 17.0 MiB to 23.0 MiB";
    let own = "note          of a comment that is its own";
    assert_eq!(
        lines(&["heap.pb"]),
        [total, "stacks        1", "samples       20 live of 50", own]
    );
    let few =
        "note          too few samples to rely on; a lower every= in ORIONRT_PROFILE takes more";
    assert!(lines(&["few.pb"]).contains(&few.to_owned()));
    let chance = "note          the change may be chance alone: 0 is in its interval".to_owned();
    let changed = lines(&["heap.pb", "--since", "less.pb"]);
    let change = "change        +5.00 MiB, 95 % interval +776 KiB to +9.24 MiB";
    assert!(changed.contains(&change.to_owned()), "{changed:?}");
    assert!(!changed.contains(&chance), "{changed:?}");
    let changed = lines(&["heap.pb", "--since", "noise.pb"]);
    let change = "change        +4.00 MiB, 95 % interval -248 KiB to +8.24 MiB";
    assert!(changed.contains(&change.to_owned()), "{changed:?}");
    assert!(changed.contains(&chance), "{changed:?}");
}

#[test]
fn a_profile_says_which_command_it_is_of() {
    let mut profile = three();
    let comment = profile.add_text("command: python3 -c print('\u{1b}')");
    profile.comments.push(comment);
    let folder = Folder::with("heap.pb", profile.write());
    let run = folder.run(&["profile", "heap.pb"]);
    let shown = "\n  command       python3 -c print('\\u{1b}')\n  type ";
    assert!(run.stdout.contains(shown), "{}", run.stdout);
    assert!(!run.stdout.contains("note"), "{}", run.stdout);
    let run = folder.run(&["profile", "heap.pb", "--json"]);
    let json: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(json["command"], "python3 -c print('\u{1b}')");
}

#[test]
fn two_profiles_in_the_wrong_order_are_noticed() {
    let folder = Folder::with("heap.pb", three().write());
    for (name, time_nanos) in [("1.pb", 1), ("2.pb", 2), ("none.pb", 0)] {
        let mut profile = three();
        profile.time_nanos = time_nanos;
        folder.write(name, profile.write());
    }
    let stderr = |now: &str, before: &str| {
        let run = folder.run(&["profile", now, "--since", before]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stderr
    };
    assert_eq!(
        stderr("1.pb", "2.pb"),
        "warning: 2.pb: is later than 1.pb, so what is shown as grown has shrunk\n"
    );
    for (now, before) in [("2.pb", "1.pb"), ("1.pb", "1.pb"), ("none.pb", "1.pb")] {
        assert_eq!(stderr(now, before), "");
    }
    // A shell hands `heap.*.pb` on in the order of names, oldest first.
    let run = folder.run(&["profile", "1.pb", "2.pb"]);
    assert_eq!(run.status, 2, "{}", run.stdout);
}

#[test]
fn a_stack_ends_where_it_enters_the_allocator() {
    let stack = [
        "main",
        "parse",
        "malloc",
        "orionrt_alloc::malloc::Malloc::allocate",
        "and_then",
    ];
    let folder = Folder::with("heap.pb", named(&[(&stack, 64)]).write());
    let folded = |options: &[&str]| {
        let run = folder.run(&[&["profile", "heap.pb", "--folded", "heap.txt"], options].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        folder.read("heap.txt")
    };
    assert_eq!(folded(&[]), "main;parse 64\n");
    assert_eq!(
        folded(&["--all-frames"]),
        format!("{} 64\n", stack.join(";"))
    );
}

/// A function whose address is in the profile.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn orionrt_profile_named_here(number: u64) -> u64 {
    std::hint::black_box(number) * 3 + 1
}

/// The file that an address of this process is of, as `/proc/self/maps` says it.
fn mapping_of(address: u64, profile: &mut Profile) -> Mapping {
    let maps = fs::read_to_string("/proc/self/maps").expect("maps");
    let mappings = maps.lines().map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next().unwrap().split_once('-').unwrap();
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let file_offset = number(fields.nth(1).unwrap());
        (
            number(start),
            number(end),
            file_offset,
            fields.nth(2).unwrap_or_default().to_owned(),
        )
    });
    let mut mappings = mappings;
    let found = mappings.find(|&(start, end, ..)| (start..end).contains(&address));
    let (start, end, file_offset, file) = found.expect("a mapping");
    let file = profile.add_text(file);
    Mapping {
        start,
        end,
        file_offset,
        file,
        ..Mapping::default()
    }
}

/// A profile of one sample, at addresses of this program and of the C library.
fn unnamed(build_id: &str) -> Profile {
    let mut profile = empty();
    let build_id = profile.add_text(build_id);
    let addresses = [
        libc_function(),
        orionrt_profile_named_here as *const () as u64 + 1,
    ];
    for (index, address) in addresses.into_iter().enumerate() {
        let mapping = mapping_of(address, &mut profile);
        profile.mappings.push(Mapping {
            build_id,
            ..mapping
        });
        let mapping = Some(index as u32);
        profile.locations.push(Location {
            mapping,
            address,
            ..Location::default()
        });
    }
    profile.add_sample(&[0, 1], &[1, 64, 1, 64]);
    profile
}

fn libc_function() -> u64 {
    unsafe extern "C" {
        fn qsort();
    }
    qsort as *const () as u64 + 4
}

#[test]
fn addresses_are_named_by_the_binaries_of_the_profile() {
    let folder = Folder::with("heap.pb", unnamed("").write());
    let run = folder.run(&[
        "profile",
        "heap.pb",
        "--folded",
        "heap.txt",
        "--pprof",
        "named.pb.gz",
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let folded = folder.read("heap.txt");
    let mut names = folded.split([';', ' ']);
    assert_eq!(names.next(), Some("orionrt_profile_named_here"));
    // Where there is debug information, it has the C library's own names for it.
    assert!(
        names.next().is_some_and(|name| name.contains("qsort")),
        "{folded}"
    );

    // What is written has the names in it, and no binary is needed any more.
    let mut bytes = Vec::new();
    let file = fs::File::open(folder.path("named.pb.gz")).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .expect("gzip");
    let named = Profile::read(&bytes).expect("a profile");
    assert!(named.mappings.iter().all(|mapping| mapping.has_functions));
    folder.run(&[
        "profile",
        "named.pb.gz",
        "--no-binaries",
        "--folded",
        "again.txt",
    ]);
    assert_eq!(folder.read("again.txt"), folded);
}

#[test]
fn a_binary_with_another_build_id_names_nothing() {
    let folder = Folder::with("heap.pb", unnamed("0123456789abcdef").write());
    let run = folder.run(&["profile", "heap.pb", "--folded", "heap.txt"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let folded = folder.read("heap.txt");
    // The C library has a build id; this program need not have one.
    assert!(
        !folded.contains("qsort") && folded.contains(";libc"),
        "{folded}"
    );
    assert!(run.stdout.contains("without name"), "{}", run.stdout);

    let run = folder.run(&["profile", "heap.pb", "--no-binaries", "--json"]);
    let json: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(json["unnamed"], 2);
}

#[test]
fn what_is_no_profile_is_refused() {
    let folder = Folder::with("heap.pb", "id,lower,upper,size\n");
    let run = folder.run(&["profile", "heap.pb", "--svg", "heap.svg"]);
    assert_eq!(run.status, 1);
    assert!(!folder.path("heap.svg").exists());
    let whole = three().write();
    for (bytes, expected) in [
        (
            &b"id,lower,upper,size\n"[..],
            "is no profile in pprof's format",
        ),
        (b"int main(void) {}\n", "is no profile in pprof's format"),
        (b"", "is no profile in pprof's format"),
        (
            b"heap_v2/524288\n  t*: 28106: 56637512 [0: 0]\n",
            "is a heap profile as text ('heap_v2/'), expected protobuf in pprof's format",
        ),
        (
            &whole[..whole.len() - 1],
            "is damaged or not complete: the value at byte",
        ),
    ] {
        folder.write("other.pb", bytes);
        let run = folder.run(&["profile", "other.pb"]);
        assert_eq!(run.status, 1);
        let expected = format!("error: other.pb: {expected}");
        assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    }
    folder.write("three.pb", three().write());
    let run = folder.run(&["profile", "three.pb", "--svg", "three.pb"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("would replace the profile"),
        "{}",
        run.stderr
    );
}

#[test]
fn names_do_not_change_the_terminal_or_the_picture() {
    let folder = Folder::with("heap.pb", named(&[(&["a\u{1b}[2J", "<b>&;\n"], 5)]).write());
    let run = folder.run(&[
        "profile", "heap.pb", "--svg", "heap.svg", "--folded", "heap.txt",
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(!run.stdout.contains('\u{1b}'));
    roxmltree::Document::parse(&folder.read("heap.svg")).expect("XML");
    assert_eq!(folder.read("heap.txt"), "a\\u{1b}[2J;<b>&:\\n 5\n");
}

#[test]
fn view_draws_a_profile() {
    let folder = Folder::with("heap.pb", three().write());
    let run = folder.run(&["view", "heap.pb", "--no-open"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let path = run
        .stdout
        .lines()
        .last()
        .unwrap()
        .trim_start_matches("  open it")
        .trim();
    let picture = fs::read_to_string(path).expect(path);
    assert!(picture.starts_with("<svg"), "{picture}");
    fs::remove_dir_all(std::path::Path::new(path).parent().unwrap()).expect("the folder");
    let run = folder.run(&["view", "heap.pb", "--html", "page.html"]);
    assert_eq!(run.status, 2);
    let run = folder.run(&["view", "heap.pb", "--dim", "n=4"]);
    assert_eq!(run.status, 2);
}
