use std::io::{Cursor, Read};
use std::sync::Barrier;
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::scaffold::{self, Scaffold};
use saasauth_model::error::ErrorKind;
use saasauth_model::project;

/// A project from before the library; see `tests/fixtures/legacy-project.py`.
const LEGACY: &[u8] = include_bytes!("../../../tests/fixtures/legacy-project.zip");

/// A project's folder of a test's own.
struct Folder(TempDir);

impl Folder {
    fn empty() -> Self {
        Self(tempfile::tempdir().expect("made"))
    }

    /// As `init` writes it now.
    fn new() -> Self {
        let folder = Self::empty();
        let scaffold = Scaffold {
            name: "legacy".to_owned(),
            region: "us-east-1".to_owned(),
        };
        scaffold::write(folder.0.path(), &scaffold).expect("written");
        folder
    }

    /// As `init` wrote it before the triggers were a library.
    fn legacy() -> Self {
        let folder = Self::empty();
        let mut archive = zip::ZipArchive::new(Cursor::new(LEGACY)).expect("a zip");
        archive.extract(folder.0.path()).expect("unpacked");
        folder
    }

    /// With a library of an older version, which nobody edited: one file is other than now, one is too
    /// much, one is missing.
    fn older() -> Self {
        let folder = Self::new();
        let mut manifest = folder.manifest();
        for (path, text) in [
            ("triggers/src/log.rs", "other"),
            ("triggers/src/old/gone.rs", "gone"),
        ] {
            manifest
                .files
                .insert(path.to_owned(), digest(text.as_bytes()));
            folder.write(path, text);
        }
        manifest.files.remove("contract/src/keys.rs");
        fs::remove_file(folder.path("contract/src/keys.rs")).expect("removed");
        manifest.version = semver::Version::new(0, 0, 9);
        folder.write(MANIFEST, &manifest.text().expect("JSON"));
        folder.write("generate-token/src/hooks.rs", "mine");
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("lambdas").join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("read")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn manifest(&self) -> Manifest {
        Manifest::read(&self.path(""))
            .expect("read")
            .expect("there is one")
    }

    fn project(&self) -> Project {
        project::load(&self.0.path().join("saasauth.yaml")).expect("right")
    }

    fn plan(&self) -> Result<Upgrade> {
        plan(&self.project())
    }

    /// Every file of the project.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for path in list(self.0.path(), ".").expect("listed") {
            let mut bytes = Vec::new();
            let file = fs::File::open(self.0.path().join(&path));
            file.and_then(|mut file| file.read_to_end(&mut bytes))
                .expect("read");
            found.insert(path, bytes);
        }
        found
    }

    /// Those of its `lambdas/`.
    fn lambdas(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files();
        files.retain(|path, _| path.starts_with("./lambdas/"));
        files
    }
}

fn changes(upgrade: &Upgrade) -> Vec<String> {
    let line = |change: &Change| format!("{} {}", change.action.glyph(), change.path);
    upgrade.changes.iter().map(line).collect()
}

#[test]
fn a_new_project_has_nothing_to_upgrade_and_nothing_to_be_warned_of() {
    let folder = Folder::new();
    let upgrade = folder.plan().expect("plans");
    assert!(upgrade.is_empty(), "{:?}", changes(&upgrade));
    assert_eq!((upgrade.kept, upgrade.by_hand), (vec![], vec![]));
    assert!(scaffold::warnings(&folder.project()).is_empty());
}

#[test]
fn an_older_library_becomes_ours_and_the_projects_own_code_stays() {
    let folder = Folder::older();
    let warnings = scaffold::warnings(&folder.project());
    assert_eq!(
        warnings[0].message,
        "the triggers' library in `lambdas` is older than saasauth"
    );
    let upgrade = folder.plan().expect("plans");
    assert_eq!(upgrade.folder, Path::new("lambdas"));
    assert_eq!(upgrade.from.as_deref(), Some("0.0.9"));
    assert_eq!(
        changes(&upgrade),
        [
            "+ contract/src/keys.rs",
            "~ triggers/src/log.rs",
            "- triggers/src/old/gone.rs",
            &format!("~ {MANIFEST}"),
        ]
    );
    assert!(upgrade.refusal().is_none());
    assert_eq!(carry_out(&upgrade).expect("done"), None);
    assert!(!folder.path("triggers/src/old").exists(), "it is empty");
    assert_eq!(folder.read("generate-token/src/hooks.rs"), "mine");

    let new = Folder::new();
    new.write("generate-token/src/hooks.rs", "mine");
    assert_eq!(folder.files(), new.files());
    assert!(folder.plan().expect("plans").is_empty());
}

