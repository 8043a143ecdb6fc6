//! That every file of the tests is part of a test binary: one that no `mod` names is never compiled, and
//! nobody notices.

use std::fs;
use std::path::Path;

use crate::support::{files, repository};

#[track_caller]
fn every_module_runs(binary: &str) {
    let folder = repository().join("tests").join(binary);
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for path in files(&folder).keys() {
        let module = path.components().next().unwrap();
        let module = module.as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let included = module == "main" || main.contains(&format!("\nmod {module};"));
        assert!(
            included,
            "`tests/{binary}/{}` is not part of it",
            path.display()
        );
    }
}

#[test]
fn every_module_of_these_tests_runs() {
    let tests = repository().join("tests");
    for entry in fs::read_dir(&tests).unwrap() {
        let path = entry.unwrap().path();
        if path.join("main.rs").exists() {
            every_module_runs(path.file_name().unwrap().to_str().unwrap());
        }
    }
}

#[test]
fn everything_shared_is_used() {
    let tests = repository().join("tests");
    let support = ["alone/support.rs", "it/support/mod.rs"];
    let support = support.map(|file| fs::read_to_string(tests.join(file)).unwrap());
    for path in files(&tests.join("support")).keys() {
        let path = Path::new("support").join(path);
        let named = format!("{}\"]", path.display());
        assert!(
            support.iter().any(|text| text.contains(&named)),
            "`tests/{}` is not part of any test binary",
            path.display()
        );
    }
}

/// The binaries run in the order of their names, so a broken message is seen before a cloud is started.
#[test]
fn what_needs_no_cloud_comes_first() {
    let mut binaries: Vec<String> = fs::read_dir(repository().join("tests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("main.rs").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    binaries.sort();
    assert_eq!(binaries, ["alone", "it"]);
}
