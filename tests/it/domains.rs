//! What a company's domain gives its members, from the sign-up to the day it leaves the project file.

use serde_json::{Value, json};

use crate::support::{Project, python};

const ADDRESS: &str = "ada@example.com";
/// What `tests/python/sign_up.py` chooses.
const PASSWORD: &str = "Correct-Horse-7-Battery";

fn claims(project: &Project) -> Value {
    let seen = python("sign_in.py", &[ADDRESS, PASSWORD], &project.outputs());
    seen["claims"].clone()
}

/// What the plan says of the domain, in JSON and on the screen.
fn reason(project: &Project) -> String {
    let plan = project
        .run(&["diff", "--no-build", "--json"])
        .expect(0)
        .json();
    let changes = plan["changes"].as_array().unwrap().iter();
    let mut domains =
        changes.filter(|change| change["physical_id"].to_string().contains("DOMAIN#"));
    let reason = domains.next().unwrap()["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let shown = project.run(&["diff", "--no-build"]).expect(0);
    // Narrow screens wrap it.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&shown.stdout).contains(&words(&reason)), "{shown:?}");
    reason
}

#[test]
fn a_domain_gives_what_it_gives_now_and_nothing_once_it_is_gone() {
    let project = Project::starter();
    project.deploy();
    project.sign_up(ADDRESS, "Ada");
    let first = claims(&project);
    assert_eq!(
        (&first["role"], &first["domains"]),
        (&json!("admin"), &json!(["example.com"]))
    );
    assert!(first["domain_roles"].is_null(), "{first}");

    // Another role of the domain; and tokens say more, which starts the function anew: definitions are remembered.
    project.edit(
        "  example.com: { role: admin }",
        "  example.com: { role: member }",
    );
    project.edit("tags: ", "tokens: { domains: roles }\n\ntags: ");
    assert_eq!(reason(&project), "at the next token, for its 1 member");
    project.deploy();
    let changed = claims(&project);
    assert_eq!(changed["role"], "member");
    assert_eq!(changed["domain_roles"], json!({ "example.com": "member" }));
    assert_eq!(
        changed["role_permissions"],
        json!({ "member": ["projects:read"] })
    );

    // In the company alone, by an operator: the role of the token is another matter.
    let grant = [
        "user",
        "grant",
        ADDRESS,
        "--domain",
        "example.com",
        "--domain-role",
        "admin",
    ];
    project.run(&grant).expect(0);
    let granted = claims(&project);
    assert_eq!(granted["role"], "member");
    assert_eq!(granted["domain_roles"], json!({ "example.com": "admin" }));
    assert!(granted["role_permissions"]["admin"].is_array(), "{granted}");

    project.edit("domains:\n  example.com: { role: member }\n", "");
    project.edit("domains: roles }", "domains: roles, budget: 2048 }");
    let told = "its 1 member lose it at the next token, and the role it gave; \
                wants `--allow-delete CompanyDomainExampleDotCom`";
    assert!(reason(&project).ends_with(told), "{}", reason(&project));
    project.run(&["deploy", "--no-build"]).expect(3);
    let allowed = ["--allow-delete", "CompanyDomainExampleDotCom"];
    project
        .run(&[&["deploy", "--no-build"][..], &allowed].concat())
        .expect(0);
    let gone = claims(&project);
    assert_eq!(
        (&gone["role"], &gone["domains"]),
        (&json!("member"), &json!([]))
    );
    assert_eq!(gone["domain_roles"], json!({}));
    let shown = project
        .run(&["user", "show", ADDRESS, "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&shown["role"], &shown["domains"]),
        (&json!("member"), &json!({}))
    );
}
