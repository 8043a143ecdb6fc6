//! What `saasauth upgrade` does to a project's `lambdas/`: our files there become this tool's.
//!
//! Plans first, from what lies in the folder, then carries the plan out. Every step may be the last one:
//! a file that is already new is no change, so whatever was left undone is what the next plan holds. Owns
//! the rules of who may be overwritten; writes nothing outside the folder, and follows no link out of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;
use toml_edit::{Array, DocumentMut};

use super::library::{
    self, FOLDERS, FORERUNNER, LOCK, Layout, MANIFEST, Manifest, OWN, digest, is_lent,
};
use saasauth_model::error::{Error, Result};
use saasauth_model::plan::Action;
use saasauth_model::project::Project;

/// What an upgrade changes in a folder.
#[derive(Debug, Clone, Serialize)]
pub struct Upgrade {
    /// The folder, as the person knows it.
    pub folder: PathBuf,
    /// The version of the library that is there; `None` for none, or one that doesn't say.
    pub from: Option<String>,
    /// The version of the library that this tool carries.
    pub to: String,
    /// The contract of what is there, if it says.
    pub from_contract: Option<u32>,
    /// The contract this tool keeps to.
    pub to_contract: u32,
    /// In the order in which they are carried out.
    pub changes: Vec<Change>,
    /// Files that stay, and why.
    pub kept: Vec<Note>,
    /// What is left to the person.
    pub by_hand: Vec<String>,
    #[serde(skip)]
    root: PathBuf,
}

/// What happens to one file.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    pub action: Action,
    /// Within the folder.
    pub path: String,
    /// For a file of ours that somebody edited: where such a change belongs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited: Option<&'static str>,
    /// The digest of what the change was planned from.
    #[serde(skip)]
    found: Option<String>,
    #[serde(skip)]
    text: Option<Cow<'static, str>>,
}

/// A file and a word about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    pub path: String,
    pub note: &'static str,
}

impl Upgrade {
    /// Whether the folder is as it should be.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Files of ours that somebody edited, and that the upgrade would overwrite or delete.
    pub fn edited(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.edited.is_some())
    }

    /// The refusal to overwrite what was edited; `None` when nothing was.
    pub fn refusal(&self) -> Option<Error> {
        let edited: Vec<String> = self
            .edited()
            .map(|change| format!("`{}`", self.folder.join(&change.path).display()))
            .collect();
        let error = match edited.as_slice() {
            [] => return None,
            [only] => Error::refused(format!("refused to overwrite {only}, which was edited")),
            several => Error::refused(format!(
                "refused to overwrite {} files of saasauth's library that were edited",
                several.len()
            ))
            .with_cause(format!("edited: {}", several.join(", "))),
        };
        Some(
            error
                .with_hint("move each change into a hook, as `saasauth upgrade --dry-run` says, and restore the file")
                .with_hint(
                    "or overwrite them, and keep a copy of each: `saasauth upgrade --force`",
                ),
        )
    }
}

/// Plans the upgrade of the project's library.
///
/// # Errors
/// [`ErrorKind::Refused`](saasauth_model::error::ErrorKind::Refused) when there is nothing to upgrade, when
/// what is there is newer, can't be understood, or is reached through a link.
pub fn plan(project: &Project) -> Result<Upgrade> {
    let mut known = Vec::new();
    for folder in library::folders(project) {
        match Layout::of(&folder)? {
            Layout::Foreign => {}
            layout => known.push((folder, layout)),
        }
    }
    match known.len() {
        0 => Err(nothing(project)),
        1 => {
            let (folder, layout) = known.remove(0);
            let mut upgrade = plan_folder(&folder, layout)?;
            upgrade.folder = library::shown(project, &folder);
            upgrade.by_hand.extend(workflow(project));
            Ok(upgrade)
        }
        _ => {
            let folders: Vec<String> = known
                .iter()
                .map(|(folder, _)| format!("`{}`", library::shown(project, folder).display()))
                .collect();
            Err(
                Error::refused("refused to choose among the project's libraries")
                    .with_cause(format!("there is one each in {}", folders.join(" and ")))
                    .with_hint(
                        "put both triggers beside one library, and point `triggers` at them",
                    ),
            )
        }
    }
}

