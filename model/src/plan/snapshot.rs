//! What a deploy left a stage as: enough to tell what others changed since, and to go back there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Plan};
use crate::resource::expr::Reference;
use crate::resource::{Answers, Kind, LogicalId, Resource};
use crate::topology::{Adopted, Node, Topology, code_parameter};

/// The resources of a stage as they were declared when they were last written.
///
/// It holds what the plan showed and nothing more: of a secret, the parameter that stands for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// By logical ID.
    pub resources: BTreeMap<LogicalId, Declared>,
    /// Digests of the packages, by function.
    pub code: BTreeMap<LogicalId, String>,
    /// Parameters that stand for a secret, each with the name of the SSM parameter that holds it.
    pub secrets: BTreeMap<LogicalId, String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its properties, references still open.
    pub properties: Value,
    /// What has to be there before it although no property says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<LogicalId>,
    /// Where somebody else made it, what of it stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

impl Snapshot {
    /// What there is once a plan was carried out as far as it was: `removed` is gone, and what is not `done` of what it
    /// changes may be anything. What a plan leaves alone is as declared, or, where there is no declaration because the stage
    /// is being destroyed, as it was.
    #[must_use]
    pub fn after(
        &self,
        topology: Option<&Topology>,
        plan: &Plan,
        done: impl Fn(&str) -> bool,
    ) -> Self {
        let mut after = self.clone();
        let forget = |after: &mut Self, id: &str| {
            after.resources.remove(id);
            after.code.remove(id);
        };
        for change in &plan.changes {
            let id = change.logical_id.as_str();
            match (change.action, topology) {
                (Action::Delete, _) if !done(id) => {}
                (Action::Delete, _) => forget(&mut after, id),
                (_, Some(topology)) if done(id) => after.take(topology, id, &plan.answers),
                _ => forget(&mut after, id),
            }
        }
        if let Some(topology) = topology {
            for id in &plan.unchanged {
                after.take(topology, id, &plan.answers);
            }
            after.secrets.clone_from(&topology.secrets);
        }
        after
    }

    /// What there is once a plan that failed was taken back: what is `as_before`, and nothing is known of all else it changed.
    #[must_use]
    pub fn taken_back(
        &self,
        topology: Option<&Topology>,
        plan: &Plan,
        as_before: &BTreeSet<LogicalId>,
    ) -> Self {
        let mut after = self.after(topology, plan, |_| false);
        for id in as_before {
            if let Some(declared) = self.resources.get(id) {
                after.resources.insert(id.clone(), declared.clone());
            }
            if let Some(digest) = self.code.get(id) {
                after.code.insert(id.clone(), digest.clone());
            }
        }
        after.secrets.clone_from(&self.secrets);
        after
    }

    fn take(&mut self, topology: &Topology, id: &str, answers: &Answers) {
        let Some(node) = topology.resources.get(id) else {
            return;
        };
        let declared = Declared {
            type_name: node.resource.kind().type_name().to_owned(),
            properties: node.resource.properties(),
            depends_on: node.depends_on.clone(),
            adopted: node.adopted.clone(),
        };
        self.resources.insert(id.to_owned(), declared);
        let code = Reference {
            id: code_parameter(id),
            attribute: None,
        };
        if let Some(digest) = answers.get(&code) {
            self.code.insert(id.to_owned(), digest.to_owned());
        }
    }

    /// The topology it was, to be deployed again. The error says what this version can't read.
    pub fn topology(&self, project: &str, stage: &str) -> Result<Topology, String> {
        let nodes = self.resources.iter().map(|(id, declared)| {
            let kind = Kind::of(&declared.type_name)
                .ok_or_else(|| format!("`{id}` is of the type {}", declared.type_name))?;
            let resource = Resource::from_properties(kind, declared.properties.clone())
                .map_err(|error| format!("`{id}`: {error}"))?;
            let node = Node {
                resource,
                depends_on: declared.depends_on.clone(),
                adopted: declared.adopted.clone(),
            };
            Ok((id.clone(), node))
        });
        Ok(Topology {
            project: project.to_owned(),
            stage: stage.to_owned(),
            resources: nodes.collect::<Result<_, String>>()?,
            notes: Vec::new(),
            unverified_sender: None,
            sms_region: None,
            secrets: self.secrets.clone(),
        })
    }

    /// Answers what the packages and secrets of then stand for.
    pub fn answer(&self, answers: &mut Answers) {
        for (function, digest) in &self.code {
            answers.reference(&code_parameter(function), digest);
        }
        for (parameter, secret) in &self.secrets {
            answers.reference(parameter, format!("ssm:{secret}"));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::topology::tests::whole;

    /// What a deploy leaves that got to its end.
    pub(crate) fn all(topology: &Topology) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let mut answers = Answers::default();
        for (function, digest) in [("ConfirmUser", "digest-1"), ("GenerateToken", "digest-2")] {
            answers.reference(&code_parameter(function), digest);
        }
        for id in topology.resources.keys() {
            snapshot.take(topology, id, &answers);
        }
        snapshot.secrets.clone_from(&topology.secrets);
        snapshot
    }

    #[test]
    fn a_topology_comes_back_from_its_snapshot() {
        let topology = whole();
        let written = serde_json::to_string(&all(&topology)).expect("it is written");
        let read: Snapshot = serde_json::from_str(&written).expect("it is read");
        let back = read
            .topology(&topology.project, &topology.stage)
            .expect("it is known");
        assert_eq!(back.resources, topology.resources);
        assert_eq!(back.secrets, topology.secrets);
        assert_eq!(read.code["ConfirmUser"], "digest-1");
    }

    #[test]
    fn what_this_version_does_not_know_is_said() {
        let mut snapshot = all(&whole());
        let pool = snapshot.resources.get_mut("UserPool").expect("a pool");
        pool.properties["Novelty"] = Value::from(1);
        let error = snapshot.topology("acme", "dev").expect_err("unknown");
        assert!(
            error.contains("`UserPool`") && error.contains("Novelty"),
            "{error}"
        );
        pool_of_tomorrow(&mut snapshot);
        let error = snapshot.topology("acme", "dev").expect_err("unknown");
        assert!(error.contains("AWS::Cognito::UserLake"), "{error}");
    }

    fn pool_of_tomorrow(snapshot: &mut Snapshot) {
        let pool = snapshot.resources.get_mut("UserPool").expect("a pool");
        pool.type_name = "AWS::Cognito::UserLake".to_owned();
    }
}
