//! Whose Cargo settings a trigger is built with: its workspace's, and nobody else's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{folder, run, saasauth};

/// Two programs whose bytes show how they were compiled, in a project beneath a folder of somebody's.
struct Nested {
    above: PathBuf,
    project: PathBuf,
    cargo_home: PathBuf,
}

const PROGRAM: &str = r#"
fn main() {
    let said = std::env::args().map(|text| text.len() as f32).collect::<Vec<_>>();
    let sum: f32 = said.iter().map(|x| x * 1.5 + 2.0).sum();
    if cfg!(machine) || cfg!(target_feature = "avx2") || cfg!(debug_assertions) {
        println!("built for this machine: {sum}");
    }
    if cfg!(own) {
        println!("as the workspace wants it: {sum}");
    }
    println!("saasauth-contract:2; {sum} {}", said[0] as i32 + i32::MAX);
}
"#;

/// What a laptop may say for its own builds, in whatever place.
const MACHINE: &str = r#"
[build]
rustflags = ["-C", "target-cpu=native", "--cfg", "machine"]
incremental = true

[target.x86_64-unknown-linux-gnu]
rustflags = ["-Ctarget-cpu=native", "--cfg", "machine"]
linker = "/nowhere/to/be/found"

[target.aarch64-unknown-linux-gnu]
rustflags = ["-Ctarget-cpu=native", "--cfg", "machine"]
linker = "/nowhere/to/be/found"

[target.'cfg(target_os = "linux")']
rustflags = ["-Ctarget-cpu=native", "--cfg", "machine", "-C", "link-arg=-Wl,--nonsense"]

[profile.release]
opt-level = 1
debug = true
debug-assertions = true
overflow-checks = true
codegen-units = 256
package."*".opt-level = 0

[profile.lambda]
inherits = "release"
opt-level = 0
strip = "none"
panic = "unwind"
lto = false

[env]
CFLAGS = "-march=native"
"#;

impl Nested {
    fn new() -> Self {
        let above = folder("above");
        let nested = Self {
            project: above.join("auth"),
            cargo_home: above.join("home"),
            above,
        };
        fs::create_dir(&nested.cargo_home).unwrap();
        for name in ["one", "two"] {
            let package = nested.project.join(name);
            fs::create_dir_all(package.join("src")).unwrap();
            let manifest = format!(
                "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[workspace]\n\n\
                 [lints.rust]\nunexpected_cfgs = \"allow\"\n\n\
                 [profile.lambda]\ninherits = \"release\"\nopt-level = \"s\"\nstrip = true\n\
                 panic = \"abort\"\n"
            );
            fs::write(package.join("Cargo.toml"), manifest).unwrap();
            fs::write(package.join("src/main.rs"), PROGRAM).unwrap();
        }
        let text = "
version: 1
project: small
region: eu-west-1
clients: { web: { kind: spa } }
triggers: { confirm_user: { path: one }, generate_token: { path: two } }
";
        fs::write(nested.project.join("saasauth.yaml"), text).unwrap();
        nested
    }

    /// The digests after a compilation that has nothing to reuse.
    #[track_caller]
    fn built(&self, more: impl FnOnce(&mut Command) -> &mut Command) -> Vec<Value> {
        for name in ["one", "two"] {
            let target = self.project.join(name).join("target");
            if target.exists() {
                fs::remove_dir_all(target).unwrap();
            }
        }
        let mut command = saasauth();
        command
            .args(["build", "--json"])
            .current_dir(&self.project)
            .env("CARGO_HOME", &self.cargo_home)
            .env_remove("CARGO_TARGET_DIR");
        let built = run(more(&mut command)).expect(0).json();
        ["confirm_user", "generate_token"]
            .map(|name| built["triggers"][name]["sha256"].clone())
            .to_vec()
    }
}

fn configure(folder: &Path, text: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.toml"), text).unwrap();
}

#[test]
fn what_the_machine_says_changes_no_byte() {
    let nested = Nested::new();
    let plain = nested.built(|command| command);

    configure(&nested.above.join(".cargo"), MACHINE);
    let above = nested.built(|command| command);
    assert_eq!(above, plain, "in a folder above the project");
    fs::remove_dir_all(nested.above.join(".cargo")).unwrap();

    configure(&nested.cargo_home, "include = ['more.toml']");
    fs::write(nested.cargo_home.join("more.toml"), MACHINE).unwrap();
    let home = nested.built(|command| command);
    assert_eq!(home, plain, "of the user, in a file beside the first");
    fs::remove_file(nested.cargo_home.join("config.toml")).unwrap();

    const FLAGS: &str = "-C target-cpu=native --cfg machine";
    let shell = nested.built(|command| {
        for name in [
            "RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
        ] {
            command.env(name, FLAGS);
        }
        command
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.replace(' ', "\u{1f}"))
            .env(
                "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
                "/nowhere/to/be/found",
            )
            .env("CARGO_BUILD_TARGET", "wasm32-unknown-unknown")
            .env("CARGO_PROFILE_LAMBDA_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_LAMBDA_COMPILER", "cross")
            .env("CFLAGS", "-march=native")
    });
    assert_eq!(shell, plain, "in variables");
}

#[test]
fn what_the_workspace_says_counts() {
    let nested = Nested::new();
    let plain = nested.built(|command| command);
    configure(&nested.above.join(".cargo"), MACHINE);

    let own = "[build]\nrustflags = ['--cfg', 'own', '-C', 'target-cpu=native']\n";
    configure(&nested.project.join("one/.cargo"), own);
    let built = nested.built(|command| command);
    assert_ne!(built[0], plain[0], "the flags are the workspace's own");
    assert_eq!(built[1], plain[1], "and nobody else's");
    // But for the processor: who else builds it gets the same.
    configure(
        &nested.project.join("one/.cargo"),
        "[build]\nrustflags = ['--cfg', 'own']\n",
    );
    assert_eq!(nested.built(|command| command), built);

    configure(
        &nested.project.join("one/.cargo"),
        "[profile.lambda]\nopt-level = 3\n[build]\nrustflags = ['--cfg', 'own']\n",
    );
    assert_ne!(nested.built(|command| command)[0], built[0]);
}
