//! A destroy that keeps the user pool.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Action, Change, Member, Plan, PropertyChange, Step, Work};
use crate::resource::{Kind, Live};

/// The property of a pool that names its triggers.
const TRIGGERS: &str = "LambdaConfig";

impl Plan {
    /// Has a user pool that stays let go of its triggers before anything is deleted: a pool whose trigger is gone
    /// fails every sign-in.
    ///
    /// `properties` are the pool's own as they are, without triggers; `live` is what was read of it.
    pub fn let_go_of_triggers(&mut self, id: &str, live: Live, properties: Value) {
        for step in &mut self.steps {
            for before in &mut step.after {
                *before += 1;
            }
            step.after.insert(0, 0);
        }
        for position in self.gone_with.values_mut() {
            *position += 1;
        }
        let kind = Kind::UserPool;
        self.unchanged.retain(|other| other != id);
        self.changes.push(Change {
            logical_id: id.to_owned(),
            type_name: kind.type_name(),
            physical_id: Some(live.physical_id.clone()),
            action: Action::Update,
            reason: Some("its triggers are deleted".to_owned()),
            properties: vec![PropertyChange::new(
                TRIGGERS,
                live.properties[TRIGGERS].clone(),
                Value::Null,
            )],
            kind,
        });
        self.changes
            .sort_by_key(|change| (change.kind, change.logical_id.clone()));
        let work = Work::Update {
            properties,
            live,
            changed: BTreeSet::from([TRIGGERS.to_owned()]),
        };
        let step = Step {
            kind,
            members: vec![Member {
                logical_id: id.to_owned(),
                work,
            }],
            after: Vec::new(),
        };
        self.steps.insert(0, step);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::plan::{Memory, Recorded, destroy};
    use crate::project::stage::Engine;

    #[test]
    fn the_pool_lets_go_before_anything_is_deleted() {
        let one = |id: &str, kind, physical_id: &str| {
            let recorded = Recorded {
                kind,
                physical_id: Some(physical_id.to_owned()),
                memory: Memory::default(),
            };
            (id.to_owned(), recorded)
        };
        let recorded = BTreeMap::from([
            one("UserPool", Kind::UserPool, "p"),
            one("Token", Kind::Function, "acme-token"),
            one("TokenPermission", Kind::Permission, "acme-token|id"),
            one("TokenRole", Kind::Role, "acme-token"),
            one("TokenPolicy", Kind::RolePolicy, "acme|acme-token"),
        ]);
        let mut plan =
            destroy("dev", Engine::Direct, recorded, &[Kind::UserPool]).expect("planned");
        let live = Live {
            physical_id: "p".to_owned(),
            properties: json!({ "LambdaConfig": { "PostConfirmation": "arn" } }),
            attributes: BTreeMap::new(),
            owner: None,
        };
        let deletes = plan.steps.len();
        plan.let_go_of_triggers("UserPool", live, json!({}));

        assert_eq!(plan.steps.len(), deletes + 1);
        assert_eq!(plan.steps[0].kind, Kind::UserPool);
        for (position, step) in plan.steps.iter().enumerate().skip(1) {
            assert!(step.after.contains(&0), "{step:?}");
            assert!(step.after.iter().all(|&before| before < position));
        }
        // The policy still goes before its role, and the permission with its function.
        let position = |id: &str| plan.steps_of(id).next().expect("it has a step");
        let role = &plan.steps[position("TokenRole")];
        assert!(role.after.contains(&position("TokenPolicy")), "{role:?}");
        assert_eq!(position("TokenPermission"), position("Token"));
        let summary = plan.summary();
        assert_eq!(
            (summary.update, summary.delete, summary.unchanged),
            (1, 4, 0)
        );
    }
}
