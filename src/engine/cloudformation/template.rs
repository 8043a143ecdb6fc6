//! Renders a topology as a CloudFormation template. Pure: the same topology gives the same bytes.

use serde_json::{Map, Value, json};

use saasauth_model::resource::Kind;
use saasauth_model::resource::function::ARTIFACT_BUCKET;
use saasauth_model::topology::{self, CONFIRM_USER, GENERATE_TOKEN, Topology};

/// The template, as the JSON document CloudFormation takes.
pub fn render(topology: &Topology) -> Value {
    let mut resources = Map::new();
    let mut items = Vec::new();
    for (id, node) in &topology.resources {
        let kind = node.resource.kind();
        let properties = node.resource.properties();
        if kind == Kind::Item {
            items.push(properties);
            continue;
        }
        let mut resource = Map::new();
        resource.insert("Type".to_owned(), json!(kind.type_name()));
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
        "Resources": resources,
        "Outputs": outputs(topology),
    });
    if !items.is_empty() {
        // CloudFormation has no type for a table's items; whoever deploys the stack writes them.
        template["Metadata"] = json!({ "SaasAuth": { "Items": items } });
    }
    template
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
            _ => {}
        }
    }
    Value::Object(outputs)
}