#[test]
fn what_was_edited_is_named_with_where_it_belongs_and_kept_when_forced() {
    let folder = Folder::older();
    folder.write("triggers/src/confirm_user/welcome.rs", "edited");
    folder.write("triggers/src/log.rs", "edited, and other than before");
    folder.write("triggers/src/old/gone.rs", "edited, and gone");
    folder.write("triggers/src/mine.rs", "mine");
    let upgrade = folder.plan().expect("plans");
    let edited: Vec<_> = upgrade
        .edited()
        .map(|change| (change.path.as_str(), change.edited.expect("advice")))
        .collect();
    assert_eq!(edited.len(), 3);
    let (path, advice) = edited[0];
    assert_eq!(path, "triggers/src/confirm_user/welcome.rs");
    assert!(
        advice.contains("`deliver` in `confirm-user/src/hooks.rs`"),
        "{advice}"
    );
    let refusal = upgrade.refusal().expect("a refusal");
    assert_eq!(refusal.kind, ErrorKind::Refused);
    for (path, _) in edited {
        assert!(
            refusal.causes[0].contains(&format!("`lambdas/{path}`")),
            "{refusal:?}"
        );
    }
    assert_eq!(upgrade.kept[0].path, "triggers/src/mine.rs");

    for copies in ["edited", "edited-2"] {
        folder.write("triggers/src/log.rs", "edited, and other than before");
        let upgrade = folder.plan().expect("plans");
        let kept = carry_out(&upgrade).expect("done").expect("copies");
        assert_eq!(kept, Path::new("lambdas").join(copies));
        assert_eq!(
            folder.read(&format!("{copies}/triggers/src/log.rs")),
            "edited, and other than before"
        );
    }
    assert_eq!(
        folder.read("edited/triggers/src/old/gone.rs"),
        "edited, and gone"
    );
    assert_eq!(folder.read("triggers/src/mine.rs"), "mine");
    let left = folder.plan().expect("plans");
    assert!(left.is_empty(), "{:?}", changes(&left));
}

#[test]
fn a_project_from_before_the_library_becomes_a_new_one() {
    let folder = Folder::legacy();
    let warnings = scaffold::warnings(&folder.project());
    assert_eq!(
        warnings[0].message,
        "the triggers in `lambdas` are from before they had a library"
    );
    let mut outside = folder.files();
    outside.retain(|path, _| !path.starts_with("./lambdas/"));
    let upgrade = folder.plan().expect("plans");
    assert_eq!(
        (upgrade.from.as_deref(), upgrade.edited().count()),
        (None, 0)
    );
    let [workflow] = &upgrade.by_hand[..] else {
        panic!("one thing is left to do: {:?}", upgrade.by_hand);
    };
    assert!(
        workflow.starts_with("replace `.github/workflows/deploy.yml`"),
        "{workflow}"
    );
    carry_out(&upgrade).expect("done");
    assert_eq!(folder.lambdas(), Folder::new().lambdas());
    let mut after = folder.files();
    after.retain(|path, _| !path.starts_with("./lambdas/"));
    assert_eq!(after, outside, "nothing else is touched");
    assert!(folder.plan().expect("plans").is_empty());
}

