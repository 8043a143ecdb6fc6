//! What `saasauth init` writes: a whole project that deploys as it is.
//!
//! Owns the list of files and the rule that none is ever overwritten. The triggers are this
//! repository's own `lambdas/`, embedded, so that what is tested here is what a person gets. [`library`]
//! says which of them stay ours, [`upgrade`] brings those up to date later.

mod library;
pub mod upgrade;

use std::borrow::Cow;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use library::Manifest;
pub use library::warnings;
use saasauth_model::error::{Error, Result};

/// What a new project is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffold {
    /// The project's name; legal, see [`legal_name`].
    pub name: String,
    /// The AWS region, such as `eu-west-1`.
    pub region: String,
}

/// Files in which `@name@` and its like are filled in.
const TEMPLATES: &[(&str, &str)] = &[
    ("saasauth.yaml", include_str!("templates/saasauth.yaml")),
    ("README.md", include_str!("templates/README.md")),
    (".gitignore", include_str!("templates/gitignore")),
    (
        ".github/workflows/deploy.yml",
        include_str!("templates/deploy.yml"),
    ),
    (
        "emails/welcome.html",
        include_str!("templates/welcome.html"),
    ),
    ("emails/welcome.txt", include_str!("templates/welcome.txt")),
    (
        "lambdas/Cargo.toml",
        include_str!("templates/lambdas.Cargo.toml"),
    ),
];

/// The shortest and the longest name a project may have.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 3..=32;

/// Every file of the project, by its path within it.
///
/// # Errors
/// [`ErrorKind::System`](saasauth_model::error::ErrorKind::System) when one can't be made.
pub fn files(scaffold: &Scaffold) -> Result<Vec<(PathBuf, Cow<'static, str>)>> {
    let templates = TEMPLATES
        .iter()
        .map(|(path, text)| (PathBuf::from(path), fill(text, scaffold).into()));
    let manifest = Manifest::current().text()?;
    let manifest = (lambdas(library::MANIFEST), manifest.into());
    Ok(templates.chain([manifest]).chain(crates()).collect())
}

/// The library and the project's own crates, as they are.
fn crates() -> impl Iterator<Item = (PathBuf, Cow<'static, str>)> {
    let starter = saasauth_triggers::STARTER.iter();
    let starter = starter.map(|&(path, text)| (lambdas(path), text));
    let ours = library::sources().into_iter();
    ours.map(|(path, text)| (lambdas(&path), text))
        .chain(starter)
        .map(|(path, text)| (path, Cow::Borrowed(text)))
}

fn lambdas(path: &str) -> PathBuf {
    Path::new("lambdas").join(path)
}

/// Writes the project into `directory`, created when missing, and gives the paths within it.
///
/// # Errors
/// [`Kind::Refused`](saasauth_model::error::ErrorKind::Refused), with nothing written, when a file of the project is
/// already there; [`Kind::System`](saasauth_model::error::ErrorKind::System) when one can't be written.
pub fn write(directory: &Path, scaffold: &Scaffold) -> Result<Vec<PathBuf>> {
    let error = |error: Error| error.with_hint("choose another directory: `saasauth init DIR`");
    write_files(directory, files(scaffold)?).map_err(error)
}

/// Writes a project of this file, as [`write()`] does: with the sources of the triggers, unless there are some already, and
/// without all else that a new project begins with.
///
/// # Errors
/// As for [`write()`].
pub fn write_around(directory: &Path, project_file: String) -> Result<Vec<PathBuf>> {
    let mut around = vec![(PathBuf::from("saasauth.yaml"), project_file.into())];
    let is_there = |path: &str| directory.join(path).symlink_metadata().is_ok();
    if !is_there("lambdas") {
        let manifest = Manifest::current().text()?;
        around.push((lambdas(library::MANIFEST), manifest.into()));
        let workspace = TEMPLATES
            .iter()
            .find(|(path, _)| *path == "lambdas/Cargo.toml");
        around.extend(workspace.map(|&(path, text)| (PathBuf::from(path), Cow::Borrowed(text))));
        around.extend(crates());
    }
    if !is_there(".gitignore") {
        let ignored = TEMPLATES.iter().find(|(path, _)| *path == ".gitignore");
        around.extend(ignored.map(|&(path, text)| (PathBuf::from(path), Cow::Borrowed(text))));
    }
    let error = |error: Error| error.with_hint("choose another directory: `saasauth adopt DIR …`");
    write_files(directory, around).map_err(error)
}

