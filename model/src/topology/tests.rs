//! The topology of the examples.

use std::path::Path;

use super::*;
use crate::project;
use crate::resource::Alarm;

/// The example that uses every resource type.
pub(crate) fn whole() -> Topology {
    example("full", "prod")
}

fn project(name: &str) -> project::Project {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
        .join("saasauth.yaml");
    project::load(&path).expect("an example is valid")
}

pub(crate) fn example(name: &str, stage: &str) -> Topology {
    let project = project(name);
    let stage = project.stage(stage).expect("the example has the stage");
    build(stage, &Facts::assumed()).expect("no two resources of one name")
}

#[test]
fn physical_names_start_with_project_and_stage() {
    let topology = example("starter", "dev");
    let Resource::Table(table) = &topology.resources["PermissionsTable"].resource else {
        panic!("PermissionsTable is a table");
    };
    assert_eq!(
        table.table_name,
        format!("{}-dev-permissions", topology.project)
    );
}

#[test]
fn everything_taggable_carries_the_ownership_tags() {
    for (id, node) in &whole().resources {
        let properties = node.resource.properties();
        let text = properties.to_string();
        let tagged = text.contains(PROJECT_TAG) && text.contains(STAGE_TAG);
        let taggable = properties.get("Tags").is_some() || properties.get("UserPoolTags").is_some();
        assert_eq!(tagged, taggable, "{id}");
    }
}

#[test]
fn an_unverified_sender_falls_back_and_says_so() {
    let project = project("starter");
    let stage = project.stage("dev").expect("dev");
    let topology = build(
        stage,
        &Facts {
            identity: SenderIdentity::Ours { ready: false },
        },
    )
    .expect("no two resources of one name");
    let pool = topology.resources["UserPool"].resource.properties();
    assert_eq!(
        pool["EmailConfiguration"]["EmailSendingAccount"],
        "COGNITO_DEFAULT"
    );
    assert!(
        topology
            .notes
            .iter()
            .any(|note| note.contains("50 emails a day"))
    );
    let local = build(
        project.stage("local").expect("local"),
        &Facts {
            identity: SenderIdentity::Ours { ready: false },
        },
    )
    .expect("no two resources of one name");
    let pool = local.resources["UserPool"].resource.properties();
    assert_eq!(
        pool["EmailConfiguration"]["EmailSendingAccount"],
        "DEVELOPER"
    );
}

#[test]
fn a_shared_identity_is_used_but_not_declared() {
    let project = project("starter");
    let topology = build(
        project.stage("dev").expect("dev"),
        &Facts {
            identity: SenderIdentity::Theirs { ready: true },
        },
    )
    .expect("no two resources of one name");
    assert!(!topology.resources.contains_key("EmailIdentity"));
    let pool = topology.resources["UserPool"].resource.properties();
    assert_eq!(
        pool["EmailConfiguration"]["EmailSendingAccount"],
        "DEVELOPER"
    );
}

/// The variables of a function of the whole example.
fn variables(function: &str) -> serde_json::Value {
    whole().resources[function].resource.properties()["Environment"]["Variables"].clone()
}

#[test]
fn the_functions_are_told_what_the_file_says() {
    let confirm_user = variables(CONFIRM_USER);
    assert_eq!(confirm_user["WELCOME_TEMPLATE"], "full-prod-welcome");
    assert_eq!(confirm_user["WELCOME_LOCALES"], "de,pt-BR");
    assert_eq!(
        confirm_user["WELCOME_FIELDS"], "company,email,name",
        "of all languages, and blocks are no fields"
    );
    let marketing = confirm_user["MARKETING"].as_str().expect("it is text");
    let marketing: serde_json::Value = serde_json::from_str(marketing).expect("it is JSON");
    assert_eq!(marketing["opt_in"], "marketing_opt_in");
    assert_eq!(
        marketing["platforms"]["mailchimp"]["api_key"],
        "/full/mailchimp-key"
    );
    let generate_token = variables(GENERATE_TOKEN);
    assert_eq!(
        generate_token["CONFIRM_USER_FUNCTION"],
        "full-prod-confirm-user"
    );
    assert_eq!(generate_token["TOKEN_SCOPES"], "permissions");
    assert_eq!(generate_token["CLAIMS_BUDGET"], "4096");
    assert_eq!(generate_token["RESOURCE_SERVER"], "full", "it has machines");
    assert_eq!(generate_token["MARKETING"], serde_json::Value::Null);
}

