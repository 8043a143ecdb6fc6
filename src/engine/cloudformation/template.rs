//! Renders a stage as a CloudFormation template. Pure: the same stage gives the same bytes.

use serde_json::{Map, Value, json};

use saasauth_model::error::Result;
use saasauth_model::project::stage::Stage;
use saasauth_model::resource::Kind;
use saasauth_model::resource::function::ARTIFACT_BUCKET;
use saasauth_model::topology::{self, CONFIRM_USER, Facts, GENERATE_TOKEN, Topology};

/// The parameter that says whether mail can be sent from the sender.
const SENDER_VERIFIED: &str = "SenderVerified";
/// The condition made of it.
const SENDER_IS_VERIFIED: &str = "SenderIsVerified";

/// A stage as it is to be, and as it has to be until SES has verified its sender. A template can't know which of
/// the two its account is at, and Cognito refuses the former before.
#[derive(Debug)]
pub struct Topologies {
    verified: Topology,
    unverified: Topology,
}

impl Topologies {
    /// Of a stage, without asking anybody.
    pub fn of(stage: &Stage) -> Result<Self> {
        Ok(Self {
            verified: topology::build(stage, &Facts::assumed())?,
            unverified: topology::build(stage, &Facts::unverified())?,
        })
    }
}

/// The template, as the JSON document CloudFormation takes.
pub fn render(topologies: &Topologies) -> Value {
    let Topologies {
        verified: topology,
        unverified,
    } = topologies;
    let mut resources = Map::new();
    let mut items = Vec::new();
    let mut has_condition = false;
    for (id, node) in &topology.resources {
        let kind = node.resource.kind();
        let mut properties = node.resource.properties();
        if kind == Kind::Item {
            items.push(properties);
            continue;
        }
        if let Some(before) = unverified.resources.get(id) {
            has_condition |= either(&mut properties, before.resource.properties());
        }
        if kind == Kind::UserPool {
            leave_chosen_message(&mut properties);
        }
        let mut resource = Map::new();
        resource.insert("Type".to_owned(), json!(kind.type_name()));
        if !node.depends_on.is_empty() {
            resource.insert("DependsOn".to_owned(), json!(node.depends_on));
        }
        if kind.rules().holds_data {
            // Deleting the stack, or replacing the resource, must never delete users.
            resource.insert("DeletionPolicy".to_owned(), json!("Retain"));
            resource.insert("UpdateReplacePolicy".to_owned(), json!("Retain"));
        }
        resource.insert("Properties".to_owned(), properties);
        resources.insert(id.clone(), Value::Object(resource));
    }
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Sign-up and sign-in of {}, stage {}", topology.project, topology.stage),
        "Parameters": parameters(topology),
    });
    if has_condition {
        let identity = unverified.unverified_sender.as_deref().unwrap_or_default();
        let description = format!(
            "true once SES has verified {identity}: until then Cognito's own sender is used, and no second factor by email"
        );
        template["Parameters"][SENDER_VERIFIED] = json!({
            "Type": "String",
            "AllowedValues": ["true", "false"],
            "Default": "false",
            "Description": description,
        });
        template["Conditions"] =
            json!({ SENDER_IS_VERIFIED: { "Fn::Equals": [{ "Ref": SENDER_VERIFIED }, "true"] } });
    }
    template["Resources"] = Value::Object(resources);
    template["Outputs"] = outputs(topology);
    if !items.is_empty() {
        // CloudFormation has no type for a table's items; whoever deploys the stack writes them.
        template["Metadata"] = json!({ "SaasAuth": { "Items": items } });
    }
    template
}

/// Makes each property that is another before the sender is verified depend on that. Says whether one is.
fn either(verified: &mut Value, mut unverified: Value) -> bool {
    let none = || json!({ "Ref": "AWS::NoValue" });
    let (Some(after), Some(before)) = (verified.as_object_mut(), unverified.as_object_mut()) else {
        return false;
    };
    let mut differ = false;
    for (name, value) in after.iter_mut() {
        let before = before.remove(name).unwrap_or_else(none);
        if *value != before {
            *value = json!({ "Fn::If": [SENDER_IS_VERIFIED, value.take(), before] });
            differ = true;
        }
    }
    for (name, before) in std::mem::take(before) {
        after.insert(
            name,
            json!({ "Fn::If": [SENDER_IS_VERIFIED, none(), before] }),
        );
        differ = true;
    }
    differ
}