fn nothing(project: &Project) -> Error {
    let error = Error::refused(format!(
        "there is no library of saasauth in the project of `{}`",
        project.path.display()
    ));
    if library::folders(project).is_empty() {
        error
            .with_cause("its triggers lie outside of its folder, or nowhere")
            .with_hint("run `saasauth upgrade` in the project they belong to")
    } else {
        error
            .with_cause("its triggers are built on something else")
            .with_hint("start from what `saasauth init DIR` writes to `DIR/lambdas`")
    }
}

fn plan_folder(root: &Path, layout: Layout) -> Result<Upgrade> {
    let current = Manifest::current();
    let mut upgrade = Upgrade {
        folder: root.to_owned(),
        from: None,
        to: current.version.to_string(),
        from_contract: None,
        to_contract: current.contract,
        changes: Vec::new(),
        kept: Vec::new(),
        by_hand: Vec::new(),
        root: root.to_owned(),
    };
    // What each file was like when we wrote it, and what it shall be like.
    let mut before: BTreeMap<String, String> = BTreeMap::new();
    let mut after = library::sources();
    let mut folders = BTreeSet::from(FOLDERS);
    match layout {
        Layout::Library(manifest) if manifest.version > current.version => {
            let (theirs, ours) = (&manifest.version, &current.version);
            return Err(
                Error::refused("refused to put an older library in place of a newer one")
                    .with_cause(format!(
                        "the project's is {theirs}, and this saasauth {ours}"
                    ))
                    .with_hint(library::install(theirs)),
            );
        }
        Layout::Library(manifest) => {
            upgrade.from = Some(manifest.version.to_string());
            upgrade.from_contract = Some(manifest.contract);
            before = manifest.files;
        }
        Layout::Legacy(crates) => {
            before.extend(legacy(|path| {
                is_lent(path) || crates.contains(&first(path))
            }));
            let starter = saasauth_triggers::STARTER.iter().copied();
            let own = starter.filter(|(path, _)| crates.contains(&first(path)));
            after.extend(own.map(|(path, text)| (path.to_owned(), text)));
            folders.extend(crates);
        }
        // An upgrade that was broken off at its end, perhaps.
        Layout::Unmarked | Layout::Foreign => before.extend(legacy(is_lent)),
    }
    for path in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let written = before.get(path).map(String::as_str);
        match decide(root, path, written, after.get(path).copied())? {
            Decision::Nothing => {}
            Decision::Keep => upgrade.kept.push(Note {
                path: path.clone(),
                note: "you edited it, so it stays",
            }),
            Decision::Change(change) => upgrade.changes.push(change),
        }
    }
    for folder in folders {
        for path in list(root, folder)? {
            if !before.contains_key(&path) && !after.contains_key(path.as_str()) {
                let note = stranger(&path);
                upgrade.kept.push(Note { path, note });
            }
        }
    }
    workspace(root, &mut upgrade)?;
    let manifest = current.text()?;
    let found = state(root, MANIFEST)?;
    if found
        .as_ref()
        .is_none_or(|found| *found != digest(manifest.as_bytes()))
    {
        upgrade.changes.push(Change::to(MANIFEST, found, manifest));
    }
    upgrade
        .changes
        .sort_by(|a, b| (turn(a), &a.path).cmp(&(turn(b), &b.path)));
    Ok(upgrade)
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// What is said of a file that is not ours, though in a crate that is: most lie there unused, but some
/// Cargo takes up by where they lie.
fn stranger(path: &str) -> &'static str {
    const RUN: &str =
        "not ours, so it stays, and dangerous: Cargo runs it whenever the triggers are built";
    const LED: &str =
        "not ours, so it stays, and dangerous: Cargo and rustup obey it in this folder";
    const COMPILED: &str =
        "not ours, so it stays, and dangerous: Cargo compiles it as a program of this crate";
    const UNUSED: &str = "not ours, so it stays, and nothing uses it";
    // In a crate of the project's own, such a file is nothing to be warned of.
    const OF_THEIRS: &str = "not ours, so it stays, and Cargo uses it";
    let within: Vec<&str> = path.split('/').skip(1).collect();
    let danger = match within.as_slice() {
        ["build.rs"] => RUN,
        // A link in the place of a folder counts as what may be behind it.
        [".cargo", ..] | ["rust-toolchain" | "rust-toolchain.toml"] => LED,
        ["src", "main.rs"] | ["src", "bin", ..] | ["tests" | "examples" | "benches", ..] => {
            COMPILED
        }
        _ => return UNUSED,
    };
    let folder = first(path);
    if FOLDERS.contains(&folder) {
        danger
    } else if OWN.contains(&folder) {
        OF_THEIRS
    } else {
        UNUSED
    }
}

