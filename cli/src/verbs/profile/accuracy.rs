//! Whose profile it is and how exact, as the allocator of OrionRT says it in the profile's
//! comments.
//!
//! Stands on nothing. `crates/alloc/src/profile/pprof.rs` writes these comments. Invariant: a
//! comment of any other form is kept as it is.

#![forbid(unsafe_code)]

/// With fewer samples than this, what a profile shows is mostly chance.
const FEW_SAMPLES: u64 = 20;

/// What the comments of a profile say of one of its types.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Accuracy {
    /// The command that the process was started with.
    pub(super) command: Option<String>,
    /// The ends of the interval that has the true total with a probability of 95 %.
    pub(super) interval: Option<[u64; 2]>,
    /// How far the upper end is from the total.
    pub(super) half_width: Option<u64>,
    /// How many samples there are, and how many of them are live.
    pub(super) samples: Option<[u64; 2]>,
    /// The comments that say something else.
    pub(super) others: Vec<String>,
}

impl Accuracy {
    /// What the comments say of the type `kind`.
    pub(super) fn new(comments: &[String], kind: &str) -> Self {
        let mut accuracy = Self::default();
        for comment in comments {
            if let Some((name, [value, low, high])) = interval(comment) {
                if name == kind {
                    accuracy.interval = Some([low, high]);
                    accuracy.half_width = Some(high.saturating_sub(value));
                }
            } else if let Some(samples) = samples(comment) {
                accuracy.samples = Some(samples);
            } else if let (None, Some(command)) = (&accuracy.command, command(comment)) {
                accuracy.command = Some(command.into());
            } else {
                accuracy.others.push(comment.clone());
            }
        }
        accuracy
    }

    /// Whether there are too few samples to tell more than the order of magnitude.
    pub(super) fn has_few_samples(&self, kind: &str) -> bool {
        self.samples.is_some_and(|[all, live]| {
            let behind = if kind.starts_with("inuse_") {
                live
            } else {
                all
            };
            behind < FEW_SAMPLES
        })
    }
}

/// How far the difference of two totals may be off, where their errors have nothing to do with each
/// other; in two profiles of the same process it is less, as blocks live in both are sampled once.
pub(super) fn half_width_of_change(now: &Accuracy, before: &Accuracy) -> Option<i64> {
    let (now, before) = (now.half_width? as f64, before.half_width? as f64);
    Some(now.hypot(before).round() as i64)
}

/// `inuse_space: 30 bytes, 95 % interval 20 to 40` as its name and numbers.
fn interval(comment: &str) -> Option<(&str, [u64; 3])> {
    let (name, rest) = comment.split_once(": ")?;
    let (value, range) = rest.split_once(", 95 % interval ")?;
    let (value, _) = value.split_once(' ')?;
    let (low, high) = range.split_once(" to ")?;
    let numbers = [value.parse().ok()?, low.parse().ok()?, high.parse().ok()?];
    Some((name, numbers))
}

/// The command in `command: python3 -c pass`.
fn command(comment: &str) -> Option<&str> {
    comment.strip_prefix("command: ")
}

/// `samples: 8, 5 of them live` as its numbers.
fn samples(comment: &str) -> Option<[u64; 2]> {
    let (all, rest) = comment.strip_prefix("samples: ")?.split_once(", ")?;
    let live = rest.strip_suffix(" of them live")?;
    Some([all.parse().ok()?, live.parse().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMENTS: [&str; 6] = [
        "command: a: samples: 1, 1 of them live",
        "alloc_space: 90 bytes, 95 % interval 70 to 110",
        "inuse_space: 10 bytes, 95 % interval 0 to 40",
        "samples: 20, 19 of them live",
        "samples: many",
        "inuse_space: 10 bytes, 95 % interval 0 to -1",
    ];

    fn accuracy(kind: &str) -> Accuracy {
        Accuracy::new(&COMMENTS.map(String::from), kind)
    }

    #[test]
    fn the_interval_is_that_of_the_type_and_other_comments_are_kept() {
        let others = || {
            COMMENTS[4..]
                .iter()
                .map(|&text| text.into())
                .collect::<Vec<_>>()
        };
        let expected = Accuracy {
            command: Some("a: samples: 1, 1 of them live".into()),
            interval: Some([0, 40]),
            half_width: Some(30),
            samples: Some([20, 19]),
            others: others(),
        };
        assert_eq!(accuracy("inuse_space"), expected);
        assert_eq!(accuracy("alloc_space").interval, Some([70, 110]));
        assert_eq!(accuracy("cpu").interval, None);
        assert_eq!(accuracy("cpu").others, others());
    }

    #[test]
    fn few_samples_are_those_behind_the_type() {
        assert!(accuracy("inuse_space").has_few_samples("inuse_space"));
        assert!(!accuracy("alloc_space").has_few_samples("alloc_space"));
        assert!(!Accuracy::default().has_few_samples("inuse_space"));
    }

    #[test]
    fn errors_of_a_change_add_up_as_squares() {
        let of = |half_width| Accuracy {
            half_width,
            ..Accuracy::default()
        };
        assert_eq!(half_width_of_change(&of(Some(3)), &of(Some(4))), Some(5));
        assert_eq!(half_width_of_change(&of(Some(3)), &of(None)), None);
    }
}
