//! Which of Cargo's settings a trigger is built with: those of its own workspace, in its manifest and its
//! `.cargo/config.toml`. What this machine or a folder above says is meant for other builds. It may name
//! registries, proxies, credentials and a `rustc-wrapper`, and changes no byte of what Lambda runs.
//!
//! Cargo has no switch that leaves its configuration unread, so each setting that would reach a binary is
//! overruled where Cargo looks first. Relied on, all of <https://doc.rust-lang.org/cargo/reference/config.html>:
//! - of four sources of flags for the compiler, `CARGO_ENCODED_RUSTFLAGS` is asked first, and whichever is
//!   found is the only one that counts. So the workspace's own flags are read here and put there;
//! - `--config` goes before variables, variables before files, and a nearer file before one further away;
//! - a profile in the configuration goes before the same one in the manifest;
//! - `[env]` yields to a variable that is set, unless it is forced;
//! - `[patch]` and `paths` only ever add up, so what they replace is refused instead.
//!
//! The linker is cargo-zigbuild's: it names it by a variable, which no file overrules, and which it leaves
//! alone when there is one already (its `src/zig/cargo_env.rs`).

use std::path::Path;

use tokio::process::Command;
use toml::{Table, Value};

use super::configuration::{configuration, merge, table};
use super::environment::{clean, is_c_flags};
use super::replaced::{Replaced, replaced};
use super::target_cfg;

/// What separates flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Whose settings say what.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// The workspace's manifest.
    manifest: Table,
    /// The workspace's own configuration.
    own: Table,
    /// Everybody else's: of the folders above, and of the user.
    machine: Table,
    /// Which packages the workspace stands on.
    lock: Table,
}

impl Settings {
    /// Reads what Cargo reads when it runs in this workspace. What can't be read is left to Cargo, which
    /// says so in its own words.
    pub(super) fn read(workspace: &Path, cargo_home: Option<&Path>) -> Self {
        let mut machine = Table::new();
        let above = workspace.ancestors().skip(1);
        let folders = above.map(|folder| folder.join(".cargo"));
        for folder in folders.chain(cargo_home.map(Path::to_path_buf)) {
            merge(&mut machine, configuration(&folder));
        }
        Self {
            manifest: table(&workspace.join("Cargo.toml")).unwrap_or_default(),
            lock: table(&workspace.join("Cargo.lock")).unwrap_or_default(),
            own: Some(workspace.join(".cargo"))
                .filter(|own| Some(own.as_path()) != cargo_home)
                .map(|own| configuration(&own))
                .unwrap_or_default(),
            machine,
        }
    }

    /// A dependency that would be another one than the workspace says.
    pub(super) fn replaced(&self) -> Option<Replaced> {
        replaced(&self.machine, &self.lock)
    }

    /// What `CARGO_ENCODED_RUSTFLAGS` says for a target: the flags of the workspace's own configuration,
    /// and those that keep this machine's directories out of the binary.
    pub(super) fn rustflags(&self, target: &str, directories: &[(&Path, &str)]) -> String {
        let mut all = for_any_machine(self.own_rustflags(target));
        // Rustc takes the last one that fits.
        all.extend(directories.iter().filter_map(|(from, to)| {
            let from = from.to_str()?;
            Some(format!("--remap-path-prefix={from}={to}"))
        }));
        all.join(SEPARATOR)
    }

    fn own_rustflags(&self, target: &str) -> Vec<String> {
        let named = |name: &str| name == target || target_cfg::holds(name, target);
        let tables = self.own.get("target").and_then(Value::as_table);
        let of_target: Vec<String> = tables
            .into_iter()
            .flatten()
            .filter(|(name, _)| named(name))
            .flat_map(|(_, settings)| words(settings.get("rustflags")))
            .collect();
        if of_target.is_empty() {
            let build = self.own.get("build");
            return words(build.and_then(|build| build.get("rustflags")));
        }
        of_target
    }

