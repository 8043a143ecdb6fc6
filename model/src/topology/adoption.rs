//! What somebody else made and the stage takes over: which of its resources that are, and what of them stays.

use super::cognito::{PROVIDER, client_id};
use super::{Adopted, Builder, HOSTED_UI, PERMISSIONS_TABLE, USER_POOL, id};
use crate::project::At;
use crate::resource::LogicalId;

pub(super) fn take_over(builder: &mut Builder<'_>) {
    let stage = builder.stage;
    let Some(adopt) = &stage.adopt else {
        return;
    };
    let pool = &adopt.user_pool;
    builder.adopt(USER_POOL, Some(pool.id.to_string()), &pool.keep);
    for (name, there) in &adopt.clients {
        if let Some(client) = stage.clients.get(name) {
            let physical_id = format!("{}|{}", pool.id, there.id);
            builder.adopt(client_id(name, client), Some(physical_id), &there.keep);
        }
    }
    // Their names say which they are.
    if let Some(table) = &adopt.permissions_table {
        builder.adopt(PERMISSIONS_TABLE, None, &table.keep);
    }
    builder.adopt(HOSTED_UI, None, &adopt.hosted_ui.keep);
    for (name, provider) in &adopt.providers {
        builder.adopt(id(PROVIDER, name), None, &provider.keep);
    }
    for (role, group) in &adopt.roles {
        builder.adopt(id("Group", role), None, &group.keep);
    }
}

impl Builder<'_> {
    fn adopt(
        &mut self,
        id: impl Into<LogicalId>,
        physical_id: Option<String>,
        keep: &[At<String>],
    ) {
        if let Some(node) = self.resources.get_mut(&id.into()) {
            let keep = keep.iter().map(ToString::to_string).collect();
            node.adopted = Some(Adopted { physical_id, keep });
        }
    }
}