fn write_files(directory: &Path, files: Vec<(PathBuf, Cow<'static, str>)>) -> Result<Vec<PathBuf>> {
    // A dangling link is in the way as well, so the link itself is looked at.
    let present: Vec<String> = files
        .iter()
        .filter(|(path, _)| directory.join(path).symlink_metadata().is_ok())
        .map(|(path, _)| format!("`{}`", path.display()))
        .collect();
    if !present.is_empty() {
        return Err(occupied(directory, &present));
    }
    for (path, text) in &files {
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).map_err(|error| {
            Error::io(format!("could not create `{}`", parent.display()), &error)
        })?;
        // Whatever appeared since we looked is not ours to overwrite either.
        let created =
            fs::File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        created.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => occupied(directory, &[format!("`{}`", path.display())]),
            _ => Error::io(format!("could not write `{}`", path.display()), &error),
        })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn occupied(directory: &Path, present: &[String]) -> Error {
    /// How many files are named; the rest is the same finding over again.
    const NAMED: usize = 5;
    let shown = directory.display();
    if let [only] = present {
        Error::refused(format!("refused to overwrite {only} in `{shown}`"))
    } else {
        let named = present
            .iter()
            .take(NAMED)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let rest = match present.len().saturating_sub(NAMED) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        Error::refused(format!(
            "refused to overwrite {} files in `{shown}`",
            present.len()
        ))
        .with_cause(format!("already there: {named}{rest}"))
    }
}

/// The nearest legal project name to a text such as a directory's name: 3 to 32 of a-z, 0-9 and single
/// `-`, starting with a letter. `None` when too little of it is left.
pub fn legal_name(text: &str) -> Option<String> {
    let name = shortened(text, *NAME_LENGTH.end());
    (name.len() >= *NAME_LENGTH.start()).then_some(name)
}