    /// What is given to Cargo as `--config`, so that the profile is the one that the workspace means: each
    /// setting that the machine has for it, as it is without the machine.
    pub(super) fn profile(&self, profile: &str) -> Vec<String> {
        const UNITS: &str = "codegen-units";
        let chain = self.chain(profile);
        let mut overruled = Vec::new();
        // The one setting that has no value for "nobody said": a number that is said, be it the usual one, keeps
        // the compiler from merging units. So it is said on every machine.
        if !chain
            .iter()
            .any(|name| self.say(name, |said| said.get(UNITS)).is_some())
            && let Some(usual) = self.meant(&chain, 0, UNITS)
        {
            overruled.push(format!("profile.{profile}.{UNITS}={usual}"));
        }
        for (depth, name) in chain.iter().enumerate() {
            for (key, value) in in_profile(&self.machine, name).into_iter().flatten() {
                match (key.as_str(), value.as_table()) {
                    // Of build scripts and macros nothing is deployed.
                    ("build-override", _) => {}
                    ("package", Some(packages)) => {
                        let packages = packages.iter();
                        for (package, said) in
                            packages.filter_map(|(package, said)| Some((package, said.as_table()?)))
                        {
                            let spelled = Value::String(package.clone());
                            overruled.extend(said.keys().filter_map(|key| {
                                let value = self.meant_for(&chain, depth, package, key)?;
                                Some(format!("profile.{name}.package.{spelled}.{key}={value}"))
                            }));
                        }
                    }
                    _ => overruled.extend(
                        self.meant(&chain, depth, key)
                            .map(|value| format!("profile.{name}.{key}={value}")),
                    ),
                }
            }
        }
        overruled
    }

    /// The profile and those it inherits from, as the workspace says.
    fn chain(&self, profile: &str) -> Vec<String> {
        let mut chain = vec![profile.to_owned()];
        while let Some(name) = chain.last()
            && let Some(parent) = self.say(name, |said| said.get("inherits"))
            && let Some(parent) = parent.as_str()
            && !chain.iter().any(|known| known == parent)
        {
            chain.push(parent.to_owned());
        }
        chain
    }

    /// What a setting of the profile at this depth is without the machine's: the workspace's, of that profile
    /// or of one it inherits from, else Cargo's.
    fn meant(&self, chain: &[String], depth: usize, key: &str) -> Option<Value> {
        let mut profiles = chain[depth..].iter();
        let said = profiles.find_map(|name| self.say(name, |said| said.get(key)));
        match (said, key) {
            (Some(value), _) => Some(value.clone()),
            // Where there is nothing to debug, Cargo takes that of the standard library out, too.
            (None, "strip") => {
                let debug = self.meant(chain, 0, "debug");
                let is_off = debug.is_none_or(|debug| {
                    [Value::Boolean(false), Value::Integer(0), "none".into()].contains(&debug)
                });
                Some(if is_off { "debuginfo" } else { "none" }.into())
            }
            (None, _) => default_of(chain.last()? == "dev", key),
        }
    }

    /// The same for a package. Cargo lays what all profiles of the chain say of a package over what they say of
    /// themselves, and what they say of it over what they say of all.
    fn meant_for(&self, chain: &[String], depth: usize, package: &str, key: &str) -> Option<Value> {
        let said_of = |chain: &[String], package: &str| {
            chain
                .iter()
                .find_map(|name| self.say(name, |said| said.get("package")?.get(package)?.get(key)))
                .cloned()
        };
        said_of(&chain[depth..], package)
            .or_else(|| said_of(chain, "*"))
            .or_else(|| self.meant(chain, 0, key))
    }

    /// What the workspace says of a profile: its configuration goes before its manifest.
    fn say<'a>(
        &'a self,
        profile: &str,
        read: impl Fn(&'a Table) -> Option<&'a Value>,
    ) -> Option<&'a Value> {
        let sources = [&self.own, &self.manifest];
        sources
            .into_iter()
            .find_map(|source| read(in_profile(source, profile)?))
    }

    /// Gives the command an environment in which only the workspace's settings count.
    pub(super) fn confine(&self, command: &mut Command, rustflags: &str) {
        clean(command);
        command
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags)
            // What was compiled before must not show in the bytes.
            .env("CARGO_INCREMENTAL", "0");
        let said = self.machine.get("env").and_then(Value::as_table);
        let own = self.own.get("env").and_then(Value::as_table);
        for name in said.into_iter().flat_map(Table::keys) {
            let is_own = own.is_some_and(|own| own.contains_key(name));
            if is_c_flags(name) && !is_own {
                command.env(name, "");
            }
        }
    }
}

