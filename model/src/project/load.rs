//! Finds the project file, reads it, and reports every mistake in it at once.
//!
//! In three passes, each only when the one before found nothing: is it YAML, does every key and
//! type fit the model, does every stage obey the rules. A later pass over a half-understood file
//! would report consequences instead of causes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::file::File;
use super::places::Places;
use super::source::{Source, Span, is_secret};
use super::stage::{Settings, Stage};
use super::tree::{self, Data, Mistake, Mistyped, Node, Wrong};
use super::{Project, stages, validate, words};
use crate::error::{Error, ErrorKind, Result};

/// The file's usual name.
pub const FILE_NAME: &str = "saasauth.yaml";

/// Finds the project file: `explicit`, else `saasauth.yaml` here or in the nearest parent.
pub fn find(explicit: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = explicit {
        if path.is_dir() {
            let inside = path.join(FILE_NAME);
            let error = Error::new(
                ErrorKind::Usage,
                format!("`{}` is a directory", path.display()),
            );
            return Err(if inside.is_file() {
                error.with_hint(format!("use `--project-file {}`", inside.display()))
            } else {
                error.with_hint("give `--project-file` the path of a project file")
            });
        }
        if !path.exists() {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("there is no project file `{}`", path.display()),
            )
            .with_hint("check the path given to `--project-file`"));
        }
        return Ok(path.to_path_buf());
    }
    let here = std::env::current_dir()
        .map_err(|cause| Error::io("could not tell the current directory", &cause))?;
    find_above(&here)
}

fn find_above(here: &Path) -> Result<PathBuf> {
    if here.join(FILE_NAME).is_file() {
        // Relative, as a person would spell it.
        return Ok(PathBuf::from(FILE_NAME));
    }
    here.ancestors()
        .skip(1)
        .map(|folder| folder.join(FILE_NAME))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Project,
                format!("there is no `{FILE_NAME}` here or in a parent folder"),
            )
            .with_hint("run `saasauth init` to start a project")
            .with_hint("or point at one with `--project-file PATH`")
        })
}

/// Reads the project file and checks every stage of it, without a network.
///
/// The error holds every mistake found, in the file's order.
pub fn load(path: &Path) -> Result<Project> {
    parse_where_it_stands(&read(path)?)
}

/// Checks a text that is to become the project file `path`, as [`load`] does.
pub fn of_text(path: &Path, text: String) -> Result<Project> {
    parse_where_it_stands(&Source::new(path, text))
}

fn parse_where_it_stands(source: &Source) -> Result<Project> {
    let path = &source.path;
    let absolute = std::path::absolute(path)
        .map_err(|cause| Error::io(format!("could not locate `{}`", path.display()), &cause))?;
    let directory = absolute.parent().unwrap_or(Path::new("/")).to_path_buf();
    parse(source, &directory)
}

fn read(path: &Path) -> Result<Source> {
    let doing = format!("could not read `{}`", path.display());
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Project, doing)
            .with_cause("it is a directory")
            .with_hint(format!(
                "point at the file in it: `--project-file {}`",
                path.join(FILE_NAME).display()
            )));
    }
    let bytes = std::fs::read(path).map_err(|cause| {
        Error::new(ErrorKind::Project, doing.clone()).with_cause(cause.to_string())
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            // Everything before the first bad byte is unchanged by the lossy copy.
            let place = Source::new(path, text).place(Span {
                start,
                end: start + 3,
            });
            Err(Error::new(ErrorKind::Project, doing)
                .with_cause("it is not UTF-8 text")
                .at(place)
                .with_hint("save the file as UTF-8"))
        }
    }
}

