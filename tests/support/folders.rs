//! Folders of this run, and the process that clears up after it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// This repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A new, empty folder; removed after the run, and a local cloud in it is stopped.
pub(crate) fn folder(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    static ROOT: OnceLock<(PathBuf, ChildStdin)> = OnceLock::new();
    let (root, _) = ROOT.get_or_init(|| {
        // The guard removes it, once every local cloud in it is stopped.
        let root = tempfile::tempdir().unwrap().keep();
        // Resolved, because messages name files as the system spells them.
        let root = root.canonicalize().unwrap();
        let guard = guard(
            r#"for file in "$2"/*/saasauth.yaml; do
                   "$1" -q local stop --project-file "$file"
               done
               rm -rf "$2""#,
            &[env!("CARGO_BIN_EXE_saasauth"), &root.to_string_lossy()],
        );
        (root, guard)
    });
    let folder = root.join(format!("{}-{name}", COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&folder).unwrap();
    folder
}

/// Has a shell run `script` as soon as the returned end of a pipe is closed, which the end of this
/// process, however it comes, does.
pub(crate) fn guard(script: &str, arguments: &[&str]) -> ChildStdin {
    let mut command = Command::new("sh");
    // The guard must outlive a Ctrl-C meant for the tests.
    command
        .args(["-c", &format!("read -r _\n{script}"), "guard"])
        .args(arguments)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap().stdin.unwrap()
}

/// Copies a folder with all in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else {
            fs::copy(source, target).unwrap();
        }
    }
}

/// Asks until the answer is yes. The limit is only there to end a broken test.
#[track_caller]
pub(crate) fn until(what: &str, mut answer: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !answer() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every file below a folder, by its path in it.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), bytes);
            }
        }
    }
    found
}