/// Takes out the message that is not sent. Beside the chosen one it "returns an error", by the service model.
fn leave_chosen_message(pool: &mut Value) {
    let message = &mut pool["VerificationMessageTemplate"];
    let others = match message["DefaultEmailOption"].as_str() {
        Some("CONFIRM_WITH_LINK") => ["EmailSubject", "EmailMessage"],
        _ => ["EmailSubjectByLink", "EmailMessageByLink"],
    };
    if let Some(message) = message.as_object_mut() {
        message.retain(|name, _| !others.contains(&name.as_str()));
    }
}

fn parameters(topology: &Topology) -> Value {
    let mut parameters = Map::new();
    parameters.insert(
        ARTIFACT_BUCKET.to_owned(),
        json!({ "Type": "String", "Description": "The bucket that holds the functions' packages" }),
    );
    for function in [CONFIRM_USER, GENERATE_TOKEN] {
        parameters.insert(
            topology::code_parameter(function),
            json!({ "Type": "String", "Description": format!("The key of {function}'s package in the bucket") }),
        );
    }
    for (parameter, secret) in &topology.secrets {
        // CloudFormation reads no SecureString of SSM for these properties, so whoever deploys hands it in.
        let description = format!("The secret that the SSM parameter {secret} holds");
        parameters.insert(
            parameter.clone(),
            json!({ "Type": "String", "NoEcho": true, "Description": description }),
        );
    }
    Value::Object(parameters)
}

fn outputs(topology: &Topology) -> Value {
    let mut outputs = Map::new();
    let mut output = |name: &str, value: Value| {
        outputs.insert(name.to_owned(), json!({ "Value": value }));
    };
    for (id, node) in &topology.resources {
        match node.resource.kind() {
            Kind::UserPool => {
                output("UserPoolId", json!({ "Ref": id }));
                output("UserPoolArn", json!({ "Fn::GetAtt": [id, "Arn"] }));
            }
            Kind::UserPoolClient => output(&format!("{id}Id"), json!({ "Ref": id })),
            Kind::Table | Kind::Function => output(&format!("{id}Name"), json!({ "Ref": id })),
            Kind::Queue => output(&format!("{id}Url"), json!({ "Ref": id })),
            _ => {}
        }
    }
    Value::Object(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_the_sender_is_a_condition() {
        let mut pool = json!({
            "UserPoolName": "p",
            "EmailConfiguration": { "EmailSendingAccount": "DEVELOPER" },
            "MfaConfiguration": "ON",
            "EnabledMfas": ["EMAIL_OTP"],
        });
        let before = json!({
            "UserPoolName": "p",
            "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
            "MfaConfiguration": "OFF",
            "Old": 1,
        });
        assert!(either(&mut pool, before));
        let when =
            |after: Value, before: Value| json!({ "Fn::If": ["SenderIsVerified", after, before] });
        let none = json!({ "Ref": "AWS::NoValue" });
        assert_eq!(
            pool,
            json!({
                "UserPoolName": "p",
                "EmailConfiguration": when(
                    json!({ "EmailSendingAccount": "DEVELOPER" }),
                    json!({ "EmailSendingAccount": "COGNITO_DEFAULT" })
                ),
                "MfaConfiguration": when(json!("ON"), json!("OFF")),
                "EnabledMfas": when(json!(["EMAIL_OTP"]), none.clone()),
                "Old": when(none, json!(1)),
            })
        );
        let mut same = json!({ "A": 1 });
        assert!(!either(&mut same, json!({ "A": 1 })));
        assert_eq!(same, json!({ "A": 1 }));
    }

    #[test]
    fn only_the_message_that_is_sent_stays() {
        for (option, left) in [
            ("CONFIRM_WITH_CODE", "EmailMessage"),
            ("CONFIRM_WITH_LINK", "EmailMessageByLink"),
        ] {
            let mut pool = json!({ "VerificationMessageTemplate": {
                "DefaultEmailOption": option, "EmailMessage": "{####}",
                "EmailMessageByLink": "{##here##}", "SmsMessage": "{####}" } });
            leave_chosen_message(&mut pool);
            let message = pool["VerificationMessageTemplate"]
                .as_object()
                .expect("an object");
            let names: Vec<&str> = message.keys().map(String::as_str).collect();
            assert_eq!(names, ["DefaultEmailOption", left, "SmsMessage"]);
        }
    }
}
