//! The two tables, and the items the file declares: roles and registered company domains.

use saasauth_contract::keys::{BY_DOMAIN, META, PARTITION_KEY, SORT_KEY, domain_key, role_key};
use saasauth_contract::record::{PERMISSIONS, ROLE};
use serde_json::{Map, Value};

use super::{Builder, id};
use crate::resource::table::{
    AttributeDefinition, Index, Key, PointInTimeRecovery, Projection, Sse, Table,
};
use crate::resource::{Expr, Item, Resource};

/// Users and roles: a partition key alone.
pub const PERMISSIONS_TABLE: &str = "PermissionsTable";
/// Memberships and registered domains: both keys.
pub const DOMAINS_TABLE: &str = "DomainsTable";

pub(super) fn declare(builder: &mut Builder<'_>) {
    let permissions = table(
        builder,
        builder.permissions_table(),
        vec![AttributeDefinition::string(PARTITION_KEY)],
        vec![Key::hash(PARTITION_KEY)],
        vec![],
    );
    builder.add(PERMISSIONS_TABLE, permissions);

    let domains = table(
        builder,
        builder.name("domains"),
        vec![
            AttributeDefinition::string(PARTITION_KEY),
            AttributeDefinition::string(SORT_KEY),
        ],
        vec![Key::hash(PARTITION_KEY), Key::range(SORT_KEY)],
        vec![Index {
            index_name: BY_DOMAIN.to_owned(),
            key_schema: vec![Key::hash(SORT_KEY), Key::range(PARTITION_KEY)],
            projection: Projection {
                projection_type: "ALL".to_owned(),
            },
        }],
    );
    builder.add(DOMAINS_TABLE, domains);

    let access = &builder.stage.access;
    for role in access.roles.keys() {
        let permissions = Value::from(access.permissions_of(role));
        let attributes = Map::from_iter([(PERMISSIONS.to_owned(), permissions)]);
        let item = Item {
            table_name: Expr::reference(PERMISSIONS_TABLE),
            partition_key: role_key(role),
            sort_key: None,
            attributes,
        };
        builder.add(id("AccessRole", role), Resource::Item(item));
    }
    for (domain, settings) in &builder.stage.domains {
        let attributes = Map::from_iter([(ROLE.to_owned(), Value::from(settings.role.as_str()))]);
        let item = Item {
            table_name: Expr::reference(DOMAINS_TABLE),
            partition_key: domain_key(domain),
            sort_key: Some(META.to_owned()),
            attributes,
        };
        builder.add(id("CompanyDomain", domain), Resource::Item(item));
    }
}

fn table(
    builder: &Builder<'_>,
    table_name: String,
    attribute_definitions: Vec<AttributeDefinition>,
    key_schema: Vec<Key>,
    global_secondary_indexes: Vec<Index>,
) -> Resource {
    Resource::Table(Table {
        table_name,
        billing_mode: "PAY_PER_REQUEST".to_owned(),
        attribute_definitions,
        key_schema,
        global_secondary_indexes,
        point_in_time_recovery_specification: PointInTimeRecovery {
            point_in_time_recovery_enabled: true,
        },
        sse_specification: Sse {
            sse_enabled: true,
            sse_type: builder.kms_key().map(|_| "KMS".to_owned()),
            kms_master_key_id: builder.kms_key(),
        },
        deletion_protection_enabled: true,
        tags: builder.tags(),
    })
}