#[test]
fn every_language_has_its_template() {
    let topology = whole();
    for (id, name, subject) in [
        ("WelcomeTemplate", "full-prod-welcome", "welcome aboard"),
        ("WelcomeTemplateDe", "full-prod-welcome-de", "Willkommen"),
        (
            "WelcomeTemplatePtBR",
            "full-prod-welcome-pt-BR",
            "Boas-vindas",
        ),
    ] {
        let template = &topology.resources[id].resource.properties()["Template"];
        assert_eq!(template["TemplateName"], name);
        let part = template["SubjectPart"].as_str().expect("it has a subject");
        assert!(part.contains(subject), "{part}");
    }
}

/// Every action of a role with the ends of the ARNs it is allowed on; an ARN the file gives, whole.
fn allowed(topology: &Topology, policy: &str) -> BTreeMap<String, Vec<String>> {
    let document = topology.resources[policy].resource.properties();
    let mut allowed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for statement in document["PolicyDocument"]["Statement"]
        .as_array()
        .expect("there are statements")
    {
        for action in statement["Action"].as_array().expect("a list") {
            let action = action.as_str().expect("a name").to_owned();
            for resource in statement["Resource"].as_array().expect("a list") {
                let end = match resource["Fn::Join"][1].as_array() {
                    Some(parts) => parts.last().and_then(serde_json::Value::as_str),
                    None => resource.as_str(),
                };
                allowed
                    .entry(action.clone())
                    .or_default()
                    .push(end.expect("it ends with its name").to_owned());
            }
        }
    }
    allowed
}

#[test]
fn the_functions_may_touch_only_what_is_theirs() {
    let topology = whole();
    let confirm_user = allowed(&topology, "ConfirmUserPolicy");
    assert_eq!(
        confirm_user["ssm:GetParameter"],
        [
            ":parameter/full/beehiiv-key",
            ":parameter/full/hubspot-token",
            ":parameter/full/kit-key",
            ":parameter/full/mailchimp-key",
            ":parameter/full/webhook-secret",
        ]
    );
    assert_eq!(
        confirm_user["ses:SendTemplatedEmail"],
        [
            ":identity/*",
            ":configuration-set/full-prod-email",
            ":template/full-prod-welcome",
            ":template/full-prod-welcome-de",
            ":template/full-prod-welcome-pt-BR",
        ]
    );
    // Any identity may receive, in the sandbox; only ours sends.
    let policy = topology.resources["ConfirmUserPolicy"]
        .resource
        .properties();
    let statements = policy["PolicyDocument"]["Statement"].as_array();
    let mut statements = statements.into_iter().flatten();
    let send = statements.find(|statement| statement["Sid"] == "SendWelcome");
    assert_eq!(
        send.expect("mail is sent")["Condition"],
        serde_json::json!({ "StringEquals": { "ses:FromAddress": "hello@mail.full.example" } })
    );
    assert_eq!(
        confirm_user["sqs:SendMessage"],
        [":full-prod-confirm-user-failures"]
    );
    let generate_token = allowed(&topology, "GenerateTokenPolicy");
    for role in [&confirm_user, &generate_token] {
        assert_eq!(
            role["kms:Decrypt"],
            ["arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-0000-0000-000000000000"; 2],
            "once for its variables, once for the tables"
        );
        assert_eq!(
            role["lambda:InvokeFunction"],
            [":function:full-prod-confirm-user"]
        );
        for (action, resources) in role {
            assert!(!action.contains('*'), "{action}");
            let wide = resources.iter().find(|resource| {
                // A log group's streams are below it.
                resource.trim_end_matches(":*").contains('*') && *resource != ":identity/*"
            });
            assert_eq!(wide, None, "{action}");
        }
    }
    for action in ["ssm:GetParameter", "sqs:SendMessage"] {
        assert!(!generate_token.contains_key(action), "{action}");
    }
    let quiet = allowed(&example("minimal", "dev"), "ConfirmUserPolicy");
    for action in ["ssm:GetParameter", "ses:SendEmail"] {
        assert!(!quiet.contains_key(action), "{action}");
    }
}

