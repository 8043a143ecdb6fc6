//! What the deployment tells the function, in environment variables.

use trigger_common::Setup;
use trigger_common::failure::required;

/// The function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `PERMISSIONS_TABLE`
    pub permissions_table: String,
    /// `DOMAINS_TABLE`
    pub domains_table: String,
    /// `DEFAULT_ROLE`: of users without a record.
    pub default_role: String,
}

impl Settings {
    /// Reads the settings; `lookup` answers for one variable.
    pub fn from_variables(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Setup> {
        Ok(Self {
            permissions_table: required(lookup, "PERMISSIONS_TABLE")?,
            domains_table: required(lookup, "DOMAINS_TABLE")?,
            default_role: required(lookup, "DEFAULT_ROLE")?,
        })
    }
}
