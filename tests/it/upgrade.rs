//! `saasauth upgrade`: a project's triggers become those of this saasauth.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Fresh, Project, files, folder, python, repository};

const ADDRESS: &str = "ada@example.com";
const PASSWORD: &str = "Correct-Horse-7-Battery";

/// A project from before the triggers were a library; see `tests/fixtures/legacy-project.py`.
fn legacy() -> Project {
    let directory = folder("legacy");
    let zip = fs::File::open(repository().join("tests/fixtures/legacy-project.zip")).unwrap();
    zip::ZipArchive::new(zip)
        .unwrap()
        .extract(&directory)
        .unwrap();
    let project = Project::at(directory);
    // The region of the third-party clients.
    project.edit("region: us-east-1", "region: eu-west-1");
    project
}

/// The files of a project's `lambdas/`, without what was built there.
fn lambdas(project: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(&project.join("lambdas"))
}

#[test]
fn a_project_from_before_the_library_is_upgraded_and_its_users_notice_nothing() {
    let fresh = Fresh::shared();
    let project = legacy().on_the_shared_cloud();
    // What is deployed before: any code of another digest than afterwards will do.
    fresh.lend_packages(&project, true);
    project.deploy();
    let before = project.inventory();

    // A user, and the records as the triggers of then wrote them: a role beyond the default, a permission of
    // their own, a company, and a mail that is still owed.
    let sub = project.admin_made(ADDRESS, PASSWORD);
    let user = format!("USER#{sub}");
    let record = json!({
        "pk": { "S": user },
        "email": { "S": ADDRESS },
        "attributes": { "M": { "name": { "S": "Ada" }, "company": { "S": "Engines" } } },
        "role": { "S": "admin" },
        "permissions": { "L": [{ "S": "engines:start" }] },
        "created_at": { "S": "2026-01-02T03:04:05Z" },
        "confirmed_at": { "S": "2026-01-02T03:04:05Z" },
        "pending": { "SS": ["welcome"] },
        "deliveries": { "M": {} },
    });
    let membership = json!({
        "pk": { "S": user },
        "sk": { "S": "DOMAIN#example.com" },
        "role": { "S": "member" },
    });
    for (table, item) in [("permissions", record), ("domains", membership)] {
        let put = json!({ "TableName": format!("legacy-local-{table}"), "Item": item });
        project.client("dynamodb", "put_item", put);
    }

    let checked = project.run(&["check"]).expect(0);
    assert!(checked.stderr.contains("saasauth upgrade"), "{checked:?}");
    let written = files(&project.directory);
    project.run(&["upgrade", "--dry-run"]).expect(0);
    let told = project
        .run(&["upgrade", "--dry-run", "--detailed-exitcode"])
        .expect(2);
    for line in [
        "\n- common/src/lib.rs\n",
        "\n~ generate-token/src/main.rs\n",
    ] {
        assert!(told.stdout.contains(line), "{line}: {told:?}");
    }
    let unasked = project.run(&["upgrade"]).expect(3);
    assert!(unasked.stderr.contains("add `--yes`"), "{unasked:?}");
    assert_eq!(files(&project.directory), written, "nothing is written yet");

    let upgraded = project
        .run(&["upgrade", "--yes", "--json"])
        .expect(0)
        .json();
    assert_eq!(upgraded["done"], true, "{upgraded}");
    assert_eq!(upgraded["from"], Value::Null, "{upgraded}");
    // The workflow of that time can't be mended line by line.
    let [workflow] = &upgraded["by_hand"].as_array().unwrap()[..] else {
        panic!("one thing is left to do: {upgraded}");
    };
    let told = workflow.as_str().unwrap();
    assert!(
        told.starts_with("replace `.github/workflows/deploy.yml`"),
        "{told}"
    );
    assert_eq!(lambdas(&project.directory), lambdas(&fresh.directory));
    let checked = project.run(&["check"]).expect(0);
    assert!(!checked.stderr.contains("warning"), "{checked:?}");
    project
        .run(&["upgrade", "--dry-run", "--detailed-exitcode"])
        .expect(0);

    // The same files, so the same packages.
    fresh.lend_packages(&project, false);
    let diff = project
        .run(&["diff", "--no-build", "--json"])
        .expect(0)
        .json();
    let changes: Vec<_> = diff["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["action"].as_str().unwrap(),
                change["logical_id"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        changes,
        [("update", "ConfirmUser"), ("update", "GenerateToken")],
        "{diff}"
    );
    project.deploy();
    assert_eq!(project.inventory(), before, "all is still what it was");

    let seen = python("sign_in.py", &[ADDRESS, PASSWORD], &project.outputs());
    let claims = &seen["claims"];
    assert_eq!(claims["sub"], sub, "{seen}");
    assert_eq!(claims["role"], "admin", "{seen}");
    assert_eq!(
        claims["permissions"],
        json!(["billing:*", "engines:start", "members:*", "projects:*"]),
        "{seen}"
    );
    assert_eq!(claims["domains"], json!(["example.com"]), "{seen}");
    // The sign-in has the mail delivered.
    let endpoint = project.endpoint_url.as_deref().unwrap();
    let settled = python(
        "records.py",
        &[
            endpoint,
            &project.account,
            "legacy-local-permissions",
            "settled",
        ],
        &json!([sub]),
    );
    let record = &settled[&sub];
    assert_eq!(record.get("pending"), None, "{settled}");
    assert_eq!(record["created_at"], "2026-01-02T03:04:05Z", "{settled}");
    let verified = project.run(&["verify", "--json"]).expect(0).json();
    assert_eq!(verified["ok"], true, "{verified}");
}
