//! What the deployment tells the function, in environment variables.

use trigger_common::Setup;
use trigger_common::failure::required;

/// The budget when nobody sets one. API Gateway takes 10,240 bytes of headers together; a token near
/// 4 KB of ours beside Cognito's own claims leaves room for cookies and the rest.
const DEFAULT_BUDGET: usize = 4096;
/// Less has no room for the role and the references that stand for what was left out.
const LEAST_BUDGET: usize = 256;

/// The function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `PERMISSIONS_TABLE`
    pub permissions_table: String,
    /// `DOMAINS_TABLE`
    pub domains_table: String,
    /// `DEFAULT_ROLE`: of users without a record.
    pub default_role: String,
    /// `ROLES`, comma separated: read while the process starts. The default role alone when absent.
    pub roles: Vec<String>,
    /// `TOKEN_SCOPES=permissions`: whether the permissions are OAuth scopes of the access token, too.
    pub permissions_as_scopes: bool,
    /// `CLAIMS_BUDGET`: how many bytes our claims may take in a token, base64url counted.
    pub claims_budget: usize,
    /// `CONFIRM_USER_FUNCTION`: who makes the deliveries still owed to a user; nobody when absent.
    pub confirm_user_function: Option<String>,
    /// `RESOURCE_SERVER`: the resource server whose scopes are permissions, so that the tokens of
    /// machines carry them as such (event V3_0); machines' tokens are left alone when absent.
    pub resource_server: Option<String>,
}

impl Settings {
    /// Reads the settings; `lookup` answers for one variable.
    pub fn from_variables(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Setup> {
        let default_role = required(lookup, "DEFAULT_ROLE")?;
        let roles = lookup("ROLES").map(|names| names.split(',').map(str::to_owned).collect());
        Ok(Self {
            permissions_table: required(lookup, "PERMISSIONS_TABLE")?,
            domains_table: required(lookup, "DOMAINS_TABLE")?,
            roles: roles.unwrap_or_else(|| vec![default_role.clone()]),
            default_role,
            permissions_as_scopes: match lookup("TOKEN_SCOPES").as_deref() {
                None => false,
                Some("permissions") => true,
                Some(other) => {
                    return Err(Setup(format!(
                        "`TOKEN_SCOPES` is `{other}`, but can only be `permissions`"
                    )));
                }
            },
            claims_budget: budget(lookup("CLAIMS_BUDGET"))?,
            confirm_user_function: lookup("CONFIRM_USER_FUNCTION"),
            resource_server: lookup("RESOURCE_SERVER"),
        })
    }
}

fn budget(given: Option<String>) -> Result<usize, Setup> {
    let Some(given) = given else {
        return Ok(DEFAULT_BUDGET);
    };
    given
        .parse()
        .ok()
        .filter(|budget| *budget >= LEAST_BUDGET)
        .ok_or_else(|| {
            Setup(format!(
                "`CLAIMS_BUDGET` is `{given}`, but must be a number of bytes from {LEAST_BUDGET}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, Setup> {
        Settings::from_variables(&|name: &str| {
            let tables = [
                ("PERMISSIONS_TABLE", "p"),
                ("DOMAINS_TABLE", "d"),
                ("DEFAULT_ROLE", "member"),
            ];
            given
                .iter()
                .chain(&tables)
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn three_variables_are_enough() {
        let settings = read(&[]).expect("the rest has defaults");
        assert_eq!(settings.roles, ["member"]);
        assert_eq!(settings.claims_budget, 4096);
        assert!(!settings.permissions_as_scopes);
        assert_eq!(settings.confirm_user_function, None);
    }

    #[test]
    fn what_makes_no_sense_ends_the_start() {
        for (name, value) in [
            ("CLAIMS_BUDGET", "4 KB"),
            ("CLAIMS_BUDGET", "100"),
            ("TOKEN_SCOPES", "all"),
        ] {
            let Setup(message) = read(&[(name, value)]).expect_err("it must be refused");
            assert!(
                message.contains(name) && message.contains(value),
                "{message}"
            );
        }
    }
}
