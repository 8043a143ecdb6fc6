//! Small rules of text that several renderings share: lengths, wrapping, shortening.

use std::time::Duration;

/// How wide a text stands on a terminal, taken as its number of characters.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
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

/// Cuts the middle out of a text that is longer than `max`: both ends of an ARN say something.
pub(super) fn shorten(text: &str, max: usize) -> String {
    let length = width(text);
    if length <= max {
        return text.to_owned();
    }
    let kept = max.saturating_sub(1);
    let head = kept.div_ceil(2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - (kept - head)).collect();
    format!("{start}…{end}")
}

/// Cuts the end off a text that is longer than `max`.
pub(super) fn clip(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let start: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", start.trim_end())
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
        .chars()
        .zip(right.chars())
        .take_while(|(left, right)| left == right)
        .count();
    let from = |text: &str| -> String {
        let rest: String = text.chars().skip(same.saturating_sub(CONTEXT)).collect();
        clip(&format!("…{rest}"), max)
    };
    (from(left), from(right))
}

/// Breaks a text between words so that no line is wider than `width`, later lines behind `indent`
/// spaces. A word is never broken: it may be a command to copy.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for (position, word) in text.split(' ').enumerate() {
        let length = self::width(word);
        if position > 0 && column + 1 + length > width {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if position > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Spells control characters out, so that a value from elsewhere can't move the cursor.
pub(super) fn printable(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::new(), |mut safe, c| {
        if c.is_control() {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
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
    }
}