#[test]
fn alarms_are_made_where_the_file_wants_them() {
    let topology = whole();
    let alarms: Vec<&Alarm> = topology
        .resources
        .values()
        .filter_map(|node| match &node.resource {
            Resource::Alarm(alarm) => Some(alarm),
            _ => None,
        })
        .collect();
    assert_eq!(alarms.len(), 7);
    for alarm in &alarms {
        assert_eq!(
            alarm.alarm_actions,
            ["arn:aws:sns:eu-west-1:123456789012:operations"]
        );
        assert!(alarm.alarm_name.starts_with(&alarm.dimensions[0].value));
        assert_ne!(
            alarm.statistic.is_some(),
            alarm.extended_statistic.is_some()
        );
    }
    let thresholds = |id: &str| match &topology.resources[id].resource {
        Resource::Alarm(alarm) => alarm.threshold,
        _ => panic!("{id} is an alarm"),
    };
    assert_eq!(thresholds("ConfirmUserFailuresAlarm"), 0);
    assert_eq!(thresholds("ConfirmUserDurationAlarm"), 4500);
    assert_eq!(thresholds("GenerateTokenDurationAlarm"), 2700, "it has 3 s");
    let none = example("starter", "prod");
    assert!(!none.resources.keys().any(|id| id.ends_with("Alarm")));
}

/// A stage of a project file that stands here.
fn stage_of(text: &str, stage: &str) -> Stage {
    let folder = tempfile::tempdir().expect("a folder");
    for trigger in ["confirm-user", "generate-token"] {
        let trigger = folder.path().join("lambdas").join(trigger);
        std::fs::create_dir_all(&trigger).expect("a folder");
        std::fs::write(trigger.join("Cargo.toml"), "").expect("a file");
    }
    std::fs::write(folder.path().join("welcome.html"), "<p>Welcome</p>").expect("a file");
    let path = folder.path().join("saasauth.yaml");
    std::fs::write(&path, text).expect("a file");
    let project = project::load(&path).unwrap_or_else(|error| panic!("{error:?}"));
    project.stage(stage).expect("the project has it").clone()
}

/// What has one name in all regions of an account is not shared by the stage's in two of them.
#[test]
fn a_stage_in_another_region_has_roles_of_its_own() {
    let stage = project("full").stage("prod").expect("prod").clone();
    let there = stage.clone().in_region("ap-southeast-2").expect("a region");
    let [here, there] = [stage, there].map(|stage| build(&stage, &Facts::assumed()).expect("it"));
    let mut roles = 0;
    for (id, node) in &here.resources {
        let kind = node.resource.kind();
        let [one, other] = [&here, &there].map(|topology| {
            let properties = topology.resources[id].resource.properties();
            kind.identity(id, &properties)
        });
        // IAM alone has no region.
        if kind.type_name() == "AWS::IAM::Role" {
            assert_ne!(one, other, "{id}");
            roles += 1;
        } else if !kind.type_name().starts_with("AWS::IAM::") {
            assert_eq!(one, other, "{id}");
        }
    }
    assert_eq!(roles, 3);
}

