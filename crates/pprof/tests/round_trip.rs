//! A profile is read as it was written, whatever it is; bytes that are none are refused; those that
//! another writer makes, by protobuf's own rules, are read as they mean.

use orionrt_pprof::{
    Function, Line, Location, Mapping, Profile, ReadError, Text, ValueType, is_profile,
};
use proptest::collection::vec;
use proptest::prelude::*;

type MappingSeed = (u64, u64, u64, [u8; 2], [bool; 4]);
type LocationSeed = (u8, u64, Vec<(u8, i64)>, bool);

/// Numbers from which a consistent profile is made.
#[derive(Clone, Debug)]
struct Seed {
    types: usize,
    texts: Vec<String>,
    mappings: Vec<MappingSeed>,
    functions: Vec<([u8; 3], i64)>,
    locations: Vec<LocationSeed>,
    samples: Vec<(Vec<u8>, Vec<i64>)>,
    rest: (i64, i64, i64, Option<[u8; 2]>, Vec<u8>),
}

fn seed() -> impl Strategy<Value = Seed> {
    let mapping = (
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<[u8; 2]>(),
        any::<[bool; 4]>(),
    );
    let location = (
        any::<u8>(),
        any::<u64>(),
        vec((any::<u8>(), any::<i64>()), 0..4),
        any::<bool>(),
    );
    let rest = (
        any::<i64>(),
        any::<i64>(),
        any::<i64>(),
        any::<Option<[u8; 2]>>(),
        vec(any::<u8>(), 0..4),
    );
    (
        1..6_usize,
        vec(".{1,9}", 1..8),
        vec(mapping, 0..4),
        vec((any::<[u8; 3]>(), any::<i64>()), 0..6),
        vec(location, 0..8),
        vec((vec(any::<u8>(), 0..20), vec(any::<i64>(), 6)), 0..20),
        rest,
    )
        .prop_map(
            |(types, texts, mappings, functions, locations, samples, rest)| Seed {
                types,
                texts,
                mappings,
                functions,
                locations,
                samples,
                rest,
            },
        )
}

/// An index below `count`, if there is one.
fn index(of: u8, count: usize) -> Option<u32> {
    (count > 0).then(|| u32::from(of) % count as u32)
}

