//! Which names mean a batch.
//!
//! Stands on nothing. Invariant: a name that says something else (a sequence, a length, a time) is
//! not a batch, wherever it occurs.

/// Whether a dimension of this name may be assumed to have size 1. `leads`: it is the first
/// dimension of some input.
pub(super) fn is_batch(name: &str, leads: bool) -> bool {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let is_other = |word: &&str| {
        [
            "seq", "len", "time", "token", "frame", "step", "sample", "point", "box",
        ]
        .iter()
        .any(|other| word.starts_with(other))
    };
    if name.contains("batch") {
        return !words.iter().any(is_other);
    }
    leads
        && (matches!(name.as_str(), "n" | "b" | "bs" | "bsz" | "bsize" | "nb") || is_made_up(&name))
}

/// Whether an exporter made the name up for a dimension that had none.
pub(super) fn is_made_up(name: &str) -> bool {
    let numbered = |prefix: &str| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(name, "?" | "none" | "-1" | "dynamic" | "unk" | "unknown")
        || name.contains("dynamic_axes_")
        || [
            "unk__",
            "unknown_",
            "dynamicdimension.",
            "dim_",
            "dim",
            "s",
            "d",
            "axis_",
            "sym_",
        ]
        .iter()
        .any(|prefix| numbered(prefix))
}

#[cfg(test)]
mod tests {
    use super::is_batch;

    #[test]
    fn a_batch_is_told_from_other_leading_dimensions() {
        for name in [
            "batch",
            "batch_size",
            "N",
            "n",
            "bs",
            "unk__12",
            "DynamicDimension.0",
        ] {
            assert!(is_batch(name, true), "{name}");
        }
        for name in [
            "sequence_length",
            "seq",
            "length",
            "time",
            "tokens",
            "width",
            "num_boxes",
        ] {
            assert!(!is_batch(name, true), "{name}");
        }
        assert!(is_batch("batch_size", false));
        assert!(!is_batch("N", false));
        assert!(!is_batch("batch_sequence", true));
    }
}
