//! Small rules of text that several renderings share: widths, padding, wrapping, shortening.
//!
//! Everything here counts columns of a terminal: a Chinese character or an emoji takes two, an accent
//! that joins the letter before it none.

use std::borrow::Cow;
use std::time::Duration;

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The text with spaces after it, so that it takes as many columns; one that takes more is left as it is.
pub(super) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// As [`pad`], with the spaces before the text.
pub(super) fn pad_start(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A duration as people say it: `0.4s`, `1m 05s`.
pub(super) fn seconds(took: Duration) -> String {
    // A tenth is added below, so 59.97 s must already count as a minute.
    if took.as_secs_f64() < 59.95 {
        format!("{:.1}s", took.as_secs_f64())
    } else {
        let whole = took.as_secs_f64().round() as u64;
        format!("{}m {:02}s", whole / 60, whole % 60)
    }
}

/// Cuts the middle out of a text wider than `max`: both ends of an ARN say something.
pub(super) fn shorten(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let kept = max.saturating_sub(1);
    let start = start(text, kept.div_ceil(2));
    let mut left = kept - width(start);
    let mut end = text.len();
    for (at, character) in text.grapheme_indices(true).rev() {
        let Some(rest) = left.checked_sub(width(character)) else {
            break;
        };
        (left, end) = (rest, at);
    }
    format!("{start}…{}", &text[end..])
}

/// Cuts the end off a text wider than `max`.
pub(super) fn clip(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    format!("{}…", start(text, max.saturating_sub(1)).trim_end())
}

/// The longest start of a text that takes at most so many columns. What a person sees as one character
/// is never cut in two.
fn start(text: &str, columns: usize) -> &str {
    let mut left = columns;
    let mut end = 0;
    for (at, character) in text.grapheme_indices(true) {
        let Some(rest) = left.checked_sub(width(character)) else {
            break;
        };
        (left, end) = (rest, at + character.len());
    }
    &text[..end]
}

/// Shortens two texts so that they still differ: where cutting the middle would hide the difference,
/// both start shortly before it.
pub(super) fn shorten_pair(left: &str, right: &str, max: usize) -> (String, String) {
    let short = (shorten(left, max), shorten(right, max));
    if short.0 != short.1 || left == right {
        return short;
    }
    const CONTEXT: usize = 8;
    let same = left
        .graphemes(true)
        .zip(right.graphemes(true))
        .take_while(|(left, right)| left == right)
        .count();
    let from = |text: &str| -> String {
        let rest = text.graphemes(true).skip(same.saturating_sub(CONTEXT));
        clip(&format!("…{}", rest.collect::<String>()), max)
    };
    (from(left), from(right))
}

/// Breaks a text between words so that no line is wider than `width`, later lines behind `indent`
/// spaces. A word is never broken: it may be a command to copy.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let options = Options::new(width)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(text, options)
}

/// Whether a character moves the cursor or what stands beside it: control characters, line separators, and those
/// that turn the direction of a line, by which text can be shown to say what it doesn't (CVE-2021-42574).
pub(super) fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Spells such characters out, so that a value from elsewhere can't move the cursor.
pub(super) fn printable(text: &str) -> String {
    if !text.chars().any(moves) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut safe, c| {
        if moves(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
        safe
    })
}

/// What may stand on a screen: the text with everything spelled out that moves the cursor, but for the ends of lines,
/// tabs, and colours such as ours. The last thing that is done to it, whoever wrote it.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    let is_fine = |c: char| !moves(c) || matches!(c, '\n' | '\t');
    if text.chars().all(is_fine) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            let (style, after) = rest.split_at(length);
            safe.push_str(style);
            rest = after;
            continue;
        }
        match c {
            c if is_fine(c) => safe.push(c),
            c => safe.extend(c.escape_default()),
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(safe)
}

/// The length of the style that a text begins with, if it is one of those that make text bold, dim, underlined or
/// coloured. Others hide it or change what lies behind it.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let (parameters, after) = parameters.split_at(end);
    let is_ours = |parameter: &str| {
        matches!(
            parameter.parse(),
            Ok(0_u8..=4 | 22..=24 | 30..=37 | 39 | 90..=97)
        ) || parameter.is_empty()
    };
    (after.starts_with('m') && parameters.split(';').all(is_ours)).then_some("\u{1b}[m".len() + end)
}