fn legacy(wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (String, String)> {
    library::legacy()
        .filter(move |(path, _)| wanted(path))
        .map(|(path, digest)| (path.to_owned(), digest.to_owned()))
}

enum Decision {
    Nothing,
    Keep,
    Change(Change),
}

/// What becomes of a file of which we know what it was when we wrote it (`before`), and what it shall be.
fn decide(
    root: &Path,
    path: &str,
    before: Option<&str>,
    after: Option<&'static str>,
) -> Result<Decision> {
    let found = state(root, path)?;
    let wanted = after.map(|text| digest(text.as_bytes()));
    if found == wanted {
        return Ok(Decision::Nothing);
    }
    let untouched = found.is_none() || found.as_deref() == before;
    if is_lent(path) {
        match (&found, before) {
            // Whoever took it away doesn't want it.
            (None, Some(_)) => return Ok(Decision::Nothing),
            (Some(_), _) if !untouched => return Ok(Decision::Keep),
            _ => {}
        }
    }
    let action = match (&found, after) {
        (None, _) => Action::Create,
        (Some(_), Some(_)) => Action::Update,
        (Some(_), None) => Action::Delete,
    };
    Ok(Decision::Change(Change {
        action,
        path: path.to_owned(),
        edited: (!untouched).then(|| advice(path)),
        found,
        text: after.map(Cow::Borrowed),
    }))
}

/// Where what somebody changed in a file of ours belongs.
fn advice(path: &str) -> &'static str {
    const CLAIMS: &str = "claims and vetoes: `claims` in `generate-token/src/hooks.rs`";
    const USERS: &str = "what the record holds: `attributes` in `confirm-user/src/hooks.rs`";
    const DELIVERIES: &str = "what a new user is sent: `deliver` in `confirm-user/src/hooks.rs`";
    const SHARED: &str =
        "what both triggers do has no hook: ask for one, or keep the copy and `--force`";
    let within = path.split_once("src/").map_or(path, |(_, within)| within);
    match first(path) {
        "confirm-user" | "generate-token" if path.ends_with("/Cargo.toml") => {
            "dependencies: add them to the new `Cargo.toml` again"
        }
        "confirm-user" | "generate-token" if path.contains("/tests/") => {
            "tests of the old triggers: of your own code, write new ones beside the hooks"
        }
        "generate-token" => CLAIMS,
        "triggers" if within.starts_with("generate_token/") => CLAIMS,
        "confirm-user" | "triggers"
            if ["courier", "delivery", "platform", "secrets", "welcome"]
                .iter()
                .any(|name| within.trim_start_matches("confirm_user/").starts_with(name)) =>
        {
            DELIVERIES
        }
        "confirm-user" => USERS,
        "triggers" if within.starts_with("confirm_user/") => USERS,
        _ => SHARED,
    }
}

