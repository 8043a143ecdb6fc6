//! The rules of the architecture that a compiler doesn't check.

use std::fs;

use crate::support::{files, repository};

/// Fails for every line that mentions one of `words`, in the source files the rule applies to.
#[track_caller]
fn never(words: &[&str], applies: impl Fn(&str) -> bool) {
    let mut found = Vec::new();
    for (path, bytes) in files(&repository().join("src")) {
        let path = path.to_str().unwrap();
        // Tests of a module may use what the module must not.
        if !path.ends_with(".rs") || path.ends_with("tests.rs") || !applies(path) {
            continue;
        }
        let text = String::from_utf8(bytes).unwrap();
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for (number, line) in text.lines().enumerate() {
            // A doc comment may speak of what the code doesn't use.
            let code = line.split("//").next().unwrap();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("src/{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{words:?} must not be mentioned here:\n{}",
        found.join("\n")
    );
}

/// Whether a source file belongs to a module.
fn of(path: &str, module: &str) -> bool {
    path == format!("{module}.rs") || path.starts_with(&format!("{module}/"))
}

#[test]
fn the_pure_core_knows_no_network_and_no_terminal() {
    never(
        &[
            "tokio",
            "aws_sdk",
            "aws_config",
            "indicatif",
            "reqwest",
            "async fn",
        ],
        |path| {
            ["project", "resource", "topology", "plan"]
                .iter()
                .any(|module| of(path, module))
        },
    );
}

#[test]
fn only_aws_knows_the_sdk() {
    never(
        &["aws_sdk_", "aws_config", "aws_smithy", "aws_types"],
        |path| !of(path, "aws"),
    );
}

#[test]
fn only_ui_writes_to_the_terminal() {
    let words = [
        "println!",
        "eprintln!",
        "print!(",
        "eprint!(",
        "indicatif",
        "io::stdout",
        "io::stderr",
    ];
    never(&words, |path| !of(path, "ui"));
}

#[test]
fn nothing_ends_the_process_but_main() {
    never(&["process::exit", "process::abort"], |_| true);
}

#[test]
fn dependencies_point_down() {
    let above: [(&str, &[&str]); 9] = [
        (
            "resource",
            &[
                "project", "topology", "plan", "aws", "engine", "ui", "cli", "local",
            ],
        ),
        (
            "project",
            &[
                "topology", "plan", "aws", "engine", "ui", "cli", "local", "artifact",
            ],
        ),
        (
            "topology",
            &["plan", "aws", "engine", "ui", "cli", "local", "artifact"],
        ),
        ("plan", &["aws", "engine", "ui", "cli", "local", "artifact"]),
        (
            "aws",
            &["project", "plan", "engine", "people", "ui", "cli", "local"],
        ),
        (
            "artifact",
            &[
                "project", "resource", "topology", "plan", "aws", "engine", "ui", "cli", "local",
            ],
        ),
        (
            "local",
            &["project", "topology", "plan", "aws", "engine", "ui", "cli"],
        ),
        ("engine", &["people", "ui", "cli"]),
        ("people", &["ui", "cli", "local", "artifact"]),
    ];
    for (module, above) in above {
        let words: Vec<String> = above
            .iter()
            .map(|above| format!("crate::{above}::"))
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        never(&words, |path| of(path, module));
    }
}

#[test]
fn every_module_of_these_tests_runs() {
    let main = fs::read_to_string(repository().join("tests/it/main.rs")).unwrap();
    for path in files(&repository().join("tests/it")).keys() {
        let module = path.components().next().unwrap();
        let module = module.as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let included = module == "main" || main.contains(&format!("mod {module};"));
        assert!(
            included,
            "`{}` is not part of the test binary",
            path.display()
        );
    }
}