#[test]
fn an_upgrade_that_was_broken_off_anywhere_is_finished_by_the_next() {
    for (make, wanted) in [
        (Folder::legacy as fn() -> Folder, Folder::new().lambdas()),
        (Folder::older, {
            let new = Folder::new();
            new.write("generate-token/src/hooks.rs", "mine");
            new.lambdas()
        }),
    ] {
        let steps = make().plan().expect("plans").changes.len();
        // Of the many alike files at the start, some; of the last ones, whose order counts, each.
        for done in (0..steps).filter(|done| done % 9 == 0 || done + 8 > steps) {
            let folder = make();
            let mut upgrade = folder.plan().expect("plans");
            upgrade.changes.truncate(done);
            carry_out(&upgrade).expect("begins");
            folder.write(".saasauth-upgrade.tmp", "half of a fi");
            let rest = folder.plan().expect("plans");
            assert!(
                rest.refusal().is_none(),
                "after {done} of {steps}: {rest:?}"
            );
            carry_out(&rest).expect("finishes");
            assert!(folder.lambdas() == wanted, "after {done} of {steps}");
        }
    }
}

#[test]
fn what_is_edited_after_the_plan_was_made_is_not_lost() {
    for (path, verb, edit_first) in [
        ("triggers/src/log.rs", "overwrite", false),
        ("triggers/src/log.rs", "overwrite", true),
        ("triggers/src/old/gone.rs", "delete", false),
        ("triggers/src/old/gone.rs", "delete", true),
        ("contract/src/keys.rs", "overwrite", false),
        (MANIFEST, "overwrite", false),
    ] {
        let folder = Folder::older();
        if edit_first {
            folder.write(path, "edited");
        }
        let upgrade = folder.plan().expect("plans");
        folder.write(path, "edited meanwhile");
        let before = folder.files();
        let error = carry_out(&upgrade).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Refused);
        assert_eq!(
            error.message,
            format!("refused to {verb} `lambdas/{path}`, which changed meanwhile")
        );
        assert_eq!(error.hints, ["run `saasauth upgrade` again"]);
        assert!(folder.files() == before, "{path}: nothing is touched");
    }

    // The workspace's manifest is the project's own.
    let folder = Folder::legacy();
    let upgrade = folder.plan().expect("plans");
    let manifest = folder.read("Cargo.toml") + "\n[profile.dev]\ndebug = false\n";
    folder.write("Cargo.toml", &manifest);
    carry_out(&upgrade).expect_err("refused");
    assert_eq!(folder.read("Cargo.toml"), manifest);
    carry_out(&folder.plan().expect("plans")).expect("done");
    assert_eq!(
        folder.read("Cargo.toml"),
        manifest.replace("\"common\"", "\"contract\", \"triggers\"")
    );
}

#[test]
fn upgrades_at_the_same_time_write_what_one_would() {
    let wanted = Folder::new().lambdas();
    for round in 0..12 {
        let folder = Folder::legacy();
        let start = Barrier::new(3);
        let errors: Vec<Error> = thread::scope(|scope| {
            let runs: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let upgrade = folder.plan().expect("plans");
                        start.wait();
                        carry_out(&upgrade)
                    })
                })
                .collect();
            runs.into_iter()
                .filter_map(|run| run.join().expect("no panic").err())
                .collect()
        });
        assert!(errors.is_empty(), "round {round}: {errors:?}");
        assert!(folder.lambdas() == wanted, "round {round}");
    }
}

#[test]
fn what_is_written_may_be_read_by_whom_other_files_may() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::older();
    let mode = |path: &str| {
        let found = folder.path(path).metadata().expect("there");
        found.permissions().mode()
    };
    let made_plainly = mode("triggers/src/log.rs");
    carry_out(&folder.plan().expect("plans")).expect("done");
    assert_eq!(mode("triggers/src/log.rs"), made_plainly);
}