/// Parses and checks the whole file.
fn parse(source: &Source, directory: &Path) -> Result<Project> {
    let tree = tree::parse(source).map_err(|malformed| not_yaml(source, malformed))?;
    if matches!(tree.data, Data::Null) {
        return Err(Error::new(
            ErrorKind::Project,
            format!("the project file `{}` is empty", source.path.display()),
        )
        .with_hint("run `saasauth init` in an empty folder to see a whole one"));
    }
    let (file, shared) = typed_file(source, &tree)?;

    let mut header = validate::Report::new(source, directory, Span::default());
    validate::header(&file, &mut header);
    let owner = file.project.span().unwrap_or_default();
    let declared = declared_stages(&file);

    let mut mistakes = Mistakes::new(declared.len());
    mistakes.of_the_file(header.errors);
    let mut warnings = Mistakes::new(declared.len());
    let mut checked = BTreeMap::new();
    let shared_source = Arc::new(source.clone());
    for name in declared {
        let over = tree.get("stages").and_then(|stages| stages.get(&name));
        let laid = stages::overlay(&shared, over);
        let explained = |mistyped: &Mistyped| explain(source, mistyped, Whose::Other);
        let (settings, slips) = tree::typed(&laid).map_err(|mistyped| explained(&mistyped))?;
        let mut report = validate::Report::new(source, directory, owner);
        report.errors.extend(slips.iter().map(explained));
        let stage = validate::stage(&file.project, &name, settings, &mut report);
        let stage = stage.found_at(Places::of(&shared_source, &laid));
        let part = over.map(|node| node.span);
        mistakes.of_stage(source, &name, part, report.errors);
        warnings.of_stage(source, &name, part, report.warnings);
        checked.insert(name, stage);
    }
    match Error::together(mistakes.sorted()) {
        Some(error) => Err(error),
        None => Ok(Project {
            path: source.path.clone(),
            directory: directory.to_path_buf(),
            name: file.project.value,
            warnings: warnings.sorted(),
            stages: checked,
        }),
    }
}

/// The stages there are: those declared and `local`; `dev` too when none are declared.
fn declared_stages(file: &File) -> Vec<String> {
    let mut names = match &file.stages {
        Some(stages) => stages.keys().map(|name| name.value.clone()).collect(),
        None => vec!["dev".to_owned()],
    };
    if !names.iter().any(|name| name == validate::LOCAL) {
        names.push(validate::LOCAL.to_owned());
    }
    names
}

/// Gives the tree its types: what belongs to the file alone, and the settings its stages share. Each
/// stage's own are typed with the file, as the part they are, so that a mistake is told where it stands
/// even if another stage or a rule hides it.
fn typed_file(source: &Source, tree: &Node) -> Result<(File, Node)> {
    let (head, mut shared) = stages::split(tree);
    let mut errors = Vec::new();
    // Only a stage has a target; with one for all there would be none in AWS, or `local` would be.
    if let Some(span) = shared.take("target") {
        let hint = "`target` belongs in a stage: `stages: { local: { target: local } }`";
        let error = project_error("unknown key `target`").at(source.place(span));
        errors.push(error.with_hint(hint));
    }
    typed_whole::<Settings>(source, &shared, Whose::AllStages, &mut errors);
    // What is no mapping at all was said once.
    let file = match head.data {
        Data::Map(_) => typed_whole::<File>(source, &head, Whose::Other, &mut errors),
        _ => None,
    };
    let mut told = Vec::new();
    for error in errors {
        tell(&mut told, error);
    }
    told.sort_by_key(position);
    match (Error::together(told), file) {
        (None, Some(file)) => Ok((file, shared)),
        (Some(error), _) => Err(error),
        (None, None) => Err(project_error("the project file is not understood")),
    }
}

/// Gives a tree its type. A mistake is taken out of the tree and the rest tried again, so that one slip
/// doesn't hide the next.
fn typed_whole<T: DeserializeOwned>(
    source: &Source,
    tree: &Node,
    whose: Whose,
    errors: &mut Vec<Error>,
) -> Option<T> {
    let mut rest = tree.clone();
    loop {
        match tree::typed(&rest) {
            // Misspelled values are told with the rules, of the stages they end up in.
            Ok((typed, _)) => return Some(typed),
            Err(mistyped) => {
                errors.push(explain(source, &mistyped, whose));
                if !rest.remove(&mistyped.path) {
                    return None;
                }
            }
        }
    }
}

fn project_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Project, message)
}

/// Adds an error, unless it was told already: an anchor's mistake is met wherever an alias leads to it.
fn tell(told: &mut Vec<Error>, error: Error) {
    let known = |one: &Error| one.message == error.message && one.place == error.place;
    if !told.iter().any(known) {
        told.push(error);
    }
}

