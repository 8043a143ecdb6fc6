//! What tokens say beyond the everyday, as third-party clients read them: scopes, cut claims, machines.

use serde_json::{Value, json};

use crate::support::{Project, python};

const ADDRESS: &str = "grace@other.org";
const PASSWORD: &str = "Correct-Horse-7-Battery";

/// The claims of the user's next access token.
fn token(project: &Project) -> Value {
    let seen = python("sign_in.py", &[ADDRESS, PASSWORD], &project.outputs());
    seen["claims"].clone()
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list}"));
    list.iter().filter_map(Value::as_str).collect()
}

#[test]
fn claims_beyond_the_budget_are_cut_and_the_token_says_where_the_rest_is() {
    let project = Project::starter();
    project.edit(
        "version: 1\n",
        "version: 1\ntokens: { scopes: permissions, budget: 1024 }\n",
    );
    project.deploy();
    let sub = project.admin_made(ADDRESS, PASSWORD);

    let whole = token(&project);
    assert_eq!(whole["permissions"], json!(["projects:read"]), "{whole}");
    assert_eq!(whole.get("permissions_ref"), None, "{whole}");
    let scopes = |claims: &Value| -> Vec<String> {
        let scope = claims["scope"].as_str().unwrap();
        scope.split(' ').map(str::to_owned).collect()
    };
    assert!(
        scopes(&whole).contains(&"projects:read".to_owned()),
        "{whole}"
    );

    let granted: Vec<String> = (0..80).map(|n| format!("area-{n:03}:use")).collect();
    let mut grant = vec!["user", "grant", ADDRESS, "--permission", "zones:*"];
    for permission in &granted {
        grant.extend(["--permission", permission]);
    }
    project.run(&grant).expect(0);

    let cut = token(&project);
    assert_eq!(cut["permissions_ref"], format!("USER#{sub}"), "{cut}");
    assert_eq!(cut.get("domains_ref"), None, "{cut}");
    let kept = texts(&cut["permissions"]);
    assert!(kept.contains(&"zones:*"), "the widest stays: {cut}");
    let narrow = &kept[..kept.len() - 1];
    assert!(narrow.len() > 5 && narrow.len() < 60, "{cut}");
    assert_eq!(
        narrow,
        &granted[..narrow.len()],
        "an unbroken start, in order"
    );
    let carried = scopes(&cut);
    for permission in kept {
        assert!(carried.contains(&permission.to_owned()), "{cut}");
    }
    assert!(
        !carried.contains(&granted[79]),
        "no scope the token doesn't permit: {cut}"
    );
}

#[test]
fn a_machines_scopes_are_its_permissions() {
    let project = Project::starter();
    project.edit(
        "\nclients:\n",
        "\nclients:\n  nightly: { kind: machine, scopes: [\"reports:read\", \"reports:write\"] }\n",
    );
    project.deploy();
    let server = "starter";
    let scope = format!("{server}/reports:read");
    let claims = python(
        "machine.py",
        &[&project.account, "nightly", &scope],
        &project.outputs(),
    );
    assert_eq!(claims["scope"], scope, "{claims}");
    assert_eq!(claims["permissions"], json!(["reports:read"]), "{claims}");
    assert_eq!(claims.get("role"), None, "a machine has none: {claims}");
}