impl Change {
    /// To `text`, of a file whose digest is `found` if it is there.
    fn to(path: &str, found: Option<String>, text: String) -> Self {
        Self {
            action: match found {
                Some(_) => Action::Update,
                None => Action::Create,
            },
            path: path.to_owned(),
            edited: None,
            found,
            text: Some(text.into()),
        }
    }
}

/// When a change is carried out. Broken off anywhere, the folder must still tell what it is: what an old
/// crate is known by goes after the rest of it, and the manifest comes when all it names is there.
fn turn(change: &Change) -> u8 {
    let path = change.path.as_str();
    let known_by = |name: &&str| path.strip_prefix(name) == Some("/Cargo.toml");
    if path == MANIFEST {
        5
    } else if path == "Cargo.toml" {
        4
    } else if path == LOCK {
        3
    } else if std::iter::once(&FORERUNNER).chain(&OWN).any(known_by) {
        2
    } else {
        u8::from(change.action == Action::Delete)
    }
}

/// The digest of a file; `None` where there is none.
///
/// # Errors
/// [`ErrorKind::Refused`](saasauth_model::error::ErrorKind::Refused) when a link or a folder is in its place,
/// or a link or a file in the place of one of its folders.
fn state(root: &Path, path: &str) -> Result<Option<String>> {
    let mut whole = root.to_owned();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        whole.push(part);
        let found = match whole.symlink_metadata() {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&whole, &error)),
        };
        let fits = if parts.peek().is_some() {
            found.is_dir()
        } else {
            found.is_file()
        };
        if !fits {
            let what = if found.is_symlink() {
                "it is a link"
            } else if found.is_dir() {
                "it is a folder"
            } else {
                "it is no folder"
            };
            return Err(
                Error::refused(format!("refused to write at `{}`", whole.display()))
                    .with_cause(what)
                    .with_hint("move it out of the way"),
            );
        }
    }
    match fs::read(&whole) {
        Ok(bytes) => Ok(Some(digest(&bytes))),
        // Another upgrade of the same folder has just removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&whole, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::io(format!("could not read `{}`", path.display()), error)
}

