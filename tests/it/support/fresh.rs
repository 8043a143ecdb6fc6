//! A project as `init` writes it, with triggers that were compiled from it. They are a workspace of their
//! own, so that is done once in a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::command::{run, saasauth};
use super::folders::{copy, files, folder, repository};
use super::project::Project;

/// The project's name, from which everything it deploys is named.
const NAME: &str = "fresh";

/// The project, and packages of its triggers.
pub(crate) struct Fresh {
    /// What `init` wrote. Nothing may be changed here.
    pub(crate) directory: PathBuf,
    /// The same with the hooks of `tests/fixtures/hooks`, for copies.
    pub(crate) with_hooks: PathBuf,
    packages: PathBuf,
    packages_with_hooks: PathBuf,
}

impl Fresh {
    /// The one of this run.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Fresh> = OnceLock::new();
        SHARED.get_or_init(|| {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
            // Always the same folder: a build is told where it runs, and elsewhere would start over.
            let directory = kept.join(NAME);
            let made = folder(NAME);
            // The region of the third-party clients.
            run(saasauth()
                .args(["init", "--name", NAME, "--region", "eu-west-1"])
                .arg(&made))
            .expect(0);
            // The hooks come first, so that the project ends up as `init` writes it, freshly built.
            let with_hooks = folder("with-hooks");
            copy(&made, &with_hooks);
            add_hooks(&with_hooks);
            let packages_with_hooks = folder("packages-with-hooks");
            let packages = folder("packages");
            for (project, packages) in [(&with_hooks, &packages_with_hooks), (&made, &packages)] {
                mirror(project, &directory);
                run(build_here(&mut saasauth())
                    .arg("build")
                    .current_dir(&directory))
                .expect(0);
                copy(&directory.join(".saasauth/build/local"), packages);
            }
            Self {
                directory,
                with_hooks,
                packages,
                packages_with_hooks,
            }
        })
    }

    /// Makes the triggers of the project deployable from another folder, with `--no-build`.
    pub(crate) fn lend_packages(&self, project: &Project, with_hooks: bool) {
        let packages = if with_hooks {
            &self.packages_with_hooks
        } else {
            &self.packages
        };
        copy(packages, &project.directory.join(".saasauth/build/local"));
    }
}

/// Has Cargo find what was compiled in an earlier run.
pub(crate) fn build_here(command: &mut Command) -> &mut Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fresh-target");
    command.env("CARGO_TARGET_DIR", target)
}

/// Writes the hooks of `tests/fixtures/hooks` into a project.
fn add_hooks(project: &Path) {
    for name in ["confirm-user", "generate-token"] {
        let hooks = repository().join(format!("tests/fixtures/hooks/{name}.rs"));
        fs::copy(hooks, project.join(format!("lambdas/{name}/src/hooks.rs"))).unwrap();
    }
}

/// Makes a folder hold the files of another one. Cargo compiles what is newer than it remembers, so what
/// is equal already isn't touched.
fn mirror(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let wanted = files(from);
    let there = files(to);
    for (path, bytes) in &wanted {
        if there.get(path) != Some(bytes) {
            let path = to.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    for path in there.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(to.join(path)).unwrap();
    }
}
