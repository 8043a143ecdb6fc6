//! What operators do with the users of a deployed stage: look somebody up, list them, grant and revoke,
//! block and unblock, and repair what a trigger left undone.
//!
//! It decides what is to be done and has [`crate::aws::users`] do it. It knows no arguments and prints
//! nothing: commands hand in what was asked for and show what is returned.

mod change;
mod export;
mod failures;
mod list;
mod person;
mod repair;

use std::collections::BTreeMap;

pub use change::{Change, Changed, Rights, longest_token};
pub use export::export;
pub use failures::{Failures, Left};
pub use list::{Filter, Listed, list};
pub use person::{Person, domains_of, role_of, status_of};
pub use repair::{Repair, RepairOptions, repair};

pub use crate::aws::users::Delivery;

use crate::aws::Aws;
use crate::aws::users::Tables;
use crate::engine::outputs::Outputs;
use saasauth_model::error::Result;
use saasauth_model::project::stage::Stage;

/// The domains a user belongs to, with the role in each.
pub type Domains = BTreeMap<String, String>;

/// A stage that is deployed, connected to.
#[derive(Debug)]
pub struct DeployedStage {
    /// What the project file says of it.
    pub stage: Stage,
    /// The connection.
    pub aws: Aws,
    /// The user pool's ID.
    pub pool: String,
    /// The tables' names.
    pub tables: Tables,
    outputs: Outputs,
}

impl DeployedStage {
    /// Finds out how what is there is called. Refuses a stage that is there in part.
    pub fn new(stage: Stage, aws: Aws, outputs: Outputs) -> Result<Self> {
        let pool = outputs.present(outputs.user_pool_id.as_deref(), "user pool")?;
        let tables = outputs.tables()?;
        Ok(Self {
            pool: pool.to_owned(),
            tables,
            outputs,
            aws,
            stage,
        })
    }

    /// The URL of the queue of what Lambda gave up, if the stage has one.
    fn failures(&self) -> Option<&str> {
        self.outputs.failures_queue.as_deref()
    }

    /// The function that makes deliveries.
    fn confirm_user(&self) -> Result<&str> {
        let name = self.outputs.functions.confirm_user.as_deref();
        self.outputs.present(name, "function confirmUser")
    }
}
