//! An index of the words of a text, and questions to it: a program of strings and lists.
//!
//! Invariant: an iteration reads the whole text, and its index is complete before it is asked.

use orionrt_engines::{Digest, Forward, Random};
use std::{collections::BTreeMap, hash::Hasher};

const LINES: usize = 35_000;
const LINE_WORDS: u64 = 20;
const DISTINCT_WORDS: u64 = 20_000;
const QUESTIONS: usize = 2_000;

/// A text, and pairs of words to look for.
pub(crate) struct Words {
    text: String,
    questions: Vec<[String; 2]>,
}

/// The numbers of the lines that have a word, by words.
type Index = BTreeMap<String, Vec<u32>>;

impl Words {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(2);
        let words: Vec<_> = (0..DISTINCT_WORDS).map(|_| word(&mut random)).collect();
        let mut text = String::new();
        for _ in 0..LINES {
            for _ in 0..1 + random.below(LINE_WORDS) {
                text.push_str(pick(&words, &mut random));
                text.push_str(["", ",", ";"][random.below(3) as usize]);
                text.push(' ');
            }
            text.push('\n');
        }
        let mut lower = || pick(&words, &mut random).to_lowercase();
        let questions = (0..QUESTIONS).map(|_| [lower(), lower()]).collect();
        Self { text, questions }
    }
}

/// A word of one to twelve letters, sometimes with a capital.
fn word(random: &mut Random) -> String {
    let mut letter = |first: u8| char::from(first + random.below(26) as u8);
    let first = letter(b'A');
    let is_capital = letter(b'a') < 'e';
    let first = if is_capital {
        first
    } else {
        first.to_ascii_lowercase()
    };
    let mut word = String::from(first);
    for _ in 0..random.below(12) {
        word.push(char::from(b'a' + random.below(26) as u8));
    }
    word
}

/// Early words much more often than late ones, as in any language.
fn pick<'w>(words: &'w [String], random: &mut Random) -> &'w str {
    let end = 1 + random.below(words.len() as u64);
    let end = 1 + random.below(end);
    &words[random.below(end) as usize]
}

/// The words of a line in small letters, without punctuation.
fn words_of(line: &str) -> Vec<String> {
    let words = line.split_whitespace();
    words
        .map(|word| word.trim_end_matches([',', ';']).to_lowercase())
        .collect()
}

fn index_of(text: &str) -> Index {
    let mut index = Index::new();
    for (number, line) in text.lines().enumerate() {
        for word in words_of(line) {
            let lines = index.entry(word).or_default();
            if lines.last() != Some(&(number as u32)) {
                lines.push(number as u32);
            }
        }
    }
    index
}

/// The lines that have both words.
fn common_lines(index: &Index, words: &[String; 2]) -> Vec<u32> {
    let [Some(first), Some(second)] = words.each_ref().map(|word| index.get(word)) else {
        return Vec::new();
    };
    let lines = first.iter().copied();
    lines
        .filter(|line| second.binary_search(line).is_ok())
        .collect()
}

impl Forward for Words {
    type Output = Vec<u32>;

    fn forward(&self) -> Vec<u32> {
        let index = index_of(&self.text);
        let questions = self.questions.iter();
        let answers: Vec<_> = questions.map(|words| common_lines(&index, words)).collect();
        let lengths = index.values().map(Vec::len);
        let found = answers.iter().map(Vec::len);
        lengths.chain(found).map(|len| len as u32).collect()
    }

    fn digest(output: &Vec<u32>, digest: &mut Digest) {
        output.iter().for_each(|&number| digest.write_u32(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_whatever_stands_around_it() {
        let index = index_of("One, two\ntwo two; THREE\n\none two ");
        let found: Vec<_> = index
            .iter()
            .map(|(word, at)| (word.as_str(), &at[..]))
            .collect();
        let expected: [(&str, &[u32]); 3] =
            [("one", &[0, 3]), ("three", &[1]), ("two", &[0, 1, 3])];
        assert_eq!(found, expected);
        assert_eq!(common_lines(&index, &["one".into(), "two".into()]), [0, 3]);
        assert!(common_lines(&index, &["one".into(), "four".into()]).is_empty());
    }

    #[test]
    fn answers_are_those_of_a_search_without_an_index() {
        let words = Words::new();
        let index = index_of(&words.text);
        for question in words.questions.iter().take(20) {
            let has = |line: &str| {
                let own = words_of(line);
                question.iter().all(|word| own.contains(word))
            };
            let lines = words.text.lines().enumerate();
            let expected = lines
                .filter(|(_, line)| has(line))
                .map(|(number, _)| number as u32);
            assert!(expected.eq(common_lines(&index, question)), "{question:?}");
        }
    }
}