fn position(error: &Error) -> (PathBuf, usize, usize) {
    error.place.as_ref().map_or_else(Default::default, |place| {
        (place.file.clone(), place.line, place.column)
    })
}

fn not_yaml(source: &Source, malformed: tree::Malformed) -> Error {
    let error = match malformed.wrong {
        Wrong::NotOurs { message, hint } => project_error(message).with_hint(hint),
        Wrong::NotYaml(words) => {
            let tab = malformed.place.as_ref().is_some_and(|place| {
                place.text.starts_with(|c: char| c.is_whitespace()) && place.text.contains('\t')
            });
            let hint = if tab {
                "indent with spaces: YAML allows no tabs"
            } else if words.starts_with("mapping values") {
                "put text that holds `: ` in quotes, or check the indentation"
            } else {
                "check the indentation, quotes and brackets here and just above"
            };
            project_error(format!("`{}` is not valid YAML", source.path.display()))
                .with_cause(words)
                .with_hint(hint)
        }
    };
    match malformed.place {
        Some(place) => error.at(place),
        None => error,
    }
}

/// Keys people bring from elsewhere, and ours.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("convertkit", "kit"),
    ("name", "project"),
    ("service", "project"),
    ("functions", "triggers"),
    ("lambdas", "triggers"),
    ("roles", "access"),
    ("memory", "memory_mb"),
    ("timeout", "timeout_seconds"),
    ("redirect_urls", "callback_urls"),
    ("redirect_uris", "callback_urls"),
    ("allow", "with"),
    ("environments", "stages"),
];

/// Whose keys a tree holds at its top, for hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The settings all stages share; they stand at the top of the file, beside the file's own.
    AllStages,
    /// Any other.
    Other,
}

/// A mistake of type or spelling, in a person's words.
fn explain(source: &Source, mistyped: &Mistyped, whose: Whose) -> Error {
    let span = mistyped.span.unwrap_or_default();
    let key = mistyped.path.iter().rev().find_map(|step| match step {
        tree::Step::Key(span) => Some(source.slice(*span)),
        tree::Step::Item(_) => None,
    });
    let key = key.unwrap_or_default();
    // A reference is no secret, however misspelled.
    let is_reference = source
        .slice(span)
        .trim_start_matches(['"', '\''])
        .starts_with("ssm:");
    let is_wrong_secret =
        is_secret(key) && !is_reference && !matches!(mistyped.mistake, Mistake::UnknownKey { .. });
    let place = if is_wrong_secret {
        source.covered_place(span)
    } else {
        source.place(span)
    };
    let (message, hint) = match &mistyped.mistake {
        Mistake::UnknownKey { found, known } => (
            format!("unknown key `{found}`"),
            unknown_key_hint(
                found,
                known,
                whose == Whose::AllStages && mistyped.path.len() == 1,
            ),
        ),
        Mistake::UnknownWord { found, allowed } => (
            format!("`{found}` is not allowed here"),
            words::hint(found, allowed.iter().copied()),
        ),
        Mistake::Type { .. } if is_wrong_secret => (
            format!("`{key}` holds something else than a reference"),
            "write `\"ssm:/NAME\"`, and give the secret itself to `saasauth secret set /NAME`"
                .to_owned(),
        ),
        Mistake::Type { wanted, found } => (
            format!("expected {wanted}, found {found}"),
            type_hint(source, span, key, wanted, found),
        ),
        Mistake::Spelling { message, hints } => {
            let error = project_error(message.replace("{key}", key)).at(place);
            return hints.iter().fold(error, Error::with_hint);
        }
    };
    project_error(message).at(place).with_hint(hint)
}