/// Limits of names by their services' models.
#[test]
fn every_name_fits_of_the_longest_project_and_stage() {
    let (project, stage) = ("p".repeat(32), "s".repeat(11));
    let text = format!(
        r#"
version: 1
project: {project}
region: ap-southeast-2
sign_in:
  with: [email, phone]
  attributes: {{ locale: {{}} }}
clients:
  {client}: {{ kind: spa, callback_urls: ["https://app.acme.com/"] }}
  job: {{ kind: machine, scopes: ["{part}:{part}"] }}
hosted_ui: {{ prefix: acme }}
access: {{ default_role: {role}, roles: {{ {role}: [] }} }}
alarms: {{}}
email:
  from: hello@acme.com
  identity: acme.com
  welcome: {{ subject: Hi, html: welcome.html, locales: {{ yue-Hant-TW: {{ subject: Hi, html: welcome.html }} }} }}
stages: {{ {stage}: {{}} }}
"#,
        client = "c".repeat(32),
        part = "p".repeat(40),
        role = "r".repeat(32),
    );
    let topology = build(&stage_of(&text, &stage), &Facts::assumed()).expect("it");
    let mut checked = 0;
    for (id, node) in &topology.resources {
        let properties = node.resource.properties();
        for (pointer, limit) in [
            ("/RoleName", 64),
            ("/PolicyName", 128),
            ("/FunctionName", 64),
            ("/LogGroupName", 512),
            ("/TableName", 255),
            ("/QueueName", 80),
            ("/AlarmName", 255),
            ("/Name", 64),
            ("/Template/TemplateName", 64),
            ("/UserPoolName", 128),
            ("/ClientName", 128),
            ("/GroupName", 128),
            ("/Identifier", 256),
        ] {
            let Some(name) = properties
                .pointer(pointer)
                .and_then(serde_json::Value::as_str)
            else {
                continue;
            };
            // A resource server's name may be longer than a configuration set's.
            let limit = if id == "ResourceServer" { 256 } else { limit };
            assert!(name.len() <= limit, "{id}: `{name}` has {}", name.len());
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn who_needs_what_no_property_names_says_so() {
    let topology = whole();
    let edges = topology
        .resources
        .iter()
        .filter(|(_, node)| !node.depends_on.is_empty());
    let edges: Vec<_> = edges
        .map(|(id, node)| (id.as_str(), node.depends_on.clone()))
        .collect();
    let function = || vec!["ConfirmUser".to_owned()];
    assert_eq!(
        edges,
        [
            ("ConfirmUserRetries", vec!["ConfirmUserPolicy".to_owned()]),
            ("UserPool", vec!["SmsPolicy".to_owned()]),
            ("WelcomeTemplate", function()),
            ("WelcomeTemplateDe", function()),
            ("WelcomeTemplatePtBR", function()),
        ]
    );
    assert_eq!(topology.sms_region.as_deref(), Some("eu-west-1"));
    let without = example("starter", "dev");
    assert!(
        without
            .resources
            .iter()
            .filter(|(id, _)| !["ConfirmUserRetries", "WelcomeTemplate"].contains(&id.as_str()))
            .all(|(_, node)| node.depends_on.is_empty())
    );
    assert_eq!(without.sms_region, None);
}

#[test]
fn what_is_taken_over_is_known_in_every_place() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/projects/adopted.yaml"
    );
    let project = project::load(file.as_ref()).expect("it is valid");
    let stage = project.stage("prod").expect("it has one");
    let topology = build(stage, &Facts::assumed()).expect("it is built");
    let adopted = |id: &str| topology.resources[id].adopted.clone();
    let of = |id: Option<&str>, keep: &[&str]| {
        Some(Adopted {
            physical_id: id.map(str::to_owned),
            keep: keep.iter().map(|&name| name.to_owned()).collect(),
        })
    };
    let pool = [
        "UserPoolName",
        "LambdaConfig.PostConfirmation",
        "Schema[email]",
    ];
    assert_eq!(adopted("UserPool"), of(Some("eu-west-1_Ab12Cd34E"), &pool));
    let client = of(
        Some("eu-west-1_Ab12Cd34E|4k5l6m7n8o"),
        &["ExplicitAuthFlows"],
    );
    assert_eq!(adopted("ClientWeb"), client);
    assert_eq!(adopted("ClientNew"), None);
    assert_eq!(adopted("PermissionsTable"), of(None, &["BillingMode"]));
    assert_eq!(adopted("HostedUi"), of(None, &["ManagedLoginVersion"]));
    let provider = of(None, &["ProviderDetails", "AttributeMapping"]);
    assert_eq!(adopted("ProviderGoogle"), provider);
    assert_eq!(adopted("GroupAdmin"), of(None, &["Description"]));
    assert_eq!(adopted("GroupMember"), None);

    // The functions, and their rights, are to the table that is taken over, and to no other.
    let written = serde_json::to_string(&crate::plan::snapshot::tests::all(&topology));
    let written = written.expect("it is written");
    assert!(!written.contains("adopted-prod-permissions"), "{written}");
    assert!(written.contains("table/users"), "{written}");
}

/// What a plan refuses is shown where the file says it, and what left the file where it would stand.
#[test]
fn a_resource_is_found_in_the_file() {
    let stage = |example: &str| {
        let file = format!(
            "{}/../examples/{example}/saasauth.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        let project = project::load(Path::new(&file)).expect("it is valid");
        project.stage("local").expect("it has one").clone()
    };
    let starter = stage("starter");
    for (id, property, text) in [
        ("UserPool", "Schema[company].Required", "company:"),
        ("UserPool", "UsernameAttributes", "with:"),
        (
            "UserPool",
            "Policies.PasswordPolicy.MinimumLength",
            "password:",
        ),
        ("UserPool", "UserPoolName", "sign_in:"),
        ("ClientWeb", "GenerateSecret", "web:"),
        ("ClientGone", "", "clients:"),
        ("GroupAdmin", "", "admin:"),
        ("AccessRoleGone", "", "roles:"),
        ("CompanyDomainExampleDotCom", "", "example.com:"),
    ] {
        let place = place_of(&starter, id, property).unwrap_or_else(|| panic!("{id} {property}"));
        let marked = place.text.trim_start();
        assert!(marked.starts_with(text), "{id} {property}: {marked}");
    }
    assert_eq!(place_of(&starter, "ConfirmUserRole", ""), None);
}
