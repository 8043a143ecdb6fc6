//! Roles and their policies, and what those let a service do.

use serde_json::Value;

use super::facts::{Role, statements};
use super::{Rule, When, given, refuse_if, text};

/// IAM counts the characters of all inline policies of a role, whitespace aside: the quotas page.
const INLINE_SIZE: usize = 10_240;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a trust policy that isn't JSON",
        service: "iam",
        operations: &["CreateRole", "UpdateAssumeRolePolicy"],
        code: "MalformedPolicyDocument",
        when: When::Input(|input| {
            refuse_if(
                trust_policy(input).is_none(),
                "This policy contains invalid Json",
            )
        }),
        source: "localstack/localstack, snapshots of its IAM tests",
    },
    Rule {
        name: "a trust policy about a resource",
        service: "iam",
        operations: &["CreateRole", "UpdateAssumeRolePolicy"],
        code: "MalformedPolicyDocument",
        when: When::Input(|input| {
            refuse_if(
                statements(&trust_policy(input)?)
                    .iter()
                    .any(|one| given(one, "/Resource") || given(one, "/NotResource")),
                "Has prohibited field Resource",
            )
        }),
        source: "IAM guide, AWS JSON policy elements: Resource",
    },
    Rule {
        name: "a trust policy that trusts nobody",
        service: "iam",
        operations: &["CreateRole", "UpdateAssumeRolePolicy"],
        code: "MalformedPolicyDocument",
        when: When::Input(|input| {
            let statements = statements(&trust_policy(input)?);
            refuse_if(
                statements.is_empty()
                    || statements
                        .iter()
                        .any(|one| !given(one, "/Principal") && !given(one, "/NotPrincipal")),
                "Missing required field Principal",
            )
        }),
        source: "IAM guide, AWS JSON policy elements: Principal",
    },
    Rule {
        name: "a trust policy about another service's actions",
        service: "iam",
        operations: &["CreateRole", "UpdateAssumeRolePolicy"],
        code: "MalformedPolicyDocument",
        when: When::Input(|input| {
            let statements = statements(&trust_policy(input)?);
            let mut actions = statements.iter().flat_map(|one| each(&one["Action"]));
            refuse_if(
                actions.any(|action| !action.to_ascii_lowercase().starts_with("sts:")),
                "AssumeRole policy may only specify STS AssumeRole actions.",
            )
        }),
        source: "IAM guide, Troubleshooting IAM policies",
    },
    Rule {
        name: "a role's own policy that names a principal",
        service: "iam",
        operations: &["PutRolePolicy"],
        code: "MalformedPolicyDocument",
        when: When::Input(|input| {
            let policy: Value = serde_json::from_str(text(input, "/PolicyDocument")?).ok()?;
            refuse_if(
                statements(&policy)
                    .iter()
                    .any(|one| given(one, "/Principal") || given(one, "/NotPrincipal")),
                "Policy document should not specify a principal.",
            )
        }),
        source: "IAM guide, AWS JSON policy elements: Principal",
    },
    Rule {
        name: "an action of no service",
        service: "iam",
        operations: &["PutRolePolicy"],
        code: "MalformedPolicyDocument",
        when: When::Input(|input| {
            let policy: Value = serde_json::from_str(text(input, "/PolicyDocument")?).ok()?;
            let statements = statements(&policy);
            let mut actions = statements
                .iter()
                .flat_map(|one| each(&one["Action"]).chain(each(&one["NotAction"])));
            refuse_if(
                actions.any(|action| action != "*" && !action.contains(':')),
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            )
        }),
        source: "IAM guide, AWS JSON policy elements: Action; localstack/localstack, snapshots of its IAM tests",
    },
    Rule {
        name: "a resource that is no ARN",
        service: "iam",
        operations: &["PutRolePolicy"],
        code: "MalformedPolicyDocument",
        when: When::Input(|input| {
            let policy: Value = serde_json::from_str(text(input, "/PolicyDocument")?).ok()?;
            let statements = statements(&policy);
            let mut resources = statements
                .iter()
                .flat_map(|one| each(&one["Resource"]).chain(each(&one["NotResource"])));
            let wrong = resources.find(|one| *one != "*" && !one.starts_with("arn:"))?;
            Some(format!("Resource {wrong} must be in ARN format or \"*\"."))
        }),
        source: "IAM guide, AWS JSON policy elements: Resource; localstack/localstack, snapshots of its IAM tests",
    },
    Rule {
        name: "more inline policy than a role may have",
        service: "iam",
        operations: &["PutRolePolicy"],
        code: "LimitExceeded",
        when: When::Input(|input| {
            let document = text(input, "/PolicyDocument")?;
            let size = document.chars().filter(|one| !one.is_whitespace()).count();
            let role = text(input, "/RoleName").unwrap_or_default();
            (size > INLINE_SIZE).then(|| {
                format!("Maximum policy size of {INLINE_SIZE} bytes exceeded for role {role}")
            })
        }),
        source: "IAM guide, IAM and AWS STS quotas",
    },
    Rule {
        name: "deleting a role that has policies",
        service: "iam",
        operations: &["DeleteRole"],
        code: "DeleteConflict",
        when: When::Facts(|facts| {
            Box::pin(async {
                let role = facts.role(text(facts.input, "/RoleName")?).await?;
                if role.has_managed {
                    return Some("Cannot delete entity, must detach all policies first.".into());
                }
                refuse_if(
                    !role.statements.is_empty(),
                    "Cannot delete entity, must delete policies first.",
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws#3222",
    },
];

/// The trust policy in a request, as a document.
fn trust_policy(input: &Value) -> Option<Value> {
    let text =
        text(input, "/AssumeRolePolicyDocument").or_else(|| text(input, "/PolicyDocument"))?;
    let policy: Value = serde_json::from_str(text).ok()?;
    policy.is_object().then_some(policy)
}

/// Whether a service may assume a role, told of `context`: keys in lower case.
pub(super) fn lets_assume(role: &Role, service: &str, context: &[(&str, &str)]) -> bool {
    let applies = |statement: &Value| {
        let principal = &statement["Principal"];
        let names_it = principal == "*"
            || principal["AWS"] == "*"
            || each(&principal["Service"]).any(|name| name == service);
        names_it
            && each(&statement["Action"]).any(|action| is_action(action, "sts:AssumeRole"))
            && holds(&statement["Condition"], context)
    };
    decides(&role.trust, applies)
}

/// Whether the policies of a role allow an action on something. Managed ones may, whatever stands in them.
pub(super) fn allows(role: &Role, action: &str) -> bool {
    let applies = |statement: &Value| each(&statement["Action"]).any(|one| is_action(one, action));
    let denied = role
        .statements
        .iter()
        .any(|one| one["Effect"] == "Deny" && applies(one) && one["Resource"] == "*");
    let allowed = role
        .statements
        .iter()
        .any(|one| one["Effect"] == "Allow" && applies(one));
    !denied && (allowed || role.has_managed)
}

/// Whether the policies of a role allow an action on this very resource. Managed ones may, whatever stands in them.
pub(super) fn allows_on(role: &Role, action: &str, resource: &str) -> bool {
    let applies = |statement: &Value| {
        each(&statement["Action"]).any(|one| is_action(one, action))
            && each(&statement["Resource"]).any(|pattern| matches(pattern, resource))
    };
    role.has_managed || decides(&role.statements, applies)
}

/// A statement that denies wins over any that allows.
fn decides(statements: &[Value], applies: impl Fn(&Value) -> bool) -> bool {
    let by = |effect: &str| {
        statements
            .iter()
            .any(|statement| statement["Effect"] == effect && applies(statement))
    };
    by("Allow") && !by("Deny")
}

fn holds(conditions: &Value, context: &[(&str, &str)]) -> bool {
    let Some(operators) = conditions.as_object() else {
        return true;
    };
    operators
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .all(|(key, wanted)| {
            let key = key.to_ascii_lowercase();
            let known = context.iter().find(|(name, _)| *name == key);
            known.is_some_and(|(_, value)| each(wanted).any(|pattern| matches(pattern, value)))
        })
}

/// One text or a list of them: IAM's JSON takes both nearly everywhere.
fn each(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value
        .as_str()
        .into_iter()
        .chain(list.iter().filter_map(Value::as_str))
}

/// Actions are told apart without regard to letter case.
fn is_action(pattern: &str, action: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// IAM's wildcards: `*` for any run of characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // Where the last star stood, and what it has eaten so far.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((starred, eaten)) = star else {
                    return false;
                };
                star = Some((starred, eaten + 1));
                at = starred + 1;
                read = eaten + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(trust: &Value, policy: &Value) -> Role {
        Role {
            trust: statements(trust),
            statements: statements(policy),
            has_managed: false,
        }
    }

    #[test]
    fn who_may_assume_a_role() {
        let trust = |condition: Value| {
            json!({ "Statement": {
                "Effect": "Allow",
                "Principal": { "Service": ["lambda.amazonaws.com", "cognito-idp.amazonaws.com"] },
                "Action": "sts:AssumeRole",
                "Condition": condition,
            }})
        };
        let assumes = |trust: &Value, context: &[(&str, &str)]| {
            lets_assume(
                &role(trust, &json!({})),
                "cognito-idp.amazonaws.com",
                context,
            )
        };
        let known = [("sts:externalid", "me"), ("aws:sourceaccount", "1")];
        assert!(assumes(&trust(Value::Null), &[]));
        let external = trust(json!({ "StringEquals": { "sts:ExternalId": "me" } }));
        assert!(assumes(&external, &known));
        assert!(!assumes(&external, &known[1..]));
        let other = trust(json!({ "StringEquals": { "sts:ExternalId": ["you", "they"] } }));
        assert!(!assumes(&other, &known));
        let mut denied = trust(Value::Null);
        denied["Statement"]["Effect"] = "Deny".into();
        assert!(!assumes(&denied, &known));
        let mut lambda_alone = trust(Value::Null);
        lambda_alone["Statement"]["Principal"]["Service"] = "lambda.amazonaws.com".into();
        assert!(!assumes(&lambda_alone, &known));
    }

    #[test]
    fn what_a_role_may_do() {
        let may = |effect: &str, action: &str| {
            let policy = json!({ "Statement": [
                { "Effect": effect, "Action": [action], "Resource": "*" },
            ]});
            allows(&role(&json!({}), &policy), "sns:Publish")
        };
        for action in ["sns:Publish", "sns:publish", "sns:*", "*", "sns:Pub*sh"] {
            assert!(may("Allow", action), "{action}");
            assert!(!may("Deny", action), "{action}");
        }
        for action in ["sns:PublishBatch", "sqs:*", "sns:Pub"] {
            assert!(!may("Allow", action), "{action}");
        }
    }
}