/// The flags without those that make the binary one for the machine it was compiled on.
fn for_any_machine(flags: Vec<String>) -> Vec<String> {
    const NATIVE: &str = "target-cpu=native";
    let mut kept: Vec<String> = Vec::new();
    for flag in flags {
        let is_codegen = |flag: &str| flag == "-C" || flag == "--codegen";
        let follows = kept.last().is_some_and(|last| is_codegen(last));
        let joined = flag
            .strip_prefix("-C")
            .or_else(|| flag.strip_prefix("--codegen="));
        if follows && flag == NATIVE {
            kept.pop();
        } else if joined != Some(NATIVE) {
            kept.push(flag);
        }
    }
    kept
}

/// Cargo's own profiles, as <https://doc.rust-lang.org/cargo/reference/profiles.html> has them. `None` for
/// what only nightly Cargo knows.
fn default_of(is_dev: bool, key: &str) -> Option<Value> {
    let of = |dev: Value, release: Value| Some(if is_dev { dev } else { release });
    match key {
        "opt-level" => of(0.into(), 3.into()),
        "debug" => of(true.into(), false.into()),
        "split-debuginfo" => Some("off".into()),
        "debug-assertions" | "overflow-checks" | "incremental" => of(true.into(), false.into()),
        "lto" | "rpath" => Some(false.into()),
        "panic" => Some("unwind".into()),
        "codegen-units" => of(256.into(), 16.into()),
        _ => None,
    }
}

fn in_profile<'a>(source: &'a Table, name: &str) -> Option<&'a Table> {
    source.get("profile")?.get(name)?.as_table()
}

