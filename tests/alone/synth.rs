//! `saasauth synth`: the same resources as a CloudFormation template. What cfn-lint says of the templates
//! stands in `tests/it`.

use std::path::Path;

use crate::support::{assert_golden, repository, run, saasauth};

const STAGES: [(&str, &str); 8] = [
    ("minimal", "local"),
    ("minimal", "dev"),
    ("starter", "local"),
    ("starter", "dev"),
    ("starter", "prod"),
    ("full", "local"),
    ("full", "dev"),
    ("full", "prod"),
];

fn template(file: &Path, stage: &str) -> String {
    let mut command = saasauth();
    command
        .args(["synth", "--stage", stage, "--project-file"])
        .arg(file);
    run(&mut command).expect(0).stdout
}

#[test]
fn the_rendered_stacks_are_current() {
    for (example, stage) in STAGES {
        let file = repository()
            .join("examples")
            .join(example)
            .join("saasauth.yaml");
        let rendered = template(&file, stage);
        assert_eq!(
            rendered,
            template(&file, stage),
            "the same project gives the same template"
        );
        let kept = repository().join(format!("stacks/examples/{example}-{stage}.json"));
        assert_golden(&kept, &rendered);
    }
    let kept = std::fs::read_dir(repository().join("stacks/examples")).unwrap();
    assert_eq!(kept.count(), STAGES.len(), "one per example and stage");
}
