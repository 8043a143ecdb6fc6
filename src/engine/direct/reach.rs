//! Whom a plan hits beyond the resources it names, said with the change: a domain has members, and what a domain gives
//! they have.

use futures::future::try_join_all;
use saasauth_contract::keys::{META, domain_of};

use crate::aws::{Aws, trace};
use saasauth_model::error::Result;
use saasauth_model::plan::{Action, Change, Plan};
use saasauth_model::resource::Kind;

/// Adds to each change of a domain how many members it has: one request each, and none for a plan without such.
///
/// # Errors
/// When AWS doesn't answer.
pub async fn say_whom_it_hits(aws: &Aws, plan: &mut Plan) -> Result<()> {
    let domains = plan.changes.iter_mut().filter_map(|change| {
        let (table, domain) = changed_domain(change)?;
        Some((table, domain, change))
    });
    let counted = domains.map(|(table, domain, change)| {
        trace::beside(async move {
            let members = aws.count_members(&table, &domain).await.map_err(|fault| {
                fault.while_doing(format!("could not count the members of `{domain}`"))
            })?;
            if members > 0 {
                let effect = effect(change.action, members);
                change.reason = Some(match change.reason.take() {
                    Some(reason) => format!("{reason}; {effect}"),
                    None => effect,
                });
            }
            Ok(())
        })
    });
    try_join_all(counted).await.map(drop)
}

/// The table and the name of a domain that changes or goes.
fn changed_domain(change: &Change) -> Option<(String, String)> {
    let is_hit = matches!(change.action, Action::Update | Action::Delete);
    let mut parts = change.physical_id.as_deref()?.split('|');
    let (table, key, sort_key) = (parts.next()?, parts.next()?, parts.next()?);
    let domain = domain_of(key).filter(|_| change.kind == Kind::Item && is_hit)?;
    (sort_key == META).then(|| (table.to_owned(), domain.to_owned()))
}

fn effect(action: Action, members: usize) -> String {
    let who = match members {
        1 => "its 1 member".to_owned(),
        members => format!("its {members} members"),
    };
    match action {
        Action::Delete => format!("{who} lose it at the next token, and the role it gave"),
        _ => format!("at the next token, for {who}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(action: Action, kind: Kind, physical_id: &str) -> Change {
        Change {
            logical_id: "DomainAcmeCom".to_owned(),
            type_name: "SaasAuth::DynamoDB::Item",
            physical_id: Some(physical_id.to_owned()),
            action,
            reason: None,
            properties: Vec::new(),
            kind,
        }
    }

    #[test]
    fn a_domain_that_changes_or_goes_is_told_from_all_else() {
        let of = |action, kind, id: &str| changed_domain(&change(action, kind, id));
        let found = Some(("acme-domains".to_owned(), "acme.com".to_owned()));
        for action in [Action::Update, Action::Delete] {
            assert_eq!(
                of(action, Kind::Item, "acme-domains|DOMAIN#acme.com|META"),
                found
            );
        }
        assert_eq!(
            of(
                Action::Create,
                Kind::Item,
                "acme-domains|DOMAIN#acme.com|META"
            ),
            None
        );
        assert_eq!(
            of(Action::Delete, Kind::Item, "acme-permissions|ROLE#admin|"),
            None
        );
        assert_eq!(of(Action::Delete, Kind::Table, "acme-domains"), None);
    }
}
