//! Profiles of a program in C on the preloaded heap, read as others would read them.

mod support;

use std::{
    env, fs,
    ops::Range,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use orionrt_pprof::Profile;
use support::{compiled, on_the_heap, printed, told};

/// What `profile.c` allocates in `keeps` and in `drops`: bytes in all.
const KEPT: i64 = 200 * 10_000;
const DROPPED: i64 = 300 * 2000;

/// An empty folder for the files of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder in the target folder");
    folder
}

/// The program in this folder, with these settings of the profile.
fn program(name: &str, folder: &Path, settings: &str) -> Option<Command> {
    // Positions in the program say which function an address lies in.
    let arguments = [
        "-no-pie",
        concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include"),
    ];
    let program = compiled("profile.c", name, &arguments)?;
    let mut command = on_the_heap(program);
    command.current_dir(folder).env("ORIONRT_PROFILE", settings);
    Some(command)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> Profile {
    let bytes = fs::read(path).expect("the profile was written");
    Profile::read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where a function of a program begins and ends.
fn place_of(program: &Path, function: &str) -> Option<Range<u64>> {
    let output = Command::new("nm").arg("-S").arg(program).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [start, size, _, name] = words[..] else {
            return None;
        };
        let [start, size] = [start, size].map(|word| u64::from_str_radix(word, 16).ok());
        (name == function).then_some(start?..start? + size?)
    })
}

/// The sums of all values, of samples with a frame in this place.
fn sums(profile: &Profile, place: &Range<u64>) -> [i64; 4] {
    let mut sums = [0; 4];
    for sample in profile.samples() {
        let mut addresses = sample.locations.iter().map(|&location| {
            let location = &profile.locations[location as usize];
            location.address
        });
        if addresses.any(|address| place.contains(&address)) {
            (0..4).for_each(|value| sums[value] += sample.values[value]);
        }
    }
    sums
}

fn is_near(value: i64, truth: i64, tolerance: i64) -> bool {
    (value - truth).abs() <= tolerance
}

#[test]
fn a_profile_at_exit_has_the_functions_that_allocated() {
    let folder = folder("profile exit");
    let Some(mut command) = program("profile_exit", &folder, "exit,every=100") else {
        return;
    };
    printed(&mut command);
    let files = files(&folder);
    assert_eq!(files.len(), 1, "{files:?}");
    let profile = read(&files[0]);
    assert_eq!(profile.period, 100);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profile_exit");
    let (Some(keeps), Some(drops)) = (place_of(&program, "keeps"), place_of(&program, "drops"))
    else {
        return println!("skipped: there is no nm");
    };
    // Of blocks that are so much larger than the mean, each is a sample. A size class is up to an
    // eighth larger than what was asked for.
    let [objects, bytes, live_objects, live_bytes] = sums(&profile, &keeps);
    assert_eq!((objects, live_objects), (200, 200));
    assert!(
        bytes == live_bytes && (KEPT..KEPT * 9 / 8).contains(&bytes),
        "{bytes}"
    );
    let [objects, bytes, live_objects, live_bytes] = sums(&profile, &drops);
    assert_eq!((objects, live_objects, live_bytes), (300, 0, 0));
    assert!((DROPPED..DROPPED * 9 / 8).contains(&bytes), "{bytes}");
    // What the program has called in the library is not there.
    let depths = profile.samples().map(|sample| sample.locations.len());
    let direct = profile.samples().filter(|sample| {
        let caller = sample.locations.first();
        caller.is_some_and(|&caller| {
            let caller = profile.locations[caller as usize].address;
            keeps.contains(&caller) || drops.contains(&caller)
        })
    });
    assert!(depths.max().is_some_and(|depth| depth > 2) && direct.count() == 2);
    let has_files = profile.mappings.iter().any(|mapping| {
        let file = profile.text(mapping.file);
        file.ends_with("profile_exit") && !profile.text(mapping.build_id).is_empty()
    });
    assert!(has_files);
    let of_program = format!("command: {}", program.display());
    let mut comments = profile.comments.iter();
    assert!(comments.any(|&comment| profile.text(comment) == of_program));
}

/// Go's own tool names the program's functions by its binary. The innermost ones are those that
/// call the allocator, of which the library's file alone would be named.
#[test]
fn the_pprof_tool_names_the_functions_that_allocated() {
    let folder = folder("profile pprof");
    let Some(mut command) = program("profile_pprof", &folder, "heap.pb,every=100") else {
        return;
    };
    printed(&mut command);
    let mut pprof = Command::new("go");
    let pprof = pprof.args(["tool", "pprof", "-top", "-sample_index=inuse_space"]);
    let Ok(output) = pprof.arg(folder.join("heap.pb")).output() else {
        return println!("skipped: there is no go");
    };
    if !output.status.success() {
        return println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
    }
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = table.lines().find(|line| line.ends_with(" keeps"));
    let row: Vec<_> = row.expect(&table).split_whitespace().collect();
    assert_eq!(row[0], "1.95MB", "{table}");
}

#[test]
fn a_forked_child_writes_a_file_of_its_own() {
    let folder = folder("profile fork");
    let Some(mut command) = program("profile_fork", &folder, "heap.pb,every=100") else {
        return;
    };
    let child = printed(command.arg("forks"));
    let of_child = folder.join(format!("heap.{}.pb", child.trim()));
    let of_parent = folder.join("heap.pb");
    assert_eq!(files(&folder), [of_child.clone(), of_parent.clone()]);
    let live = |path: &Path| -> i64 { read(path).samples().map(|sample| sample.values[3]).sum() };
    let (child, parent) = (live(&of_child), live(&of_parent));
    assert!(is_near(child - parent, KEPT, KEPT / 4), "{child} {parent}");
}

