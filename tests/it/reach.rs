//! Deletions that hit people: said with their number, and made only when somebody says so.

use serde_json::json;

use crate::support::{Project, on_a_terminal};

/// Somebody who holds a role.
fn holder(project: &Project, sub: &str, role: &str) {
    project.client(
        "dynamodb",
        "put_item",
        json!({
            "TableName": "starter-local-permissions",
            "Item": { "pk": { "S": format!("USER#{sub}") }, "role": { "S": role } },
        }),
    );
}

/// Takes the role out of the file, and out of the domain that gives it.
fn without_admin(project: &Project) {
    project.edit(
        "    admin: [\"projects:*\", \"billing:*\", \"members:*\"]\n",
        "",
    );
    project.edit(
        "  example.com: { role: admin }",
        "  example.com: { role: member }",
    );
}

#[test]
fn what_people_depend_on_goes_only_when_it_is_named() {
    let project = Project::starter();
    project.deploy();
    for (sub, role) in [("1", "admin"), ("2", "admin"), ("3", "member")] {
        holder(&project, sub, role);
    }
    // A client under a new name, and a role out of the file.
    project.edit("  web:  ", "  app:  ");
    project.edit("      web:\n", "      app:\n");
    project.edit("  default_role: member", "  default_role: member # only");
    without_admin(&project);

    // A look says whom it hits.
    let seen = project.run(&["diff", "--no-build"]).expect(0);
    for part in [
        "2 users hold `admin`",
        "applications that hold its client ID",
        "wants `--allow-delete ClientWeb`",
    ] {
        let text = seen.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "{part}: {seen:?}");
    }
    // All that is refused at once, and nothing is done.
    let refused = project.run(&["deploy", "--no-build", "--yes"]).expect(3);
    for part in [
        "refused to delete `ClientWeb`",
        "--allow-delete ClientWeb",
        "2 users hold `admin`",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    let one = project
        .run(&["deploy", "--no-build", "--allow-delete", "AccessRoleAdmin"])
        .expect(3);
    assert!(
        !one.stderr.contains("2 users hold `admin`\nhint"),
        "{one:?}"
    );
    let seen = project.run(&["diff", "--no-build"]).expect(0);
    assert!(
        seen.stdout.contains("3 to delete"),
        "nothing was done: {seen:?}"
    );

    let allowed = [
        "--allow-delete",
        "AccessRoleAdmin",
        "--allow-delete",
        "ClientWeb",
        "--allow-delete",
        "Nothing",
    ];
    let mut deploy = vec!["deploy", "--no-build"];
    deploy.extend(allowed);
    let deployed = project.run(&deploy).expect(0);
    let idle = "`--allow-delete Nothing` names nothing that is deleted";
    assert!(deployed.stderr.contains(idle), "{deployed:?}");
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
    // A role that nobody holds goes without a word.
    project.edit(
        "    member: [",
        "    guest: [\"projects:read\"]\n    member: [",
    );
    project.deploy();
    project.edit("    guest: [\"projects:read\"]\n", "");
    project.deploy();
}

#[test]
fn a_renamed_client_keeps_its_id() {
    let project = Project::starter();
    let web = project.deploy()["outputs"]["clients"]["web"]["client_id"].clone();
    project.edit("  web:  ", "  app:  ");
    project.edit("      web:\n", "      app:\n");
    let refused = project.run(&["deploy", "--no-build"]).expect(3);
    let hint = "give it `renamed_from: OLD_NAME`";
    assert!(refused.stderr.contains(hint), "{refused:?}");
    project.edit("    kind: spa\n", "    kind: spa\n    renamed_from: web\n");
    let renamed = project.deploy();
    assert_eq!(renamed["summary"]["update"], 1, "{renamed:#}");
    assert_eq!(renamed["outputs"]["clients"]["app"]["client_id"], web);
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
}

#[test]
fn a_person_types_the_stages_name() {
    let project = Project::dev();
    project
        .run(&["deploy", "--no-build", "--stage", "dev", "--yes"])
        .expect(0);
    project.edit("  web:  ", "  app:  ");
    project.edit("      web:\n", "      app:\n");
    let deploy = ["deploy", "--no-build", "--stage", "dev"];
    let no = on_a_terminal(&project, "y", &deploy);
    assert_eq!(no.code, 3, "{no:?}");
    let yes = on_a_terminal(&project, "dev", &deploy);
    assert_eq!(yes.code, 0, "{yes:?}");
}

#[test]
fn all_refusals_of_a_plan_are_said_at_once() {
    let project = Project::starter();
    project.deploy();
    holder(&project, "1", "admin");
    project.edit("    kind: spa", "    kind: server");
    without_admin(&project);
    let refused = project.run(&["deploy", "--no-build"]).expect(3);
    for part in [
        "refused to replace `ClientWeb`",
        "--allow-replace ClientWeb",
        "refused to delete `AccessRoleAdmin`",
        "1 user holds `admin`",
        "--allow-delete AccessRoleAdmin",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    // Each where the file says it: the client, and the roles that one is no longer among.
    let shown = refused.stderr.lines().map(str::trim);
    let places = shown.filter(|line| line.starts_with("--> saasauth.yaml:"));
    assert_eq!(places.count(), 2, "{refused:?}");
    for line in ["  web:", "  roles:"] {
        assert!(refused.stderr.contains(line), "{line}: {refused:?}");
    }
}