fn build(seed: &Seed) -> Profile {
    let mut profile = Profile::default();
    let mut texts = vec![Text::default()];
    texts.extend(seed.texts.iter().map(|text| profile.add_text(text)));
    let text = |of: u8| texts[usize::from(of) % texts.len()];
    for n in 0..seed.types as u8 {
        profile.sample_types.push(ValueType {
            kind: text(n),
            unit: text(n + 1),
        });
    }
    for &(start, end, file_offset, [file, build_id], flags) in &seed.mappings {
        let [has_functions, has_files, has_lines, has_inlined] = flags;
        let (file, build_id) = (text(file), text(build_id));
        profile.mappings.push(Mapping {
            start,
            end,
            file_offset,
            file,
            build_id,
            has_functions,
            has_files,
            has_lines,
            has_inlined,
        });
    }
    for &([name, system_name, file], start_line) in &seed.functions {
        let (name, system_name, file) = (text(name), text(system_name), text(file));
        profile.functions.push(Function {
            name,
            system_name,
            file,
            start_line,
        });
    }
    for (mapping, address, lines, is_folded) in &seed.locations {
        let line = |&(of, line)| {
            Some(Line {
                function: index(of, seed.functions.len())?,
                line,
            })
        };
        profile.locations.push(Location {
            mapping: index(*mapping, seed.mappings.len()),
            address: *address,
            lines: lines.iter().filter_map(line).collect(),
            is_folded: *is_folded,
        });
    }
    for (locations, values) in &seed.samples {
        let locations = locations
            .iter()
            .filter_map(|&of| index(of, seed.locations.len()));
        profile.add_sample(&locations.collect::<Vec<_>>(), values);
    }
    let (time, duration, period, period_type, comments) = &seed.rest;
    (profile.time_nanos, profile.duration_nanos, profile.period) = (*time, *duration, *period);
    profile.period_type = period_type.map(|[kind, unit]| ValueType {
        kind: text(kind),
        unit: text(unit),
    });
    profile.comments = comments.iter().map(|&of| text(of)).collect();
    profile.default_kind = text(1);
    (profile.dropped_frames, profile.kept_frames) = (text(2), text(3));
    profile
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read(seed in seed()) {
        let profile = build(&seed);
        let bytes = profile.write();
        prop_assert_eq!(&Profile::read(&bytes).unwrap(), &profile);
        for ((locations, values), sample) in seed.samples.iter().zip(profile.samples()) {
            prop_assert_eq!(sample.values, &values[..seed.types]);
            prop_assert!(sample.locations.len() <= locations.len());
        }
    }

    #[test]
    fn a_changed_profile_is_read_or_refused(
        seed in seed(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = build(&seed).write();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(profile) = Profile::read(&bytes) {
            prop_assert_eq!(Profile::read(&profile.write()), Ok(profile));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = is_profile(&bytes);
        let _ = Profile::read(&bytes);
    }
}

/// As Go and Python write them: numbers of a repeated field one by one or packed, tables behind
/// what names them, ids in any order, fields that are not known.
#[test]
fn another_writer() {
    let bytes: &[&[u8]] = &[
        // Sample: location 7 twice, packed, and 300; values 5 and -1, one by one; a label.
        &[0x12, 24, 0x0a, 2, 7, 7, 0x08, 0xac, 2, 0x10, 5],
        &[
            0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x1a, 2, 0x08, 1,
        ],
        // Sample types: ("a", "b") and ("b", none).
        &[0x0a, 4, 0x08, 1, 0x10, 2],
        &[0x0a, 2, 0x08, 2],
        // Locations 300 and 7: an address each, and function 9 at line 4 with a column.
        &[0x22, 6, 0x08, 0xac, 2, 0x18, 0x90, 3],
        &[
            0x22, 12, 0x22, 6, 0x08, 9, 0x10, 4, 0x18, 2, 0x18, 3, 0x08, 7,
        ],
        // Function 9, "b".
        &[0x2a, 4, 0x10, 2, 0x08, 9],
        // Field 15, and fixed numbers.
        &[
            0x78, 1, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x85, 1, 0, 0, 0, 0,
        ],
        &[0x32, 0, 0x32, 1, b'a', 0x32, 1, b'b'],
    ];
    let profile = Profile::read(&bytes.concat()).expect("a profile");
    let types: Vec<_> = profile
        .sample_types
        .iter()
        .map(|of| profile.text(of.kind))
        .collect();
    assert_eq!(types, ["a", "b"]);
    let samples: Vec<_> = profile.samples().collect();
    assert_eq!((samples.len(), samples[0].values), (1, &[5, -1][..]));
    assert_eq!(samples[0].locations, [1, 1, 0]);
    assert_eq!(profile.locations[0].address, 400);
    let line = profile.locations[1].lines[0];
    assert_eq!(
        (
            line.line,
            profile.text(profile.functions[line.function as usize].name)
        ),
        (4, "b")
    );
}

#[test]
fn what_is_wrong_is_said() {
    let types: &[u8] = &[0x0a, 2, 0x08, 0];
    let read = |rest: &[u8]| {
        Profile::read(&[types, rest].concat())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(Profile::read(b""), Err(ReadError::NoTypes));
    assert_eq!(
        read(&[0x12, 9, 0]),
        "is damaged or not complete: the value at byte 6 goes past the end"
    );
    assert_eq!(
        read(&[0xff; 12]),
        "is damaged: the number at byte 4 has over 64 bits"
    );
    let field = "is damaged: field 2 at byte 4 has wire type";
    assert_eq!(
        read(&[0x10, 1]),
        format!("{field} 0, expected 2, text or a message")
    );
    assert_eq!(read(&[0x13]), format!("{field} 3, expected 0, 1, 2 or 5"));
    assert_eq!(
        read(&[0x4a, 1, 5]),
        "is damaged: field 9 at byte 4 has wire type 2, expected 0, a number"
    );
    let one_value = "has 0 values, expected one for each of 1 types";
    assert_eq!(read(&[0x12, 0]), format!("sample 0 {one_value}"));
    assert_eq!(
        read(&[0x12, 4, 0x08, 5, 0x10, 1]),
        "names location 5, which is not there"
    );
    assert_eq!(
        read(&[0x22, 2, 0x10, 3, 0x22, 2, 0x08, 1]),
        "has location 0 twice"
    );
    assert_eq!(
        read(&[0x22, 2, 0x08, 1, 0x22, 2, 0x08, 1]),
        "has location 1 twice"
    );
    assert_eq!(
        read(&[0x22, 4, 0x10, 3, 0x08, 1]),
        "names mapping 3, which is not there"
    );
    assert_eq!(read(&[0x70, 1]), "names text 1, which is not there");
    assert!(
        Profile::read(&[0x1f, 0x8b, 0, 0])
            .unwrap_err()
            .to_string()
            .starts_with("cannot be")
    );
    assert_eq!(read(&types.repeat(16)), "has more than 16 sample types");
    assert_eq!(
        read(&[0x12, 0].repeat(500_001)),
        "has more than 500000 samples"
    );
}

#[test]
fn a_bomb_is_not_decompressed() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..65 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 100_000);
    assert_eq!(
        Profile::read(&bomb),
        Err(ReadError::TooLarge { limit: 64 << 20 })
    );
}

#[test]
fn profiles_are_told_from_other_files() {
    let mut profile = Profile::default();
    let (kind, unit) = (profile.add_text("a"), profile.add_text("b"));
    profile.sample_types.push(ValueType { kind, unit });
    assert!(is_profile(&profile.write()));
    for other in [
        &b""[..],
        b"\n",
        b"id,lower,upper,size\n",
        b"\x08\x07\x12\x00",
        b"PK\x03\x04",
    ] {
        assert!(!is_profile(other), "{other:?}");
    }
}
