//! An error as text: what, why, where, and what to do next.
//!
//! Renders only; who writes it decides whether the styles survive.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::style::WARNING;
use saasauth_model::error::{Error, ErrorKind, Place};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const CAUSE: Style = Style::new().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();
const FRAME: Style = AnsiColor::Blue.on_default();

/// Renders `error` and those found beside it, with ANSI styles and a newline at the end.
///
/// The writer strips the styles where they aren't wanted, as `anstream` does.
pub(crate) fn render(error: &Error) -> String {
    let mut text = String::new();
    one(&mut text, "error", ERROR, error);
    for other in &error.others {
        text.push('\n');
        one(&mut text, "error", ERROR, other);
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
    one(&mut text, "warning", WARNING, warning);
    text
}

fn one(text: &mut String, word: &str, style: Style, error: &Error) {
    line(
        text,
        format_args!("{style}{word}{style:#}: {}", error.message),
    );
    if let Some(place) = &error.place {
        excerpt(text, place, style);
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
fn excerpt(text: &mut String, place: &Place, style: Style) {
    let Place {
        file,
        line: number,
        column,
        width,
        text: excerpt,
    } = place;
    let gutter = " ".repeat(number.to_string().len());
    // A tab is as wide as the terminal likes; as one space the marks stay under what they mark.
    let excerpt: String = excerpt
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let indent = " ".repeat(column.saturating_sub(1));
    let marks = "^".repeat(*width);
    line(
        text,
        format_args!(
            "{gutter}{FRAME}-->{FRAME:#} {}:{number}:{column}",
            file.display()
        ),
    );
    line(text, format_args!("{FRAME}{gutter} |{FRAME:#}"));
    line(
        text,
        format_args!("{FRAME}{number} |{FRAME:#} {}", excerpt.trim_end()),
    );
    line(
        text,
        format_args!("{FRAME}{gutter} |{FRAME:#} {indent}{style}{marks}{style:#}"),
    );
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
            "error: first\n  --> saasauth.yaml:12:3\n   |\n12 |  a knid: spa\n   |   ^^^^\n\
             \nerror: second\n\nerror: 2 mistakes\n"
        );
    }

    #[test]
    fn carries_styles_for_a_terminal() {
        assert!(render(&Error::refused("no")).starts_with("\u{1b}["));
    }
}
