//! What a stage is called and where it lives: version, names, target, region, account, tags.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use unicode_general_category::{GeneralCategory, get_general_category};

use super::{LOCAL, Report, shown};
use crate::project::file::File;
use crate::project::source::Span;
use crate::project::stage::Target;
use crate::project::tree::{At, Name, Origin};
use crate::project::words;

/// Names in IAM, Lambda and SES end at 64 characters. The longest ending is that of a welcome email's
/// template in another language: 20 characters hold `-welcome-yue-Hant-TW`, and so `-generate-token`. A role
/// has its region behind that, and makes room for it.
const PROJECT_AND_STAGE: usize = 64 - 20;

/// DynamoDB, Lambda and IAM allow 50 tags; four of them are ours to set.
const MAX_TAGS: usize = 46;

/// Regions with Cognito user pools, for "did you mean"; others are taken as they are, since AWS
/// opens regions faster than we release.
pub(crate) const REGIONS: [&str; 29] = [
    "af-south-1",
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// Checks what belongs to no stage.
pub(in crate::project) fn header(file: &File, report: &mut Report<'_>) {
    let version = &file.version;
    match version.origin {
        Origin::Nowhere => report.add(
            Span::default(),
            "`version` is missing",
            "start the file with `version: 1`",
        ),
        _ if *version == 1 => {}
        _ => report.add(
            version.span(),
            format!("version {version} of the project file is not known"),
            "write `version: 1`, or install a newer saasauth",
        ),
    }
    let name = &file.project;
    let hint = "add `project: NAME`, the first part of every resource's name";
    report.required(name, "project", None, hint);
    let length = name.len();
    if !name.is_empty() && !is_name(name) {
        report.add(
            name.span(),
            format!("`{name}` can't name a project"),
            "use a to z, 0 to 9 and single `-`, starting with a letter",
        );
    } else if !name.is_empty() && !(3..=32).contains(&length) {
        report.add(
            name.span(),
            format!("the project's name has {length} characters"),
            "use 3 to 32",
        );
    }
    for name in file.stages.iter().flat_map(BTreeMap::keys) {
        stage_name(&file.project, name, report);
    }
}

fn stage_name(project: &str, name: &Name, report: &mut Report<'_>) {
    if !is_name(name) {
        report.add(
            name.span(),
            format!("`{name}` can't name a stage"),
            "use a to z, 0 to 9 and single `-`, starting with a letter",
        );
    }
    let length = project.len() + 1 + name.len();
    if length > PROJECT_AND_STAGE {
        report.add(
            name.span(),
            format!("`{project}-{name}` has {length} characters"),
            format!(
                "shorten the stage's or the project's name to {PROJECT_AND_STAGE} together, \
                 so that every name fits AWS's 64"
            ),
        );
    }
}

/// `a-z`, digits and single hyphens inside, a letter first.
/// Reports names of one kind that come down to one logical ID. Whichever of two were deployed first, the other
/// would be taken for it: a client for another client, with its ID and its users' sessions.
pub(super) fn check_apart<'a>(
    what: &str,
    names: impl IntoIterator<Item = &'a Name>,
    report: &mut Report<'_>,
) {
    let mut seen: BTreeMap<String, &Name> = BTreeMap::new();
    for name in names {
        match seen.entry(words::letters_and_digits(name)) {
            Entry::Vacant(entry) => {
                entry.insert(name);
            }
            Entry::Occupied(entry) => {
                // The later one in the file is the one to change.
                let other = *entry.get();
                let start = |name: &Name| name.span().map(|span| span.start);
                let (first, second) = if start(other) <= start(name) {
                    (other, name)
                } else {
                    (name, other)
                };
                report.add(
                    second.span(),
                    format!("`{second}` can't stand beside `{first}`"),
                    format!(
                        "both {what} come down to the logical ID part `{}`; choose names that differ in letters or digits",
                        entry.key()
                    ),
                );
            }
        }
    }
}

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

pub(super) fn target(name: &str, target: &mut At<Target>, report: &mut Report<'_>) {
    if name != LOCAL {
        return;
    }
    if target.span().is_some() && *target == Target::Aws {
        report.add(
            target.span(),
            "the stage `local` can't target `aws`",
            "write `target: local`, or give the stage another name such as `dev`",
        );
    }
    target.complete(Target::Local);
}

pub(super) fn region(region: &At<String>, report: &mut Report<'_>) {
    let hint = "add `region: eu-west-1`, or whichever is near your users";
    report.required(region, "region", None, hint);
    if region.is_empty() {
        return;
    }
    if let Err(hint) = check_region(region) {
        report.add(
            region.span(),
            format!("`{region}` is not an AWS region"),
            hint,
        );
    }
}

/// Whether that is a region; if not, what to write instead.
pub(in crate::project) fn check_region(region: &str) -> Result<(), String> {
    if looks_like_region(region) {
        return Ok(());
    }
    Err(match words::nearest(region, REGIONS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a region reads like `eu-west-1`".to_owned(),
    })
}

/// The words between a region's area and its number.
const DIRECTIONS: [&str; 10] = [
    "central",
    "east",
    "gov",
    "north",
    "northeast",
    "northwest",
    "south",
    "southeast",
    "southwest",
    "west",
];