#[test]
fn a_file_that_cargo_takes_up_by_itself_is_told_as_dangerous() {
    let folder = Folder::new();
    let dangerous = [
        "contract/.cargo/config.toml",
        "contract/build.rs",
        "triggers/.cargo/config",
        "triggers/benches/mine.rs",
        "triggers/build.rs",
        "triggers/examples/mine.rs",
        "triggers/rust-toolchain.toml",
        "triggers/src/bin/mine.rs",
        "triggers/src/main.rs",
        "triggers/tests/mine.rs",
    ];
    let unused = ["contract/src/build.rs", "triggers/notes.md"];
    for path in dangerous.iter().chain(&unused) {
        folder.write(path, "mine");
    }
    let upgrade = folder.plan().expect("plans");
    let (told, rest): (Vec<_>, Vec<_>) = upgrade
        .kept
        .iter()
        .partition(|note| note.note.contains("dangerous"));
    let paths =
        |notes: &[&Note]| -> Vec<String> { notes.iter().map(|note| note.path.clone()).collect() };
    assert_eq!(paths(&told), dangerous);
    assert_eq!(paths(&rest), unused);
    assert!(
        rest.iter()
            .all(|note| note.note.ends_with("nothing uses it"))
    );

    // Those of the project's own crates are its own matter.
    for (path, note) in [
        (
            "confirm-user/build.rs",
            "not ours, so it stays, and Cargo uses it",
        ),
        (
            "common/build.rs",
            "not ours, so it stays, and nothing uses it",
        ),
    ] {
        let folder = Folder::legacy();
        folder.write(path, "mine");
        let kept = folder.plan().expect("plans").kept;
        let path = path.to_owned();
        assert_eq!(kept, [Note { path, note }]);
    }
}

#[test]
fn an_old_project_that_was_edited_is_told_what_goes_where() {
    let folder = Folder::legacy();
    folder.write("generate-token/src/claims.rs", "mine");
    folder.write("confirm-user/src/crm.rs", "mine, and new");
    let lock = folder.read(LOCK) + "# mine\n";
    folder.write(LOCK, &lock);
    let manifest = folder.read("Cargo.toml") + "\n[profile.dev]\ndebug = false\n";
    folder.write("Cargo.toml", &manifest);
    let upgrade = folder.plan().expect("plans");
    let edited: Vec<_> = upgrade.edited().collect();
    assert_eq!(edited[0].path, "generate-token/src/claims.rs");
    assert!(
        edited[0]
            .edited
            .expect("advice")
            .contains("`claims` in `generate-token/src/hooks.rs`")
    );
    assert_eq!(edited.len(), 1);
    let kept: Vec<_> = upgrade.kept.iter().map(|note| note.path.as_str()).collect();
    assert_eq!(kept, [LOCK, "confirm-user/src/crm.rs"]);

    carry_out(&upgrade).expect("done");
    assert_eq!(folder.read("edited/generate-token/src/claims.rs"), "mine");
    assert_eq!(folder.read("confirm-user/src/crm.rs"), "mine, and new");
    assert_eq!(folder.read(LOCK), lock);
    assert_eq!(
        folder.read("Cargo.toml"),
        manifest.replace("\"common\"", "\"contract\", \"triggers\"")
    );
    assert!(folder.plan().expect("plans").is_empty());
}

#[test]
fn a_manifest_that_is_wrong_is_not_relied_on() {
    let newer = |manifest: &mut Manifest| manifest.version = semver::Version::new(99, 0, 0);
    let other = |manifest: &mut Manifest| {
        let hooks = "contract/../confirm-user/src/hooks.rs".to_owned();
        manifest.files.insert(hooks, digest(b"mine"));
    };
    let text = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = Manifest::current();
        change(&mut manifest);
        manifest.text().expect("JSON")
    };
    for (text, message) in [
        ("{".to_owned(), "refused to rely on "),
        ("{\"version\": \"one\"}".to_owned(), "refused to rely on "),
        (text(&other), "refused to rely on "),
        (
            text(&newer),
            "refused to put an older library in place of a newer one",
        ),
    ] {
        let folder = Folder::new();
        folder.write(MANIFEST, &text);
        let before = folder.files();
        let error = folder.plan().expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Refused);
        assert!(error.message.starts_with(message), "{error:?}");
        assert_eq!(scaffold::warnings(&folder.project()).len(), 1);
        assert_eq!(folder.files(), before);
    }
}

#[test]
fn without_a_manifest_what_is_ours_already_stays() {
    let folder = Folder::new();
    fs::remove_file(folder.path(MANIFEST)).expect("removed");
    folder.write("confirm-user/src/main.rs", "mine");
    let upgrade = folder.plan().expect("plans");
    assert_eq!(changes(&upgrade), [format!("+ {MANIFEST}")]);
    folder.write("triggers/src/log.rs", "whose?");
    let upgrade = folder.plan().expect("plans");
    assert_eq!(upgrade.edited().count(), 1);
}

