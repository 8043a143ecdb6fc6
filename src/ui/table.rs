//! Rows in columns.

use super::style::{BOLD, paint};
use super::text::{count, pad, pad_start, printable, width};
use crate::aws::trace::Call;

/// Which side of its column a cell keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alignment {
    Left,
    Right,
}

/// A table under a bold header. Cells are never cut: they are data.
pub(super) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let sides = vec![Alignment::Left; headers.len()];
    let header = headers
        .iter()
        .map(|&name| name.to_owned())
        .collect::<Vec<_>>();
    let mut lines = align(std::iter::once(&header).chain(rows), &sides).into_iter();
    let mut text = lines
        .next()
        .map(|line| paint(BOLD, line) + "\n")
        .unwrap_or_default();
    lines.for_each(|line| text += &(line + "\n"));
    text
}

/// Names and values, the values in a column.
pub(super) fn pairs(pairs: &[(String, String)]) -> String {
    let rows: Vec<Vec<String>> = pairs
        .iter()
        .map(|(name, value)| vec![name.clone(), value.clone()])
        .collect();
    align(&rows, &[Alignment::Left, Alignment::Left])
        .into_iter()
        .map(|line| line + "\n")
        .collect()
}

/// The requests sent to AWS, and how many stood one after the other.
pub(super) fn calls(calls: &[Call]) -> String {
    let header = ["level", "service", "action", "subject", "ms"]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<Vec<String>> = calls.iter().map(row).collect();
    let sides = [
        Alignment::Right,
        Alignment::Left,
        Alignment::Left,
        Alignment::Left,
        Alignment::Right,
    ];
    let mut lines = align(std::iter::once(&header).chain(&rows), &sides).into_iter();
    let mut text = lines
        .next()
        .map(|line| paint(BOLD, line) + "\n")
        .unwrap_or_default();
    for (line, call) in lines.zip(calls) {
        text += &line;
        if let Some(why) = &call.attempt_failed {
            text += &format!("  failed: {}", printable(why));
        }
        text.push('\n');
    }
    let depth = calls.iter().map(|call| call.level).max().unwrap_or(0);
    text + &format!("{}, depth {depth}\n", count(calls.len(), "request"))
}

fn row(call: &Call) -> Vec<String> {
    vec![
        call.level.to_string(),
        call.service.clone(),
        call.operation.clone(),
        call.subject.clone(),
        call.millis.to_string(),
    ]
}

/// Lays rows out with two spaces between columns, as wide as their widest cell.
fn align<'a>(rows: impl IntoIterator<Item = &'a Vec<String>>, sides: &[Alignment]) -> Vec<String> {
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let widths: Vec<usize> = (0..sides.len())
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(sides)
                .zip(&widths)
                .map(|((cell, side), &width)| match side {
                    Alignment::Left => pad(cell, width),
                    Alignment::Right => pad_start(cell, width),
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec!["ada@example.com".to_owned(), "admin".to_owned()],
            vec!["b@x.io".to_owned(), String::new()],
        ];
        assert_eq!(
            plain(&table(&["email", "role"], &rows)),
            "email            role\n\
             ada@example.com  admin\n\
             b@x.io\n"
        );
    }

    #[test]
    fn wide_cells_keep_the_columns() {
        let rows = [("日本語", "a"), ("👩‍👩‍👧", "b"), ("cafe\u{301}", "c")];
        let rows = rows.map(|(name, role)| vec![name.to_owned(), role.to_owned()]);
        assert_eq!(
            plain(&table(&["name", "role"], &rows)),
            "name    role\n日本語  a\n👩‍👩‍👧      b\ncafe\u{301}    c\n"
        );
    }

    #[test]
    fn calls_end_with_their_number_and_depth() {
        let call = |level, operation: &str, subject: &str, millis, failed: Option<&str>| Call {
            level,
            service: "DynamoDB".to_owned(),
            operation: operation.to_owned(),
            subject: subject.to_owned(),
            millis,
            attempt_failed: failed.map(str::to_owned),
        };
        let list = [
            call(1, "CreateTable", "PermissionsTable", 112, None),
            call(2, "DescribeTable", "PermissionsTable", 9, Some("400")),
        ];
        assert_eq!(
            plain(&calls(&list)),
            "level  service   action         subject            ms\n\
             \x20   1  DynamoDB  CreateTable    PermissionsTable  112\n\
             \x20   2  DynamoDB  DescribeTable  PermissionsTable    9  failed: 400\n\
             2 requests, depth 2\n"
        );
    }
}
