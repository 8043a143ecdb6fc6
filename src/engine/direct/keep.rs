//! What `destroy --keep-data` keeps: the data, and what people need to go on signing in.
//!
//! The triggers are deleted like the rest, and a pool whose trigger is gone fails every sign-in, so the pool lets go
//! of them first. Its clients, domain, providers and groups would go with it and stay with it; so do the role it
//! sends text messages through and the sender of its mail.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::observe::Found;
use crate::aws::ledger::Record;
use crate::aws::{Aws, Wanted};
use saasauth_model::error::Result;
use saasauth_model::plan::Plan;
use saasauth_model::plan::drift::as_it_is;
use saasauth_model::resource::{Kind, Live, LogicalId};
use saasauth_model::topology::{self, Topology};

/// What stays of a stage.
#[derive(Debug)]
pub struct Kept {
    /// The resources.
    pub ids: BTreeSet<LogicalId>,
    /// The pool, where there is one.
    pool: Option<Live>,
}

/// Types that stay whole: data, and what signing in goes through.
const KINDS: [Kind; 9] = [
    Kind::Table,
    Kind::Item,
    Kind::Queue,
    Kind::UserPool,
    Kind::UserPoolClient,
    Kind::UserPoolDomain,
    Kind::UserPoolGroup,
    Kind::UserPoolIdentityProvider,
    Kind::UserPoolResourceServer,
];

/// Reads the pool, and says what of the recorded resources stays with it.
pub async fn kept(
    aws: &Aws,
    found: &Found,
    recorded: &BTreeMap<LogicalId, Record>,
) -> Result<Kept> {
    let physical_id = recorded
        .get(topology::USER_POOL)
        .and_then(|record| record.physical_id.clone());
    let pool = match physical_id {
        Some(physical_id) => {
            let wanted = Wanted {
                id: topology::USER_POOL.to_owned(),
                kind: Kind::UserPool,
                physical_id: Some(physical_id),
                declared: declared(&found.topology),
            };
            let read = aws.read(&[wanted]).await;
            let read = read.map_err(|fault| fault.while_doing("could not read the user pool"))?;
            read.into_values().next()
        }
        None => None,
    };
    let none = Value::Null;
    let properties = pool.as_ref().map_or(&none, |live| &live.properties);
    let role = properties["SmsConfiguration"]["SnsCallerArn"].as_str();
    let role = role.and_then(|arn| arn.rsplit('/').next());
    let mail = &properties["EmailConfiguration"];
    let sends_itself = mail["EmailSendingAccount"] == "DEVELOPER";
    let set = mail["ConfigurationSet"].as_str();
    let stays = |record: &Record| {
        let physical_id = record.physical_id.as_deref().unwrap_or_default();
        match record.kind {
            Kind::Role => Some(physical_id) == role,
            // `POLICY|ROLE`.
            Kind::RolePolicy => physical_id.rsplit('|').next() == role,
            Kind::EmailIdentity => sends_itself,
            Kind::ConfigurationSet => Some(physical_id) == set,
            kind => KINDS.contains(&kind),
        }
    };
    let ids = recorded.iter().filter(|(_, record)| stays(record));
    Ok(Kept {
        ids: ids.map(|(id, _)| id.clone()).collect(),
        pool,
    })
}

impl Kept {
    /// Adds to a plan that deletes the rest: what stays, and that the pool lets go of its triggers.
    pub fn add_to(self, plan: &mut Plan, topology: &Topology) {
        plan.unchanged.extend(self.ids);
        let Some(live) = self.pool else {
            return;
        };
        // Whatever the file says by now, what stays isn't changed.
        let mut properties = as_it_is(&declared(topology), &live.properties);
        let Value::Object(members) = &mut properties else {
            return;
        };
        // Triggers of others are none of those that are deleted.
        let triggers = members.remove("LambdaConfig").unwrap_or_default();
        if triggers.as_object().is_some_and(|ours| !ours.is_empty()) {
            plan.let_go_of_triggers(topology::USER_POOL, live, properties);
        }
    }
}

fn declared(topology: &Topology) -> Value {
    let declared = topology.resources.get(topology::USER_POOL);
    declared.map_or(Value::Null, |node| node.resource.properties())
}