/// A text that is split at blanks, or a list.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(values)) => values
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86: &str = "x86_64-unknown-linux-gnu";

    fn settings(manifest: &str, own: &str, machine: &str) -> Settings {
        let table = |text: &str| text.parse().expect("it is TOML");
        Settings {
            manifest: table(manifest),
            own: table(own),
            machine: table(machine),
            lock: Table::new(),
        }
    }

    fn flags(own: &str, machine: &str) -> String {
        settings("", own, machine)
            .rustflags(X86, &[(Path::new("/home/ada/p"), "/project")])
            .replace(SEPARATOR, " ")
    }

    #[test]
    fn only_the_workspace_has_a_word_on_flags() {
        const NATIVE: &str = "
            build.rustflags = ['-C', 'target-cpu=native']
            target.x86_64-unknown-linux-gnu.rustflags = '-C link-arg=-fuse-ld=mold'
            target.'cfg(unix)'.rustflags = ['-Ctarget-cpu=native']";
        const REMAP: &str = "--remap-path-prefix=/home/ada/p=/project";
        assert_eq!(flags("", NATIVE), REMAP);
        for (own, expected) in [
            (
                "build.rustflags = '--cfg a -D warnings'",
                "--cfg a -D warnings ",
            ),
            ("build.rustflags = ['--cfg', 'b c']", "--cfg b c "),
            // As for Cargo, those of the target leave no room for the others.
            (
                "build.rustflags = '--cfg a'\ntarget.x86_64-unknown-linux-gnu.rustflags = '--cfg x'",
                "--cfg x ",
            ),
            (
                "build.rustflags = '--cfg a'\ntarget.'cfg(target_arch = \"aarch64\")'.rustflags = '--cfg x'",
                "--cfg a ",
            ),
            (
                "target.'cfg(all(unix, not(target_os = \"macos\")))'.rustflags = ['--cfg', 'linux']",
                "--cfg linux ",
            ),
            // Not even the workspace can mean that.
            (
                "build.rustflags = '-C target-cpu=native -C opt-level=s -Ctarget-cpu=native'",
                "-C opt-level=s ",
            ),
            (
                "build.rustflags = '-C target-cpu=haswell'",
                "-C target-cpu=haswell ",
            ),
        ] {
            assert_eq!(flags(own, NATIVE), format!("{expected}{REMAP}"), "{own}");
        }
    }

    #[test]
    fn a_profile_is_the_workspaces() {
        const MANIFEST: &str = r#"
            [profile.release]
            debug = "line-tables-only"
            package."*".opt-level = 1
            [profile.lambda]
            inherits = "release"
            opt-level = "s"
            codegen-units = 1
            strip = true"#;
        let overruled = |own: &str, machine: &str| {
            let mut lines = settings(MANIFEST, own, machine).profile("lambda");
            lines.sort();
            lines
        };
        assert_eq!(overruled("", ""), [""; 0]);
        assert_eq!(overruled("", "profile.dev.opt-level = 3"), [""; 0]);
        assert_eq!(
            overruled(
                "",
                r#"
                [profile.lambda]
                opt-level = 3
                debug = true
                panic = "abort"
                inherits = "dev"
                [profile.release]
                strip = "none"
                codegen-units = 256
                build-override.opt-level = 3
                package.serde.opt-level = 3
                package.serde.debug = true
                package."*".codegen-units = 1
                [profile.nightly]
                debug = true"#
            ),
            [
                r#"profile.lambda.debug="line-tables-only""#,
                r#"profile.lambda.inherits="release""#,
                r#"profile.lambda.opt-level="s""#,
                r#"profile.lambda.panic="unwind""#,
                "profile.release.codegen-units=16",
                r#"profile.release.package."*".codegen-units=1"#,
                r#"profile.release.package."serde".debug="line-tables-only""#,
                r#"profile.release.package."serde".opt-level=1"#,
                r#"profile.release.strip="none""#,
            ]
        );
        assert_eq!(
            overruled("profile.lambda.lto = 'thin'", "profile.lambda.lto = false"),
            [r#"profile.lambda.lto="thin""#],
            "the workspace's own configuration stays"
        );
    }

    #[test]
    fn how_many_units_there_are_is_said_on_every_machine() {
        const SAID: [&str; 1] = ["profile.release.codegen-units=16"];
        assert_eq!(settings("", "", "").profile("release"), SAID);
        let machine = settings("", "", "profile.release.codegen-units = 256");
        assert_eq!(machine.profile("release"), [SAID[0], SAID[0]]);
        let own = settings("", "profile.release.codegen-units = 4", "");
        assert_eq!(own.profile("release"), [""; 0]);
    }

    #[test]
    fn flags_of_c_in_the_machines_configuration_are_emptied() {
        let settings = settings(
            "",
            "env.CXXFLAGS = '-O2'",
            "env.CFLAGS = '-march=native'\nenv.CXXFLAGS = 'x'\nenv.OPENSSL_DIR = '/opt'",
        );
        let mut command = Command::new("cargo");
        settings.confine(&mut command, "--cfg a");
        let set: Vec<_> = command
            .as_std()
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
            .collect();
        assert_eq!(
            set,
            [
                ("CARGO_ENCODED_RUSTFLAGS", "--cfg a"),
                ("CARGO_INCREMENTAL", "0"),
                ("CFLAGS", ""),
            ]
        );
    }

    #[test]
    fn files_above_and_the_users_are_the_machines_and_the_workspaces_its_own() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("is made");
            std::fs::write(path, text).expect("writes");
        };
        write("mono/.cargo/config.toml", "profile.lambda.lto = false");
        write(
            "mono/auth/.cargo/config",
            "include = ['more.toml', { path = 'none.toml', optional = true }]\nprofile.lambda.debug = 1",
        );
        write(
            "mono/auth/.cargo/more.toml",
            "profile.lambda.debug = 2\nprofile.lambda.strip = true",
        );
        write(
            "mono/auth/.cargo/config.toml",
            "profile.lambda.rpath = true",
        );
        write(
            "mono/auth/lambdas/.cargo/config.toml",
            "build.rustflags = ['--cfg', 'own']",
        );
        write(
            "mono/auth/lambdas/Cargo.toml",
            "profile.lambda.inherits = 'release'",
        );
        write(
            "home/config.toml",
            "profile.lambda.panic = 'abort'\nprofile.lambda.lto = true",
        );
        let workspace = root.path().join("mono/auth/lambdas");
        let settings = Settings::read(&workspace, Some(&root.path().join("home")));
        let said = in_profile(&settings.machine, "lambda").expect("it is said");
        let said: Table = "debug = 1\nstrip = true\nlto = false\npanic = 'abort'"
            .parse::<Table>()
            .map(|expected| {
                assert_eq!(*said, expected);
                expected
            })
            .expect("it is TOML");
        assert!(!said.contains_key("rpath"), "the older name goes before");
        assert_eq!(settings.own_rustflags(X86), ["--cfg", "own"]);
        assert_eq!(settings.chain("lambda"), ["lambda", "release"]);
    }
}