/// A JSON text with such characters in its strings spelled as JSON does.
pub(super) fn json(text: String) -> String {
    let is_fine = |c: char| !moves(c) || c == '\n';
    if text.chars().all(is_fine) {
        return text;
    }
    text.chars().fold(String::new(), |mut safe, c| {
        match c {
            c if is_fine(c) => safe.push(c),
            c => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
        safe
    })
}

/// The text with its first letter in upper case.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// `1 request`, `2 requests`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let cases = [
            (0, "0.0s"),
            (449, "0.4s"),
            (59_949, "59.9s"),
            (59_970, "1m 00s"),
            (65_000, "1m 05s"),
        ];
        for (millis, expected) in cases {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn shortening_keeps_both_ends_and_the_limit() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 7), "abc…ijk");
        assert_eq!(width(&shorten("äöüäöüäöü", 4)), 4);
        assert_eq!(clip("abc defgh", 5), "abc…");
    }

    #[test]
    fn columns_are_what_a_terminal_shows() {
        // A family of one picture and seven code points; an `é` of two.
        for (text, columns) in [("日本語", 6), ("👩‍👩‍👧", 2), ("cafe\u{301}", 4), ("", 0)]
        {
            assert_eq!(width(text), columns, "{text}");
            assert_eq!(width(&pad(text, 8)), 8, "{text}");
            assert_eq!(width(&pad_start(text, 8)), 8, "{text}");
        }
        assert_eq!(pad("日本語", 4), "日本語");
        assert_eq!(pad_start("日本", 6), "  日本");
    }

    #[test]
    fn no_character_is_cut_in_two() {
        // Five columns are left beside the sign, and the third character would need the sixth.
        assert_eq!(clip("日本語日本語", 6), "日本…");
        assert_eq!(clip("cafe\u{301}s and more", 5), "cafe\u{301}…");
        assert_eq!(shorten("日本語日本語", 7), "日…本語");
        assert_eq!(shorten("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 5), "👩‍👩‍👧…👩‍👩‍👧");
        for max in 1..12 {
            assert!(width(&shorten("日本語日本語", max)) <= max, "{max}");
            assert!(width(&clip("日本語日本語", max)) <= max, "{max}");
        }
    }

    #[test]
    fn wide_words_wrap_by_their_columns() {
        assert_eq!(wrap("日本 日本 日本", 9, 2), "日本 日本\n  日本");
        assert_eq!(
            wrap("cafe\u{301} cafe\u{301}", 9, 0),
            "cafe\u{301} cafe\u{301}"
        );
    }

    #[test]
    fn a_pair_still_differs_when_short() {
        let left = format!("{}OLD{}", "a".repeat(40), "b".repeat(40));
        let right = format!("{}NEW{}", "a".repeat(40), "b".repeat(40));
        let (left, right) = shorten_pair(&left, &right, 24);
        assert_eq!(left, "…aaaaaaaaOLDbbbbbbbbbbb…");
        assert_eq!(right, "…aaaaaaaaNEWbbbbbbbbbbb…");
    }

    #[test]
    fn wraps_between_words_only() {
        assert_eq!(wrap("one two three", 7, 2), "one two\n  three");
        assert_eq!(wrap("averylongword b", 5, 0), "averylongword\nb");
    }

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn a_screen_shows_lines_and_colours_and_nothing_that_moves() {
        for (text, expected) in [
            ("plain Ünïcode\tand\nlines", "plain Ünïcode\tand\nlines"),
            (
                "\u{1b}[1m\u{1b}[31mbad\u{1b}[0m",
                "\u{1b}[1m\u{1b}[31mbad\u{1b}[0m",
            ),
            ("\u{1b}[1;96mx\u{1b}[m", "\u{1b}[1;96mx\u{1b}[m"),
            // Cleared, hidden, in the title, in the clipboard, overwritten, turned round.
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\u{1b}[8mb", "a\\u{1b}[8mb"),
            ("a\u{1b}[31", "a\\u{1b}[31"),
            ("a\u{1b}]0;b\u{7}", "a\\u{1b}]0;b\\u{7}"),
            ("a\u{9b}2J", "a\\u{9b}2J"),
            ("a\rb", "a\\rb"),
            ("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}"),
        ] {
            assert_eq!(shown(text), expected);
        }
        let document = "{\n  \"a\": \"\u{9b}\u{202e}ä\"\n}".to_owned();
        let written = json(document.clone());
        assert_eq!(written, "{\n  \"a\": \"\\u009b\\u202eä\"\n}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(read(&written), read(&document));
    }
}