/// The files of a crate's folder, without what Cargo built there.
fn list(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&path, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let within = format!("{folder}/{name}");
            // Of a link only that it is there counts.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && name == "target" => {}
                Ok(kind) if kind.is_dir() => folders.push(within),
                _ => found.push(within),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Sees to it that the workspace has our crates. The file is the project's own, and stays what it is but
/// for its members.
fn workspace(root: &Path, upgrade: &mut Upgrade) -> Result<()> {
    const NAME: &str = "Cargo.toml";
    let by_hand = |upgrade: &mut Upgrade, why: &str| {
        upgrade.by_hand.push(format!(
            "see that the workspace of the triggers has the members `contract` and `triggers`: {why}"
        ));
    };
    if state(root, NAME)?.is_none() {
        by_hand(upgrade, "there is no `Cargo.toml` beside them");
        return Ok(());
    }
    let path = root.join(NAME);
    let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
    let forerunner = format!("{FORERUNNER}/{NAME}");
    let goes = state(root, &forerunner)?.is_none()
        || upgrade
            .changes
            .iter()
            .any(|change| change.action == Action::Delete && change.path == forerunner);
    match with_members(&text, goes) {
        Ok(edited) if edited == text => {}
        Ok(edited) => {
            let found = Some(digest(text.as_bytes()));
            upgrade.changes.push(Change::to(NAME, found, edited));
        }
        Err(why) => by_hand(upgrade, &why),
    }
    Ok(())
}

/// The workspace's manifest with our crates among its members, and, if it `goes`, without what came before.
fn with_members(text: &str, goes: bool) -> Result<String, String> {
    let mut manifest: DocumentMut = text.parse().map_err(|_| "its `Cargo.toml` is not TOML")?;
    let members = manifest
        .get_mut("workspace")
        .and_then(|workspace| workspace.get_mut("members"))
        .and_then(|members| members.as_array_mut())
        .ok_or("its `Cargo.toml` lists none")?;
    let old = position(members, FORERUNNER).filter(|_| goes);
    let mut at = old.unwrap_or(members.len());
    // As the neighbours are written: in one line, or in one line each.
    let prefix = |value: Option<&toml_edit::Value>| {
        let prefix = value.and_then(|value| value.decor().prefix()?.as_str());
        prefix.unwrap_or_default().to_owned()
    };
    let of_each = prefix(members.get(0));
    let mut first = old.map(|old| prefix(Some(&members.remove(old))));
    for name in FOLDERS {
        let is_listed = members
            .iter()
            .any(|member| member.as_str().is_some_and(|member| covers(member, name)));
        if !is_listed {
            let prefix = match first.take() {
                Some(first) => first,
                None if at > 0 && of_each.is_empty() => " ".to_owned(),
                None => of_each.clone(),
            };
            let member = toml_edit::Value::from(name).decorated(prefix, "");
            members.insert_formatted(at, member);
            at += 1;
        }
    }
    Ok(manifest.to_string())
}

fn position(members: &Array, name: &str) -> Option<usize> {
    members
        .iter()
        .position(|member| member.as_str().is_some_and(|member| plain(member) == name))
}

fn plain(member: &str) -> &str {
    member.trim_start_matches("./").trim_end_matches('/')
}

/// Whether a member, which may have a `*` in it, means the folder `name`.
fn covers(member: &str, name: &str) -> bool {
    match plain(member).split_once('*') {
        None => plain(member) == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// What the workflow that `init` wrote has to be told.
fn workflow(project: &Project) -> Option<String> {
    const PATH: &str = ".github/workflows/deploy.yml";
    const KEY: &str = "SAASAUTH_VERSION:";
    // Of earlier versions: the package of this name is nobody's, and pull requests ran with the right to deploy.
    const ANYBODYS: &str = "cargo install --locked \"saasauth@";
    let text = fs::read_to_string(project.directory.join(PATH)).ok()?;
    if text.contains(ANYBODYS) {
        return Some(format!(
            "replace `{PATH}` by the one that `saasauth init` writes into an empty folder: this one installs whatever is \
             registered as `saasauth`, and gives a pull request's code the right to deploy"
        ));
    }
    let pinned = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(KEY))?;
    let pinned = pinned.split('#').next()?.trim().trim_matches(['"', '\'']);
    let ours = library::version().to_string();
    (pinned != ours)
        .then(|| {
            format!("set `SAASAUTH_VERSION` in `{PATH}` to \"{ours}\", and `SAASAUTH_SHA256` to its archive's: it is \"{pinned}\"")
        })
}

/// Carries the plan out, and gives the folder into which edited files were copied before they were overwritten.
///
/// # Errors
/// [`ErrorKind::Refused`](saasauth_model::error::ErrorKind::Refused) when a file is no longer what the plan
/// was made from, and [`ErrorKind::System`](saasauth_model::error::ErrorKind::System) when one can't be
/// written. What was done stays, and the next upgrade does the rest.
pub fn carry_out(upgrade: &Upgrade) -> Result<Option<PathBuf>> {
    let root = &upgrade.root;
    // All of them before the first is touched, so that a refusal seldom leaves half an upgrade.
    for change in &upgrade.changes {
        is_due(upgrade, change)?;
    }
    // Earlier versions wrote under this one name; a run of theirs that was killed left it behind.
    let _ = fs::remove_file(root.join(".saasauth-upgrade.tmp"));
    let copies = keep(upgrade)?;
    for change in &upgrade.changes {
        // Looked at again: what was a folder while we planned may be a link by now, and what nobody had
        // edited may be edited.
        if !is_due(upgrade, change)? {
            continue;
        }
        let path = root.join(&change.path);
        match &change.text {
            Some(text) => write(root, &path, text.as_bytes())?,
            None => remove(root, &path)?,
        }
    }
    Ok(copies.map(|name| upgrade.folder.join(name)))
}

/// Whether the change is still to be made: another upgrade may have made it since it was planned.
///
/// # Errors
/// [`ErrorKind::Refused`](saasauth_model::error::ErrorKind::Refused) when the file is neither what the change
/// was planned from nor what it leads to.
fn is_due(upgrade: &Upgrade, change: &Change) -> Result<bool> {
    let now = state(&upgrade.root, &change.path)?;
    let wanted = change.text.as_ref().map(|text| digest(text.as_bytes()));
    if now == change.found {
        Ok(true)
    } else if now == wanted {
        Ok(false)
    } else {
        Err(overtaken(upgrade, change))
    }
}

/// The refusal to lose what somebody wrote after the plan was made.
fn overtaken(upgrade: &Upgrade, change: &Change) -> Error {
    let verb = match change.text {
        Some(_) => "overwrite",
        None => "delete",
    };
    let path = upgrade.folder.join(&change.path);
    Error::refused(format!(
        "refused to {verb} `{}`, which changed meanwhile",
        path.display()
    ))
    .with_cause("it is no longer the file that the upgrade was planned from")
    .with_hint("run `saasauth upgrade` again")
}

/// Copies what was edited into a folder of its own, whose name is returned.
fn keep(upgrade: &Upgrade) -> Result<Option<String>> {
    if upgrade.edited().next().is_none() {
        return Ok(None);
    }
    let root = &upgrade.root;
    let name = folder_for_copies(root)?;
    for change in upgrade.edited() {
        // Otherwise whoever made the change has the copy.
        if !is_due(upgrade, change)? {
            continue;
        }
        let source = root.join(&change.path);
        let bytes = fs::read(&source).map_err(|error| unreadable(&source, &error))?;
        if Some(digest(&bytes)) != change.found {
            return Err(overtaken(upgrade, change));
        }
        write(root, &root.join(&name).join(&change.path), &bytes)?;
    }
    Ok(Some(name))
}

/// Makes a folder that nobody else puts copies into, and gives its name.
fn folder_for_copies(root: &Path) -> Result<String> {
    let mut name = "edited".to_owned();
    let mut number = 1;
    loop {
        let path = root.join(&name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(name),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number += 1;
                name = format!("edited-{number}");
            }
            Err(error) => {
                return Err(Error::io(
                    format!("could not create `{}`", path.display()),
                    &error,
                ));
            }
        }
    }
}

/// Writes a file so that whoever reads it, we included after a crash, sees the old one or the new one.
fn write(root: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let failed =
        |error: &io::Error| Error::io(format!("could not write `{}`", path.display()), error);
    let parent = path.parent().unwrap_or(root);
    fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    // A name of its own each time: what another upgrade is writing must never be renamed into place.
    unfinished(root)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(path).map_err(|error| error.error)
        })
        .map(drop)
        .map_err(|error| failed(&error))
}

/// A file that is yet to get its name, and is removed if it never does. It lies in the folder itself and
/// not beside where it goes, so that one which a killed run left behind is in none of our crates.
fn unfinished(root: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".saasauth-upgrade.").suffix(".tmp");
    // As any other file is made: a temporary one is its owner's alone.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    builder.permissions(permissions);
    builder.tempfile_in(root)
}

/// Removes a file, and each folder that is empty without it.
fn remove(root: &Path, path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io(
                format!("could not remove `{}`", path.display()),
                &error,
            ));
        }
        _ => {}
    }
    let folders = path
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != root);
    for folder in folders {
        // It isn't empty, then.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
