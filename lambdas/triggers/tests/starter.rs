//! What `init` gives a project for its own two crates is what lies beside this one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// As the feature `sources` gives it out.
const STARTER: &[(&str, &str)] = include!("../starter.rs");

#[test]
fn every_file_of_both_crates_is_handed_out_as_it_is() {
    let lambdas = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut expected = BTreeSet::new();
    for name in ["confirm-user", "generate-token"] {
        expected.insert(PathBuf::from(name).join("Cargo.toml"));
        for entry in fs::read_dir(lambdas.join(name).join("src")).expect("it can be listed") {
            let file = entry.expect("it can be read").file_name();
            expected.insert(PathBuf::from(name).join("src").join(file));
        }
    }
    let listed: BTreeSet<_> = STARTER
        .iter()
        .map(|(path, _)| PathBuf::from(path))
        .collect();
    assert_eq!(listed, expected);
    for (path, text) in STARTER {
        let file = fs::read_to_string(lambdas.join(path)).expect("it can be read");
        assert_eq!(file, *text, "{path}: is it still a link?");
    }
}

#[test]
fn the_crates_build_in_a_project_as_they_do_here() {
    for (path, text) in STARTER.iter().filter(|(path, _)| path.ends_with(".toml")) {
        assert!(
            !text.contains("workspace"),
            "{path} would inherit from nowhere"
        );
        assert!(text.contains("path = \"../triggers\""), "{path}");
    }
}
