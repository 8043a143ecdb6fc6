//! Plans at fixed widths, without colour.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use saasauth_model::project::stage::Engine;
use saasauth_model::resource::{Answers, Kind};

fn plan(changes: Vec<Change>, unchanged: usize) -> Plan {
    Plan {
        stage: "dev".to_owned(),
        engine: Engine::Direct,
        changes,
        unchanged: (0..unchanged).map(|n| format!("R{n}")).collect(),
        notes: Vec::new(),
        steps: Vec::new(),
        gone_with: BTreeMap::new(),
        answers: Answers::default(),
        drift: Vec::new(),
    }
}

fn change(action: Action, id: &str, kind: Kind, properties: &[(&str, Value, Value)]) -> Change {
    let some = |value: &Value| (!value.is_null()).then(|| value.clone());
    Change {
        logical_id: id.to_owned(),
        type_name: kind.type_name(),
        physical_id: None,
        action,
        reason: None,
        properties: properties
            .iter()
            .map(|(path, before, after)| PropertyChange {
                path: (*path).to_owned(),
                before: some(before),
                after: some(after),
            })
            .collect(),
        kind,
    }
}

fn rendered(plan: &Plan, width: usize, verbose: bool) -> String {
    anstream::adapter::strip_str(&render(plan, Layout { width, verbose })).to_string()
}

fn every_action() -> Plan {
    let table = change(
        Action::Create,
        "DomainsTable",
        Kind::Table,
        &[("BillingMode", json!(null), json!("PAY_PER_REQUEST"))],
    );
    let function = change(
        Action::Update,
        "ConfirmUser",
        Kind::Function,
        &[
            ("MemorySize", json!(128), json!(256)),
            ("Tags.team", json!(null), json!("identity")),
            ("Tags.owner", json!("ada"), json!(null)),
            (
                "Role",
                json!("arn:aws:iam::123456789012:role/acme-dev-confirm-user"),
                json!({ "Fn::GetAtt": ["ConfirmUserRole", "Arn"] }),
            ),
            (
                "Code",
                json!("3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w8="),
                json!("9q2+7w3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w3q2+7w8="),
            ),
        ],
    );
    let mut permission = change(
        Action::Replace,
        "ConfirmUserPermission",
        Kind::Permission,
        &[(
            "SourceAccount",
            json!("111111111111"),
            json!("222222222222"),
        )],
    );
    permission.reason = Some("`SourceAccount` can't change in place".to_owned());
    let mut group = change(Action::Delete, "EditorsGroup", Kind::UserPoolGroup, &[]);
    group.physical_id = Some("eu-west-1_Ab12Cd34E|editors".to_owned());
    group.reason = Some("left the project file".to_owned());
    // Deliberately not in the order of actions.
    plan(vec![group, permission, function, table], 27)
}