/// What is left of a text in a-z, 0-9 and single `-`, starting with a letter, in so many characters at most.
pub fn shortened(text: &str, longest: usize) -> String {
    let mut name = String::new();
    for c in text.chars().map(|c| c.to_ascii_lowercase()) {
        let legal = match c {
            'a'..='z' => true,
            '0'..='9' => !name.is_empty(),
            _ => false,
        };
        if legal {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(longest);
    name.trim_end_matches('-').to_owned()
}

/// Fills a template in. The marks are `@word@`: braces mean something in mails and in workflows.
fn fill(template: &str, scaffold: &Scaffold) -> String {
    template
        .replace("@project@", &yaml_text(&scaffold.name))
        .replace("@name@", &scaffold.name)
        .replace("@title@", &title(&scaffold.name))
        .replace("@region@", &scaffold.region)
        .replace("@version@", env!("CARGO_PKG_VERSION"))
}

/// A name that YAML reads as text, even if it is called `true`.
fn yaml_text(name: &str) -> String {
    const OTHER_MEANINGS: [&str; 5] = ["true", "false", "null", "yes", "off"];
    if OTHER_MEANINGS.contains(&name) {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

/// `acme-app` as a person would write it: `Acme App`.
fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_uppercase())
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaffold() -> Scaffold {
        Scaffold {
            name: "acme-app".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn made(scaffold: &Scaffold) -> Vec<(PathBuf, Cow<'static, str>)> {
        files(scaffold).expect("files")
    }

    /// A folder of this test's own, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("saasauth-init-{}", uuid::Uuid::new_v4())))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn triggers_are_optimised_as_they_are_here() {
        let root = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
            .expect("reads");
        let profile = |text: &str| {
            let manifest: toml::Table = text.parse().expect("TOML");
            manifest["profile"]["lambda"].clone()
        };
        assert_eq!(
            profile(include_str!("templates/lambdas.Cargo.toml")),
            profile(&root)
        );
    }

    /// When this fails: `saasauth init` into an empty directory, `cargo metadata` in its `lambdas`, and
    /// copy the `Cargo.lock` from there to `templates/lambdas.Cargo.lock`.
    #[test]
    fn the_lock_knows_every_dependency_of_the_triggers() {
        let lock: toml::Table = library::sources()[library::LOCK].parse().expect("TOML");
        let locked = lock["package"].as_array().expect("packages");
        for (path, text) in crates().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            let path = path.display();
            let manifest: toml::Table = text.parse().expect("TOML");
            let package = locked
                .iter()
                .find(|package| package["name"] == manifest["package"]["name"])
                .unwrap_or_else(|| panic!("{path} is not in the lock"));
            let mut declared: Vec<&str> = ["dependencies", "dev-dependencies"]
                .into_iter()
                .filter_map(|table| manifest.get(table)?.as_table())
                .flat_map(|table| table.keys().map(String::as_str))
                .collect();
            declared.sort_unstable();
            declared.dedup();
            let known: Vec<&str> = package
                .get("dependencies")
                .and_then(toml::Value::as_array)
                .into_iter()
                .flatten()
                // A version follows the name where two are locked.
                .filter_map(|dependency| dependency.as_str()?.split(' ').next())
                .collect();
            assert_eq!(known, declared, "{path}");
        }
    }

    #[test]
    fn leaves_no_mark_unfilled() {
        for (path, text) in made(&scaffold()) {
            for mark in ["@project@", "@name@", "@title@", "@region@", "@version@"] {
                assert!(!text.contains(mark), "{mark} in {}", path.display());
            }
        }
    }

    #[test]
    fn writes_every_file_once_and_never_again() {
        let folder = Folder::new();
        let written = write(&folder.0, &scaffold()).expect("writes");
        assert_eq!(written.len(), made(&scaffold()).len());
        for (path, text) in made(&scaffold()) {
            assert_eq!(
                fs::read_to_string(folder.0.join(path)).expect("reads"),
                text
            );
        }
        let error = write(&folder.0, &scaffold()).expect_err("refuses");
        assert_eq!(error.kind, saasauth_model::error::ErrorKind::Refused);
        assert!(error.causes[0].contains("`saasauth.yaml`"));
    }

    #[test]
    fn one_file_in_the_way_stops_all() {
        let folder = Folder::new();
        fs::create_dir_all(&folder.0).expect("mkdir");
        fs::write(folder.0.join(".gitignore"), "mine").expect("writes");
        let error = write(&folder.0, &scaffold()).expect_err("refuses");
        assert!(
            error
                .message
                .starts_with("refused to overwrite `.gitignore` in "),
            "{error}"
        );
        assert_eq!(fs::read_dir(&folder.0).expect("lists").count(), 1);
        assert_eq!(
            fs::read_to_string(folder.0.join(".gitignore")).expect("reads"),
            "mine"
        );
    }

    #[test]
    fn makes_names_legal() {
        for (text, name) in [
            ("acme", Some("acme")),
            ("My SaaS_App", Some("my-saas-app")),
            ("2024-acme!", Some("acme")),
            ("a--b", Some("a-b")),
            ("ab", None),
            ("---", None),
            ("Grüße", Some("gr-e")),
        ] {
            assert_eq!(legal_name(text).as_deref(), name, "{text}");
        }
        assert_eq!(
            legal_name(&"abc-".repeat(9)).as_deref(),
            Some("abc-abc-abc-abc-abc-abc-abc-abc")
        );
    }

    #[test]
    fn a_name_with_another_meaning_is_quoted() {
        let named = Scaffold {
            name: "true".to_owned(),
            ..scaffold()
        };
        assert!(made(&named)[0].1.contains("\nproject: \"true\"\n"));
        assert!(made(&scaffold())[0].1.contains("\nproject: acme-app\n"));
        assert_eq!(title("acme-app"), "Acme App");
    }
}
