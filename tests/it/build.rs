//! `saasauth build`: from sources to packages.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Output, Project, files, folder, run, saasauth};

/// A project whose triggers are two small programs, since what is in them doesn't matter here.
fn small(source: &str) -> PathBuf {
    let folder = folder("build");
    for name in ["one", "two"] {
        let package = folder.join(name);
        fs::create_dir_all(package.join("src")).unwrap();
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[workspace]\n");
        fs::write(package.join("Cargo.toml"), manifest).unwrap();
        fs::write(package.join("src/main.rs"), source).unwrap();
    }
    let text = "
version: 1
project: small
region: eu-west-1
clients: { web: { kind: spa } }
triggers: { confirm_user: { path: one }, generate_token: { path: two } }
";
    fs::write(folder.join("saasauth.yaml"), text).unwrap();
    folder
}

/// Where the package of confirmUser is left.
const PACKAGE: &str = ".saasauth/build/local/confirm_user.zip";

fn build(folder: &Path, arguments: &[&str]) -> Output {
    run(saasauth().arg("build").args(arguments).current_dir(folder))
}

#[track_caller]
fn digests(folder: &Path) -> Vec<Value> {
    let built = build(folder, &["--json"]).expect(0).json();
    assert_eq!(built["stage"], "local", "{built}");
    ["confirm_user", "generate_token"]
        .map(|name| built["triggers"][name]["sha256"].clone())
        .to_vec()
}

#[test]
fn the_same_source_gives_the_same_bytes_wherever_it_lies() {
    const SOURCE: &str =
        r#"fn main() { panic!("saasauth-contract:2; {}", std::env::args().count()) }"#;
    let here = small(SOURCE);
    let first = digests(&here);
    let package = fs::read(here.join(PACKAGE)).unwrap();
    // A second compilation, not the first one's leftovers.
    for name in ["one", "two"] {
        fs::remove_dir_all(here.join(name).join("target")).unwrap();
    }
    assert_eq!(digests(&here), first);
    assert_eq!(digests(&small(SOURCE)), first, "in another folder");
    assert_eq!(fs::read(here.join(PACKAGE)).unwrap(), package);

    let other = "fn main() { panic!(\"saasauth-contract:2;\") }";
    fs::write(here.join("two/src/main.rs"), other).unwrap();
    let changed = digests(&here);
    assert_eq!(changed[0], first[0], "an untouched trigger stays as it is");
    assert_ne!(changed[1], first[1]);
}

#[test]
fn a_compiler_error_is_shown_whole() {
    let folder = small("fn main() { let count: u32 = \"many\"; }");
    let built = build(&folder, &[]).expect(1);
    assert_eq!(built.stdout, "");
    for part in [
        "could not build",
        "error[E0308]: mismatched types",
        "let count: u32 = \"many\";",
    ] {
        assert!(built.stderr.contains(part), "{part}: {built:?}");
    }
    assert!(
        !folder.join(".saasauth/build").exists(),
        "nothing is packed"
    );
    let json = build(&folder, &["--json"]).expect(1);
    assert_eq!(json.stdout, "", "an error is no document");
}

#[test]
fn a_trigger_of_another_contract_is_refused_when_built_and_when_it_was_built_before() {
    let folder = small("fn main() { panic!(\"saasauth-contract:2;\") }");
    digests(&folder);
    let before = packages(&folder);

    // A project that was built before there was a contract, and one that is ahead of this saasauth.
    for (source, hint) in [
        ("fn main() {}", "saasauth upgrade"),
        (
            "fn main() { panic!(\"saasauth-contract:3;\") }",
            "install the saasauth",
        ),
    ] {
        fs::write(folder.join("one/src/main.rs"), source).unwrap();
        let built = build(&folder, &[]).expect(3);
        assert!(
            built
                .stderr
                .contains("refused to use the package of `confirm_user`"),
            "{built:?}"
        );
        assert!(built.stderr.contains(hint), "{built:?}");
        assert_eq!(packages(&folder), before, "the last packages stay");
    }

    let mut zip = zip::ZipWriter::new(fs::File::create(folder.join(PACKAGE)).unwrap());
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"\x7fELF, and nothing of a contract")
        .unwrap();
    zip.finish().unwrap();
    // Nobody listens there, and nobody has to.
    let deployed = run(saasauth()
        .args([
            "deploy",
            "--no-build",
            "--endpoint-url",
            "http://127.0.0.1:9",
        ])
        .current_dir(&folder))
    .expect(3);
    assert!(deployed.stderr.contains("saasauth upgrade"), "{deployed:?}");
}

fn packages(folder: &Path) -> Vec<Vec<u8>> {
    let build = folder.join(".saasauth/build/local");
    files(&build).into_values().collect()
}

#[test]
fn the_triggers_of_this_repository_are_fresh_after_a_build() {
    let project = Project::alone();
    let built = project.run(&["build"]).expect(0);
    assert!(!built.stderr.contains("Compiling"), "{built:?}");
    insta::with_settings!({filters => vec![
        (r"\d+ KiB", "[size]"),
        (r"[A-Za-z0-9+/]{43}=", "[sha256]"),
        // The columns are as wide as the sizes are long.
        (r" +", " "),
    ]}, {
        insta::assert_snapshot!(built.stdout, @r"
        trigger zip sha256
        confirm_user [size] [sha256]
        generate_token [size] [sha256]
        ");
    });
}