/// `at_top` is whether the key stands at the top of the file, where the file's own keys may as well.
fn unknown_key_hint(found: &str, known: &[&'static str], at_top: bool) -> String {
    if known.contains(&"target") && !at_top && File::KEYS.contains(&found) {
        return format!("`{found}` belongs at the top of the file, not in a stage");
    }
    let mut known = known.to_vec();
    if at_top {
        known.retain(|key| *key != "target");
        let [version, project, stages] = File::KEYS;
        known.splice(0..0, [version, project]);
        known.push(stages);
    }
    let ours = OTHER_WORDS
        .iter()
        .find(|(other, ours)| *other == found.to_lowercase() && known.contains(ours))
        .map(|(_, ours)| *ours);
    match ours {
        Some(ours) => format!("did you mean `{ours}`?"),
        None => words::hint(found, known),
    }
}

fn type_hint(source: &Source, span: Span, key: &str, wanted: &str, found: &str) -> String {
    match (wanted, found) {
        ("text", "a number") if ["access", "id", "refresh", "retry_grace"].contains(&key) => {
            "add a unit: `90s`, `15m`, `1h` or `30d`".to_owned()
        }
        ("text", "a number" | "`true` or `false`") => {
            format!("put it in quotes: `\"{}\"`", source.slice(span))
        }
        ("a list", "text" | "a number") => {
            format!("put it in brackets: `[{}]`", source.slice(span).trim())
        }
        ("a mapping", "nothing") => "write `{}` to take every default".to_owned(),
        (_, "nothing") => "give it a value, or remove the key".to_owned(),
        ("a mapping", _) => "write `key: value` lines, indented below".to_owned(),
        ("a whole number", "text") => "remove the quotes or the unit".to_owned(),
        _ => format!("write {wanted}"),
    }
}

/// Mistakes of all stages, each once: most of the file is shared, so most mistakes are as well.
struct Mistakes {
    stages: usize,
    found: Vec<Found>,
}

struct Found {
    error: Error,
    /// The stages it was found in; empty for the file's own.
    in_stages: Vec<String>,
    /// Whether it stands in the stage's own part, so that naming the stage says nothing new.
    own: bool,
}

impl Mistakes {
    fn new(stages: usize) -> Self {
        Self {
            stages,
            found: Vec::new(),
        }
    }

    fn of_the_file(&mut self, errors: Vec<Error>) {
        self.found.extend(errors.into_iter().map(|error| Found {
            error,
            in_stages: Vec::new(),
            own: true,
        }));
    }

    fn of_stage(&mut self, source: &Source, name: &str, part: Option<Span>, errors: Vec<Error>) {
        let lines = part.map(|part| {
            let first = source.place(part).line;
            first..=first + source.slice(part).trim_end().matches('\n').count()
        });
        for error in errors {
            let same = |found: &&mut Found| {
                found.error.message == error.message && found.error.place == error.place
            };
            if let Some(found) = self.found.iter_mut().find(same) {
                // An alias leads a stage to the same mistake again.
                if !found.in_stages.iter().any(|known| known == name) {
                    found.in_stages.push(name.to_owned());
                }
                continue;
            }
            let own = match (&lines, &error.place) {
                (Some(lines), Some(place)) => lines.contains(&place.line),
                _ => false,
            };
            self.found.push(Found {
                error,
                in_stages: vec![name.to_owned()],
                own,
            });
        }
    }

    /// All of them in the file's order, those that not every stage has with the stages that do.
    fn sorted(mut self) -> Vec<Error> {
        self.found.sort_by_key(|found| position(&found.error));
        let stages = self.stages;
        let errors = self.found.into_iter().map(|found| {
            if found.own || found.in_stages.len() == stages {
                return found.error;
            }
            let names = words::all_of(found.in_stages.iter().map(String::as_str));
            found
                .error
                .with_cause(format!("so it stands in stage {names}"))
        });
        errors.collect()
    }
}

impl Project {
    /// The names of all stages, sorted.
    pub fn stage_names(&self) -> impl Iterator<Item = &str> {
        self.stages.keys().map(String::as_str)
    }

    /// Every stage, sorted by name.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.stages.values()
    }

    /// The stage of that name.
    pub fn stage(&self, name: &str) -> Result<&Stage> {
        self.stages.get(name).ok_or_else(|| {
            let known = words::all_of(self.stage_names());
            let error = Error::new(ErrorKind::Usage, format!("there is no stage `{name}`"))
                .with_cause(format!("`{}` has {known}", self.path.display()));
            match words::nearest(name, self.stage_names()) {
                Some(near) => error.with_hint(format!("did you mean `--stage {near}`?")),
                None => error.with_hint(format!("add `{name}: {{}}` under `stages`")),
            }
        })
    }
}