#[test]
fn a_link_is_not_followed() {
    let folder = Folder::older();
    let elsewhere = Folder::empty();
    fs::rename(folder.path("triggers"), elsewhere.0.path().join("triggers")).expect("moved");
    std::os::unix::fs::symlink(elsewhere.0.path().join("triggers"), folder.path("triggers"))
        .expect("linked");
    let before = elsewhere.files();
    let error = folder.plan().expect_err("refused");
    assert_eq!(
        (error.kind, error.causes[0].as_str()),
        (ErrorKind::Refused, "it is a link")
    );
    assert_eq!(elsewhere.files(), before);

    // One that appears after the plan was made.
    let folder = Folder::older();
    let upgrade = folder.plan().expect("plans");
    fs::rename(folder.path("triggers/src"), elsewhere.0.path().join("src")).expect("moved");
    std::os::unix::fs::symlink(elsewhere.0.path().join("src"), folder.path("triggers/src"))
        .expect("linked");
    let before = elsewhere.files();
    carry_out(&upgrade).expect_err("refused");
    assert_eq!(elsewhere.files(), before);

    // The whole folder is another project's.
    let folder = Folder::older();
    fs::rename(folder.path(""), elsewhere.0.path().join("lambdas")).expect("moved");
    std::os::unix::fs::symlink(
        elsewhere.0.path().join("lambdas"),
        folder.0.path().join("lambdas"),
    )
    .expect("linked");
    let error = folder.plan().expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(scaffold::warnings(&folder.project()).is_empty());
}

#[test]
fn triggers_of_another_kind_are_left_alone() {
    let folder = Folder::new();
    for ours in ["contract", "triggers"] {
        fs::remove_dir_all(folder.path(ours)).expect("removed");
    }
    fs::remove_file(folder.path(MANIFEST)).expect("removed");
    let error = folder.plan().expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(error.causes, ["its triggers are built on something else"]);
    let warnings = scaffold::warnings(&folder.project());
    assert_eq!(
        warnings[0].message,
        "the triggers in `lambdas` are not built on saasauth's library"
    );
}

#[test]
fn a_file_that_was_taken_away_comes_back_unless_it_is_lent() {
    let folder = Folder::new();
    fs::remove_file(folder.path("README.md")).expect("removed");
    fs::remove_file(folder.path("triggers/src/log.rs")).expect("removed");
    let upgrade = folder.plan().expect("plans");
    assert_eq!(changes(&upgrade), ["+ triggers/src/log.rs"]);
}

#[test]
fn a_workspace_gets_our_members_and_stays_what_it_was() {
    let table = [
        (
            "[workspace]\nmembers = [\"common\", \"confirm-user\"] # all\n",
            true,
            Ok("[workspace]\nmembers = [\"contract\", \"triggers\", \"confirm-user\"] # all\n"),
        ),
        (
            "[workspace]\nmembers = [\"confirm-user\", \"common\"]\n",
            true,
            Ok("[workspace]\nmembers = [\"confirm-user\", \"contract\", \"triggers\"]\n"),
        ),
        (
            "[workspace]\nmembers = [\n    \"a\",\n    \"common\", # old\n    \"b\",\n]\n",
            false,
            Ok(
                "[workspace]\nmembers = [\n    \"a\",\n    \"common\", # old\n    \"b\",\n    \"contract\",\n    \"triggers\",\n]\n",
            ),
        ),
        (
            "[workspace]\nmembers = [\"con*\", \"./triggers/\"]\n",
            false,
            Ok("[workspace]\nmembers = [\"con*\", \"./triggers/\"]\n"),
        ),
        (
            "[workspace]\nmembers = []\n",
            false,
            Ok("[workspace]\nmembers = [\"contract\", \"triggers\"]\n"),
        ),
        (
            "[package]\nname = \"a\"\n",
            false,
            Err("its `Cargo.toml` lists none"),
        ),
        ("[workspace", false, Err("its `Cargo.toml` is not TOML")),
    ];
    for (text, goes, expected) in table {
        let edited = with_members(text, goes);
        assert_eq!(
            edited.as_deref().map_err(String::as_str),
            expected,
            "{text}"
        );
    }
}