#[test]
fn every_action_at_100_columns() {
    assert_eq!(
        rendered(&every_action(), 100, false),
        "  \
  + DomainsTable           AWS::DynamoDB::Table
  ~ ConfirmUser            AWS::Lambda::Function
      MemorySize: 128 → 256
      Tags.team: (not set) → identity
      Tags.owner: ada → (not set)
      Role: arn:aws:iam::123456789012:role/acme-dev-confirm-user → (known after deploy)
      Code: 3q2+7w3q… → 9q2+7w3q…
  ± ConfirmUserPermission  AWS::Lambda::Permission  (`SourceAccount` can't change in place)
      SourceAccount: 111111111111 → 222222222222
  - EditorsGroup           AWS::Cognito::UserPoolGroup  eu-west-1_Ab12Cd34E|editors
      (left the project file)

Plan: 1 to create, 1 to update, 1 to replace, 1 to delete, 27 unchanged
"
    );
}

#[test]
fn every_action_at_60_columns() {
    let text = rendered(&every_action(), 60, false);
    assert_eq!(
        text,
        "  \
  + DomainsTable           AWS::DynamoDB::Table
  ~ ConfirmUser            AWS::Lambda::Function
      MemorySize: 128 → 256
      Tags.team: (not set) → identity
      Tags.owner: ada → (not set)
      Role:
        - arn:aws:iam::123456789012…le/acme-dev-confirm-user
        + (known after deploy)
      Code: 3q2+7w3q… → 9q2+7w3q…
  ± ConfirmUserPermission  AWS::Lambda::Permission
      (`SourceAccount` can't change in place)
      SourceAccount: 111111111111 → 222222222222
  - EditorsGroup           AWS::Cognito::UserPoolGroup
      eu-west-1_Ab12Cd34E|editors  (left the project file)

Plan: 1 to create, 1 to update, 1 to replace, 1 to delete,
      27 unchanged
"
    );
    assert!(text.lines().all(|line| measure(line) <= 60));
}

#[test]
fn policies_and_lists_show_only_the_entries_that_differ() {
    let arn = |name: &str| format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{name}");
    let policy = |actions: Value, resources: Value| {
        json!({ "Version": "2012-10-17", "Statement": [{ "Sid": "Tables", "Effect": "Allow",
            "Action": actions, "Resource": resources }] })
    };
    let change = change(
        Action::Update,
        "ConfirmUserPolicy",
        Kind::RolePolicy,
        &[
            (
                "PolicyDocument",
                policy(
                    json!(["dynamodb:GetItem", "dynamodb:Scan"]),
                    json!([arn("acme-dev-permissions")]),
                ),
                policy(
                    json!(["dynamodb:GetItem"]),
                    json!([arn("acme-dev-permissions"), { "Fn::GetAtt": ["DomainsTable", "Arn"] }]),
                ),
            ),
            (
                "ExplicitAuthFlows",
                json!(["ALLOW_USER_SRP_AUTH"]),
                json!(["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]),
            ),
            ("Architectures", json!(["a", "b"]), json!(["b", "a"])),
        ],
    );
    let plan = plan(vec![change], 1);
    assert_eq!(
        rendered(&plan, 60, false),
        "  \
  ~ ConfirmUserPolicy  AWS::IAM::RolePolicy
      PolicyDocument:
        - Tables.Action: dynamodb:Scan
        + Tables.Resource: (known after deploy)
      ExplicitAuthFlows:
        + ALLOW_REFRESH_TOKEN_AUTH
      Architectures: the same in another order

Plan: 0 to create, 1 to update, 0 to replace, 0 to delete,
      1 unchanged
"
    );
}

#[test]
fn a_wide_value_goes_to_lines_of_its_own_when_it_is_too_wide() {
    let change = change(
        Action::Update,
        "F",
        Kind::Function,
        &[(
            "Description",
            json!("日本語の説明です"),
            json!("日本語の説明でした"),
        )],
    );
    let plan = plan(vec![change], 0);
    let text = rendered(&plan, 48, false);
    let lines: Vec<&str> = text.lines().skip(1).take(3).collect();
    assert_eq!(
        lines,
        [
            "      Description:",
            "        - 日本語の説明です",
            "        + 日本語の説明でした"
        ]
    );
}

#[test]
fn variables_are_shortened_whatever_the_width() {
    let long = |end: &str| json!(format!("{}{end}", "x".repeat(100)));
    let change = change(
        Action::Update,
        "F",
        Kind::Function,
        &[("Environment.Variables.KEY", long("1"), long("2"))],
    );
    let text = rendered(&plan(vec![change], 0), 300, false);
    let line = text.lines().nth(1).expect("the property");
    assert!(line.ends_with(&format!("{}2", "x".repeat(28))), "{line}");
    assert!(!line.contains(&"x".repeat(31)), "{line}");
}

#[test]
fn creates_show_their_properties_when_asked() {
    let create = change(
        Action::Create,
        "UserPool",
        Kind::UserPool,
        &[
            ("UserPoolTier", json!(null), json!("ESSENTIALS")),
            ("UsernameAttributes", json!(null), json!(["email"])),
            (
                "Schema[company]",
                json!(null),
                json!({ "Name": "company", "AttributeDataType": "String", "Mutable": true }),
            ),
        ],
    );
    let plan = plan(vec![create], 0);
    assert!(!rendered(&plan, 60, false).contains("UserPoolTier"));
    assert_eq!(
        rendered(&plan, 60, true),
        "  \
  + UserPool  AWS::Cognito::UserPool
      UserPoolTier: ESSENTIALS
      UsernameAttributes: [email]
      Schema[company]:
        + Name: company
        + AttributeDataType: String
        + Mutable: true

Plan: 1 to create, 0 to update, 0 to replace, 0 to delete,
      0 unchanged
"
    );
}

#[test]
fn long_lists_of_entries_are_counted() {
    let entries: Vec<String> = (0..20).map(|n| format!("url{n}")).collect();
    let change = change(
        Action::Update,
        "C",
        Kind::UserPoolClient,
        &[("CallbackURLs", json!(null), json!(entries))],
    );
    let plan = plan(vec![change], 0);
    assert!(
        rendered(&plan, 80, false).contains("        + url11\n        … and 8 more, shown by -v\n")
    );
    assert!(rendered(&plan, 80, true).contains("url19"));
}

#[test]
fn nothing_to_do_is_said() {
    assert_eq!(
        rendered(&plan(vec![], 30), 60, false),
        "No changes: 30 resources are as the project file says.\n"
    );
    assert_eq!(
        rendered(&plan(vec![], 1), 60, false),
        "No changes: 1 resource is as the project file says.\n"
    );
    assert_eq!(
        rendered(&plan(vec![], 0), 60, false),
        "No changes: there is nothing to do.\n"
    );
}

#[test]
fn notes_stand_before_the_totals_and_hang() {
    let mut plan = plan(vec![], 2);
    plan.notes =
        vec!["Cognito sends the mail itself, which is limited to 50 emails a day".to_owned()];
    assert_eq!(
        rendered(&plan, 60, false),
        "note: Cognito sends the mail itself, which is limited to 50\n      \
         emails a day\n\nNo changes: 2 resources are as the project file says.\n"
    );
}

#[test]
fn values_from_elsewhere_cannot_move_the_cursor() {
    let change = change(
        Action::Update,
        "F",
        Kind::Function,
        &[("Description", json!("\u{1b}[2J"), json!("ok"))],
    );
    let text = render(
        &plan(vec![change], 0),
        Layout {
            width: 80,
            verbose: false,
        },
    );
    assert!(text.contains("\\u{1b}[2J → ok"));
}

#[test]
fn what_is_alike_is_counted_and_what_is_not_stands_out() {
    let deleted = |number: usize| {
        let mut change = change(
            Action::Delete,
            &format!("Group{number:03}"),
            Kind::UserPoolGroup,
            &[],
        );
        change.reason = Some("left the project file".to_owned());
        change
    };
    let mut changes: Vec<Change> = (0..200).map(deleted).collect();
    changes[100].reason = Some("left the project file; 2 users hold `admin`".to_owned());
    let plan = plan(changes, 0);
    let text = rendered(&plan, 100, false);
    assert!(text.lines().count() < 20, "{text}");
    for part in [
        "Group100",
        "2 users hold",
        "… and 95 more, shown by -v",
        "… and 94 more",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("200 to delete"), "{text}");
    let all = rendered(&plan, 100, true);
    assert!(all.lines().count() > 200 && !all.contains("shown by -v"));
}

#[test]
fn drift_stands_apart_from_what_is_asked() {
    let function = |before: u32, after: u32| {
        change(
            Action::Update,
            "ConfirmUser",
            Kind::Function,
            &[("MemorySize", json!(before), json!(after))],
        )
    };
    let mut plan = plan(vec![function(1024, 512)], 3);
    plan.drift = vec![function(256, 1024)];
    insta::assert_snapshot!(rendered(&plan, 70, false), @r"
    Drift, changed by others since the last deploy, from what that left:
      ~ ConfirmUser  AWS::Lambda::Function
          MemorySize: 256 → 1024

    What a deploy does:
      ~ ConfirmUser  AWS::Lambda::Function
          MemorySize: 1024 → 512

    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete, 3 unchanged
    ");
}
