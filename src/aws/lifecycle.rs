//! How each resource type is read, created, updated and deleted, looked up by type.
//!
//! A type's file implements [`Lifecycle`] for it; the model's list of types does the rest. One that is
//! listed there and lacks its implementation here does not compile.

use std::collections::BTreeSet;

use futures::future::join_all;
use saasauth_model::each_resource_type;
// The names of the types in that list come from here, too.
use saasauth_model::resource::*;

use super::wait::UNWATCHED;
use super::{Aws, Result, Waiting, Wanted, trace};

/// What becomes of a resource that is there.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    /// Our name of it.
    pub(super) id: &'a str,
    /// What was read.
    pub(super) live: &'a Live,
    /// Top-level names of the properties that differ.
    pub(super) changed: &'a BTreeSet<String>,
}

/// The life of resources of one type. Every operation looks before it decides, and may be run again.
pub(super) trait Lifecycle: Sized {
    /// Reads those that are there, in as few requests as the API has for that.
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>>;

    /// Makes it.
    async fn create(&self, aws: &Aws, id: &str, waiting: Waiting<'_>) -> Result<Live>;

    /// Changes it in place. Properties of neighbours that we don't declare survive.
    async fn update(&self, aws: &Aws, change: Change<'_>, waiting: Waiting<'_>) -> Result<()>;

    /// Removes it; one that is already gone is success.
    async fn delete(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()>;

    /// Waits until what was made can be used.
    async fn settle(_aws: &Aws, _physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        Ok(())
    }

    /// Sets several to what is declared, for types whose rules let them share a request.
    async fn write_together(aws: &Aws, ones: &[&Self]) -> Vec<Result<Live>> {
        join_all(
            ones.iter()
                .map(|one| trace::beside(one.create(aws, "", UNWATCHED))),
        )
        .await
    }
}

/// Reads one by one, side by side, what is known by its physical ID.
pub(super) async fn each(
    wanted: &[&Wanted],
    read: impl AsyncFn(&str) -> Result<Option<Live>>,
) -> Result<Vec<(LogicalId, Live)>> {
    each_or_look_for(wanted, read, async |_| Ok(None)).await
}

/// As [`each`]; what has no known physical ID is looked for.
pub(super) async fn each_or_look_for(
    wanted: &[&Wanted],
    read: impl AsyncFn(&str) -> Result<Option<Live>>,
    look_for: impl AsyncFn(&Wanted) -> Result<Option<Live>>,
) -> Result<Vec<(LogicalId, Live)>> {
    each_wanted(wanted, async |one| match one.known_id() {
        Some(physical_id) => read(&physical_id).await,
        None => look_for(one).await,
    })
    .await
}

/// As [`each`], for a read that needs more than the physical ID.
pub(super) async fn each_wanted(
    wanted: &[&Wanted],
    read: impl AsyncFn(&Wanted) -> Result<Option<Live>>,
) -> Result<Vec<(LogicalId, Live)>> {
    let reads = wanted.iter().map(|one| trace::beside(read(one)));
    let mut found = Vec::new();
    for (one, read) in wanted.iter().zip(join_all(reads).await) {
        if let Some(live) = read? {
            found.push((one.id.clone(), live));
        }
    }
    Ok(found)
}

macro_rules! dispatch {
    ($($name:ident: $type:ty,)*) => {
        pub(super) async fn read(
            aws: &Aws,
            kind: Kind,
            wanted: &[&Wanted],
        ) -> Result<Vec<(LogicalId, Live)>> {
            match kind {
                $(Kind::$name => <$type as Lifecycle>::read(aws, wanted).await,)*
            }
        }

        pub(super) async fn create(
            aws: &Aws,
            id: &str,
            resource: &Resolved,
            waiting: Waiting<'_>,
        ) -> Result<Live> {
            match resource {
                $(Resource::$name(one) => one.create(aws, id, waiting).await,)*
            }
        }

        pub(super) async fn update(
            aws: &Aws,
            resource: &Resolved,
            change: Change<'_>,
            waiting: Waiting<'_>,
        ) -> Result<()> {
            match resource {
                $(Resource::$name(one) => one.update(aws, change, waiting).await,)*
            }
        }

        pub(super) async fn delete(
            aws: &Aws,
            kind: Kind,
            physical_id: &str,
            waiting: Waiting<'_>,
        ) -> Result<()> {
            match kind {
                $(Kind::$name => <$type as Lifecycle>::delete(aws, physical_id, waiting).await,)*
            }
        }

        pub(super) async fn settle(
            aws: &Aws,
            kind: Kind,
            physical_id: &str,
            waiting: Waiting<'_>,
        ) -> Result<()> {
            match kind {
                $(Kind::$name => <$type as Lifecycle>::settle(aws, physical_id, waiting).await,)*
            }
        }

        /// All of one type, in the order given.
        pub(super) async fn write_together(
            aws: &Aws,
            kind: Kind,
            resources: &[Resolved],
        ) -> Vec<Result<Live>> {
            match kind {
                $(Kind::$name => {
                    let ones: Vec<&$type> = resources
                        .iter()
                        .filter_map(|resource| match resource {
                            Resource::$name(one) => Some(one),
                            _ => None,
                        })
                        .collect();
                    <$type as Lifecycle>::write_together(aws, &ones).await
                })*
            }
        }
    };
}

/// What is sent to AWS has all its references answered.
type S = String;
each_resource_type!(dispatch);