#[test]
fn a_forked_child_counts_its_profiles_from_one() {
    let folder = folder("profile fork numbers");
    let settings = "heap.pb,every=100,signal=USR2";
    let Some(mut command) = program("profile_fork_numbers", &folder, settings) else {
        return;
    };
    let child = printed(command.arg("forks profiled"));
    let names = [
        "heap.1.pb",
        "heap.2.pb",
        &format!("heap.{}.1.pb", child.trim()),
        "heap.pb",
    ];
    let mut expected = names.map(|name| folder.join(name));
    expected.sort();
    assert_eq!(files(&folder), expected);
}

#[test]
fn a_relative_name_is_of_the_folder_that_the_process_started_in() {
    let folder = folder("profile moves");
    let inner = folder.join("inner");
    fs::create_dir(&inner).expect("a folder");
    let settings = "heap.pb,every=100,signal=USR2";
    let Some(mut command) = program("profile_moves", &folder, settings) else {
        return;
    };
    printed(command.args(["moves", "inner"]));
    let expected = [
        folder.join("heap.1.pb"),
        folder.join("heap.pb"),
        inner.clone(),
    ];
    assert_eq!(files(&folder), expected);
    assert!(files(&inner).is_empty());
    let mode = fs::metadata(&expected[1]).expect("a file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600, "it is for its owner");
}

#[test]
fn signals_in_the_middle_of_allocations_are_served_and_deadlock_nothing() {
    let folder = folder("profile signals");
    let settings = "%p.pb,every=64K,signal=14";
    let Some(mut command) = program("profile_signals", &folder, settings) else {
        return;
    };
    printed(command.arg("signals"));
    let files = files(&folder);
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        assert!(read(&file).sample_count() > 0, "{}", file.display());
    }
}

#[test]
fn profiles_are_written_at_intervals() {
    let folder = folder("profile interval");
    let settings = "heap,interval=1ms";
    let Some(mut command) = program("profile_interval", &folder, settings) else {
        return;
    };
    printed(command.args(["signals", "ignored"]));
    let files = files(&folder);
    assert!(files.contains(&folder.join("heap")) && files.contains(&folder.join("heap.1")));
    files.iter().for_each(|file| {
        read(file);
    });
}

#[test]
fn a_program_asks_for_a_profile() {
    let folder = folder("profile asks");
    let Some(mut command) = program("profile_asks", &folder, "exit,every=100") else {
        return;
    };
    printed(command.args(["asks", "asked.pb"]));
    let profile = read(&folder.join("asked.pb"));
    let live: i64 = profile.samples().map(|sample| sample.values[3]).sum();
    assert!(live >= KEPT, "{live}");
    assert!(!folder.join("elsewhere").exists(), "links are not followed");
}

#[test]
fn what_is_live_at_exit_is_told() {
    let folder = folder("profile leaks");
    let Some(mut command) = program("profile_leaks", &folder, "exit,leaks,every=100") else {
        return;
    };
    let output = command.output().expect("it runs");
    let told = told(&output);
    // Of 200 blocks of 10,000 bytes, in a size class of 10 KiB.
    let size = "2.0 MiB in about 200 blocks";
    assert!(told.contains(&format!("{size} from\n")), "{told}");
    assert!(told.contains("are live at exit"), "{told}");
    assert!(!told.contains("liborionrt.so"), "{told}");
    let file = &files(&folder)[0];
    let names = format!(
        "\nNames, and all stacks: orionrt profile {}\n",
        file.display()
    );
    assert!(told.ends_with(&names), "{told}");
    // The file has the same addresses.
    let profile = read(file);
    let shown: Vec<_> = told
        .lines()
        .filter_map(|line| line.strip_prefix("    0x"))
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect();
    assert!(shown.len() > 2, "{told}");
    for address in shown {
        let address = u64::from_str_radix(address, 16).expect("an address");
        let mut locations = profile.locations.iter();
        assert!(
            locations.any(|location| location.address == address),
            "{address:#x}"
        );
    }
}

#[test]
fn words_that_are_not_understood_are_named() {
    let folder = folder("profile settings");
    let Some(mut command) = program("profile_settings", &folder, "") else {
        return;
    };
    let values = include_str!("profile_values.txt");
    let values = values.lines().filter(|line| !line.starts_with('#'));
    let nothing = ("refused", ["", ""]);
    let cases = values.map(|line| {
        let mut words = line
            .split(' ')
            .map(|word| if word == "_" { "" } else { word });
        let [kind, value, word] = [0; 3].map(|_| words.next().unwrap_or_default());
        (kind, [value, word])
    });
    for (kind, [value, word]) in cases.chain([nothing, ("refused", [",leaks", ""])]) {
        let output = command.env("ORIONRT_PROFILE", value).output();
        let output = output.expect("it runs");
        let told = told(&output);
        let named = format!("orionrt: ORIONRT_PROFILE: '{word}', expected ");
        assert_eq!(told.contains(&named), kind == "refused", "{value}: {told}");
        assert!(output.status.success(), "{value}: {told}");
        let files = files(&folder);
        assert_eq!(files.is_empty(), kind == "refused", "{value}: {files:?}");
        for file in files {
            fs::remove_file(file).expect("a file");
        }
    }
}
