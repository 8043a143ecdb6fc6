//! An error as text: what, why, where, and what to do next.
//!
//! Renders only; who writes it decides whether the styles survive.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};

use super::style::WARNING;
use saasauth_model::error::{Error, ErrorKind, Place};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const CAUSE: Style = Style::new().bold();
/// In columns. (The renderer calculates with a multiple of it, so it can't be the largest number.)
const LONGEST_LINE: usize = 4096;
const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// Draws excerpts. The whole line is shown however wide the window is: a terminal breaks it, and a search
/// through a log finds it. Only a line beyond any reason is cut around its marks.
const FRAMED: Renderer = Renderer::plain()
    .term_width(LONGEST_LINE)
    .error(ERROR)
    .warning(WARNING)
    .line_num(AnsiColor::Blue.on_default());

/// Renders `error` and those found beside it, with ANSI styles and a newline at the end.
///
/// The writer strips the styles where they aren't wanted, as `anstream` does.
pub(crate) fn render(error: &Error) -> String {
    let mut text = String::new();
    one(&mut text, Level::ERROR, error);
    for other in &error.others {
        text.push('\n');
        one(&mut text, Level::ERROR, other);
    }
    if !error.others.is_empty() {
        let count = error.others.len() + 1;
        let what = match error.kind {
            ErrorKind::Project => "mistakes",
            _ => "errors",
        };
        line(
            &mut text,
            format_args!("\n{ERROR}error{ERROR:#}: {count} {what}"),
        );
    }
    text
}

/// Renders what an error would be if it kept anything from working, in the same way.
pub(crate) fn render_warning(warning: &Error) -> String {
    let mut text = String::new();
    one(&mut text, Level::WARNING, warning);
    text
}

fn one(text: &mut String, level: Level<'static>, error: &Error) {
    let (word, style) = if level == Level::WARNING {
        ("warning", WARNING)
    } else {
        ("error", ERROR)
    };
    line(
        text,
        format_args!("{style}{word}{style:#}: {}", error.message),
    );
    if let Some(place) = &error.place {
        excerpt(text, place, level);
    }
    for cause in &error.causes {
        line(text, format_args!("{CAUSE}caused by{CAUSE:#}: {cause}"));
    }
    if let Some(output) = &error.output {
        line(text, format_args!("{}", output.trim_end()));
    }
    for hint in &error.hints {
        line(text, format_args!("{HINT}hint{HINT:#}: {hint}"));
    }
}

/// The line with the mistake, marked.
fn excerpt(text: &mut String, place: &Place, level: Level<'static>) {
    let Place {
        file,
        line: number,
        column,
        width,
        text: excerpt,
    } = place;
    let mut excerpt = excerpt.trim_end().to_owned();
    // A place counts characters, the renderer bytes. What is missing at the end of a line has no
    // characters of its own to mark.
    let end = column.saturating_sub(1) + width;
    excerpt.extend(std::iter::repeat_n(
        ' ',
        end.saturating_sub(excerpt.chars().count()),
    ));
    let byte = |character: usize| {
        excerpt
            .char_indices()
            .nth(character)
            .map_or(excerpt.len(), |(at, _)| at)
    };
    let marked = AnnotationKind::Primary.span(byte(column.saturating_sub(1))..byte(end));
    let snippet = Snippet::source(excerpt.as_str())
        .path(file.display().to_string())
        .line_start(*number)
        .annotation(marked);
    let drawn = FRAMED.render(&[Group::with_level(level).element(snippet)]);
    for row in drawn.lines() {
        line(text, format_args!("{}", row.trim_end()));
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{arguments}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use saasauth_model::error::ErrorKind;

    fn plain(error: &Error) -> String {
        anstream::adapter::strip_str(&render(error)).to_string()
    }

    #[test]
    fn shows_what_why_and_what_next() {
        let error = Error::new(
            ErrorKind::Aws,
            "could not create `ConfirmUser` (AWS::Lambda::Function)",
        )
        .with_cause("InvalidParameterValueException: no role (request 6f1c)")
        .with_hint("run `saasauth deploy --stage dev` again to continue");
        assert_eq!(
            plain(&error),
            "error: could not create `ConfirmUser` (AWS::Lambda::Function)\n\
             caused by: InvalidParameterValueException: no role (request 6f1c)\n\
             hint: run `saasauth deploy --stage dev` again to continue\n"
        );
    }

    #[test]
    fn marks_the_place_and_counts_the_rest() {
        let place = Place {
            file: "saasauth.yaml".into(),
            line: 12,
            column: 3,
            width: 4,
            text: "\ta knid: spa".to_owned(),
        };
        let error = Error::new(ErrorKind::Project, "first").at(place);
        let error =
            Error::together([error, Error::new(ErrorKind::Project, "second")]).expect("two");
        assert_eq!(
            plain(&error),
            "error: first\n  --> saasauth.yaml:12:3\n   |\n12 |     a knid: spa\n   |      ^^^^\n\
             \nerror: second\n\nerror: 2 mistakes\n"
        );
    }

    /// The line with the mistake and the one with the marks.
    fn marked(text: &str, column: usize, width: usize) -> String {
        let place = Place {
            file: "saasauth.yaml".into(),
            line: 7,
            column,
            width,
            text: text.to_owned(),
        };
        let shown = plain(&Error::new(ErrorKind::Project, "no").at(place));
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(lines[0], format!(" --> saasauth.yaml:7:{column}"));
        lines[2..].join("\n")
    }

    #[test]
    fn marks_stand_under_what_they_mark() {
        // A joiner would be drawn by some terminals and not by others, so a family is shown as its members.
        let cases = [
            (
                "a: 日本語, knid: spa",
                9,
                4,
                "7 | a: 日本語, knid: spa\n  |            ^^^^",
            ),
            ("a: 日本語", 4, 3, "7 | a: 日本語\n  |    ^^^^^^"),
            ("a: 👩‍👩‍👧 # b", 10, 1, "7 | a: 👩👩👧 # b\n  |           ^"),
            (
                "a:\tcafe\u{301}\tb",
                10,
                1,
                "7 | a:    cafe\u{301}    b\n  |               ^",
            ),
            ("a: b\u{1b}[2J c", 10, 1, "7 | a: b␛[2J c\n  |          ^"),
            // What is missing after the end.
            ("a:", 4, 1, "7 | a:\n  |    ^"),
            ("", 1, 1, "7 |\n  | ^"),
        ];
        for (text, column, width, expected) in cases {
            assert_eq!(marked(text, column, width), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_line_is_shown_whole() {
        let text = format!("{}knid{}", "a".repeat(300), "b".repeat(300));
        assert!(marked(&text, 301, 4).contains(&text));
    }

    #[test]
    fn carries_styles_for_a_terminal() {
        assert!(render(&Error::refused("no")).starts_with("\u{1b}["));
    }
}
