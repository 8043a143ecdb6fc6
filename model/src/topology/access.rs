//! The two tables, and the items the file declares: roles and registered company domains.

use serde_json::{Map, Value};

use super::{Builder, id};
use crate::resource::table::{
    AttributeDefinition, Index, Key, PointInTimeRecovery, Projection, Sse, Table,
};
use crate::resource::{Expr, Item, Resource};

/// Users and roles: key `pk`.
pub const PERMISSIONS_TABLE: &str = "PermissionsTable";
/// Memberships and registered domains: keys `pk`, `sk`.
pub const DOMAINS_TABLE: &str = "DomainsTable";
/// Finds the members of a domain: keys `sk`, `pk`.
pub(super) const BY_DOMAIN: &str = "by-domain";

pub(super) fn declare(builder: &mut Builder<'_>) {
    let permissions = table(
        builder,
        "permissions",
        vec![AttributeDefinition::string("pk")],
        vec![Key::hash("pk")],
        vec![],
    );
    builder.add(PERMISSIONS_TABLE, permissions);

    let domains = table(
        builder,
        "domains",
        vec![
            AttributeDefinition::string("pk"),
            AttributeDefinition::string("sk"),
        ],
        vec![Key::hash("pk"), Key::range("sk")],
        vec![Index {
            index_name: BY_DOMAIN.to_owned(),
            key_schema: vec![Key::hash("sk"), Key::range("pk")],
            projection: Projection {
                projection_type: "ALL".to_owned(),
            },
        }],
    );
    builder.add(DOMAINS_TABLE, domains);

    let access = &builder.stage.access;
    for role in access.roles.keys() {
        let permissions = Value::from(access.permissions_of(role));
        let attributes = Map::from_iter([("permissions".to_owned(), permissions)]);
        let item = Item {
            table_name: Expr::reference(PERMISSIONS_TABLE),
            partition_key: format!("ROLE#{role}"),
            sort_key: None,
            attributes,
        };
        builder.add(id("AccessRole", role), Resource::Item(item));
    }
    for (domain, settings) in &builder.stage.domains {
        let attributes = Map::from_iter([("role".to_owned(), Value::from(settings.role.as_str()))]);
        let item = Item {
            table_name: Expr::reference(DOMAINS_TABLE),
            partition_key: format!("DOMAIN#{domain}"),
            sort_key: Some("META".to_owned()),
            attributes,
        };
        builder.add(id("CompanyDomain", domain), Resource::Item(item));
    }
}

fn table(
    builder: &Builder<'_>,
    thing: &str,
    attribute_definitions: Vec<AttributeDefinition>,
    key_schema: Vec<Key>,
    global_secondary_indexes: Vec<Index>,
) -> Resource {
    Resource::Table(Table {
        table_name: builder.name(thing),
        billing_mode: "PAY_PER_REQUEST".to_owned(),
        attribute_definitions,
        key_schema,
        global_secondary_indexes,
        point_in_time_recovery_specification: PointInTimeRecovery {
            point_in_time_recovery_enabled: true,
        },
        sse_specification: Sse { sse_enabled: true },
        deletion_protection_enabled: true,
        tags: builder.tags(),
    })
}
