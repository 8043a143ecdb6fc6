//! IAM policy documents: trust policies, permissions of roles, resource policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expr::Expr;

/// An IAM policy document, version 2012-10-17.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument<S = Expr> {
    /// The policy language's version.
    pub version: String,
    /// What is allowed.
    pub statement: Vec<Statement<S>>,
}

/// One statement. Lists are always lists here; AWS reads a single string the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement<S = Expr> {
    /// A name for the statement, letters and digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `Allow` everywhere in this project.
    pub effect: String,
    /// Who, in a trust policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<BTreeMap<String, String>>,
    /// Exact actions; no wildcards in this project.
    pub action: Vec<String>,
    /// ARNs; absent in a trust policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Vec<S>>,
    /// Operator, then condition key, then value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<BTreeMap<String, BTreeMap<String, S>>>,
}

impl<S> PolicyDocument<S> {
    /// A document of these statements.
    pub fn new(statement: Vec<Statement<S>>) -> Self {
        Self {
            version: "2012-10-17".to_owned(),
            statement,
        }
    }

    /// The trust policy that lets one AWS service assume a role.
    pub fn trust(service: &str) -> Self {
        Self::new(vec![Statement {
            sid: None,
            effect: "Allow".to_owned(),
            principal: Some(BTreeMap::from([("Service".to_owned(), service.to_owned())])),
            action: vec!["sts:AssumeRole".to_owned()],
            resource: None,
            condition: None,
        }])
    }
}

impl<S> Statement<S> {
    /// Allows these actions on these resources.
    pub fn allow(sid: &str, actions: &[&str], resources: Vec<S>) -> Self {
        Self {
            sid: Some(sid.to_owned()),
            effect: "Allow".to_owned(),
            principal: None,
            action: actions.iter().map(|&action| action.to_owned()).collect(),
            resource: Some(resources),
            condition: None,
        }
    }
}