/// `eu-west-1`, `us-gov-west-1`.
fn looks_like_region(region: &str) -> bool {
    let parts: Vec<&str> = region.split('-').collect();
    let [area, middle @ .., number] = parts.as_slice() else {
        return false;
    };
    area.len() == 2
        && area.chars().all(|c| c.is_ascii_lowercase())
        && !middle.is_empty()
        && middle.iter().all(|word| DIRECTIONS.contains(word))
        && number.len() == 1
        && number.chars().all(|c| c.is_ascii_digit())
}

pub(super) fn account(account: Option<&At<String>>, report: &mut Report<'_>) {
    let is_account = |text: &str| text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    if let Some(account) = account.filter(|account| !is_account(account)) {
        report.add(
            account.span(),
            format!("`{account}` is not an AWS account"),
            "an account is 12 digits, in quotes; `aws sts get-caller-identity` prints yours",
        );
    }
}

pub(super) fn tags(tags: &BTreeMap<Name, At<String>>, report: &mut Report<'_>) {
    let mut seen: BTreeMap<String, &Name> = BTreeMap::new();
    for (at, (key, value)) in tags.iter().enumerate() {
        let lower = key.to_lowercase();
        if let Some(reserved) = ["aws:", "saasauth:"].iter().find(|p| lower.starts_with(*p)) {
            report.add(
                key.span(),
                format!("the tag `{key}` starts with `{reserved}`"),
                format!("tags starting with `{reserved}` are reserved; use another name"),
            );
        }
        if value.to_lowercase().starts_with("aws:") {
            report.add(
                value.span(),
                format!("the value of the tag `{key}` starts with `aws:`"),
                "IAM keeps that for AWS itself, in values as well; write another",
            );
        }
        check_tag_text(report, key, "tag's name", 1..=128);
        check_tag_text(report, value, "tag's value", 0..=256);
        // IAM takes `team` and `Team` for the same key and refuses both.
        if let Some(other) = seen.insert(lower, key) {
            report.add(
                key.span(),
                format!("the tags `{other}` and `{key}` differ by case alone"),
                "keep one of the two",
            );
        }
        if at == MAX_TAGS {
            report.add(
                key.span(),
                format!("more than {MAX_TAGS} tags"),
                "AWS allows 50 on a resource, and saasauth sets its own; remove some",
            );
        }
    }
}

fn check_tag_text(
    report: &mut Report<'_>,
    text: &At<String>,
    what: &str,
    lengths: std::ops::RangeInclusive<usize>,
) {
    let length = text.chars().count();
    if !lengths.contains(&length) {
        report.add(
            text.span(),
            format!("the {what} has {length} characters"),
            format!("use {} to {}", lengths.start(), lengths.end()),
        );
    }
    if let Some(wrong) = text.chars().find(|c| !is_tag_text(*c)) {
        report.add(
            text.span(),
            format!("the {what} holds `{}`", shown(wrong)),
            "use letters, digits, spaces and `_.:/=+-@`",
        );
    }
}

/// What IAM and CloudWatch Logs take in a tag, key and value alike: `[\p{L}\p{Z}\p{N}_.:/=+\-@]`, by their
/// service models. It is the narrowest of our services' patterns, and a tag is put on all of them. A control
/// character, a tab among them, and a combining mark are none of these.
fn is_tag_text(c: char) -> bool {
    use GeneralCategory as Is;
    let category = matches!(
        get_general_category(c),
        Is::UppercaseLetter
            | Is::LowercaseLetter
            | Is::TitlecaseLetter
            | Is::ModifierLetter
            | Is::OtherLetter
            | Is::SpaceSeparator
            | Is::LineSeparator
            | Is::ParagraphSeparator
            | Is::DecimalNumber
            | Is::LetterNumber
            | Is::OtherNumber
    );
    category || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tag_may_hold() {
        for good in [
            "team",
            "a/b = c",
            "x@y.example",
            "Größe",
            "\u{540d}\u{524d}",
            "½",
            "a\u{a0}b",
        ] {
            assert!(good.chars().all(is_tag_text), "{good}");
        }
        // A combining mark is alphabetic to Rust, and no letter to AWS; a circled letter is a symbol.
        for bad in [
            "a,b",
            "a;b",
            "50%",
            "a\tb",
            "a\nb",
            "\u{915}\u{93e}",
            "\u{24b6}",
            "a\u{301}",
            "\u{1f600}",
        ] {
            assert!(!bad.chars().all(is_tag_text), "{bad}");
        }
    }

    #[test]
    fn names_and_regions() {
        for good in ["acme", "a1-b2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "1a", "-a", "a-", "a--b", "Acme", "a_b", "ä"] {
            assert!(!is_name(bad), "{bad}");
        }
        for good in REGIONS.iter().chain(&["us-gov-west-1", "sa-west-1"]) {
            assert!(looks_like_region(good), "{good}");
        }
        for bad in [
            "",
            "eu",
            "eu-west",
            "eu-west1",
            "eu-west-12",
            "EU-west-1",
            "eu-wset-1",
            "eu--1",
            "eu-1",
        ] {
            assert!(!looks_like_region(bad), "{bad}");
        }
    }
}
