//! One proved alias is one person's: AliasExistsException, and ForceAliasCreation, which moves it.

use serde_json::json;

use super::attributes::Given;
use super::facts::{Pool, User};
use super::{Operation, Refused, refuse};
use crate::local::front_door::call::Reply;
use crate::local::front_door::message::{EMAIL, PHONE};

impl Operation<'_> {
    /// Who loses an alias when the user proves theirs; an error where it isn't to move.
    pub(super) async fn taken(
        &self,
        pool: &Pool,
        user: &User,
        attribute: &str,
        force: bool,
    ) -> Result<Vec<(&'static str, String)>, Box<Reply>> {
        let flag = format!("{attribute}_verified");
        let proof = Given {
            name: &flag,
            value: "true",
        };
        self.taken_by_proof(pool, Some(user), &[proof], force).await
    }

    /// As [`Self::taken`], for attributes that a request gives, or a user has, and are said to be proved.
    pub(super) async fn taken_by_proof(
        &self,
        pool: &Pool,
        user: Option<&User>,
        given: &[Given<'_>],
        force: bool,
    ) -> Result<Vec<(&'static str, String)>, Box<Reply>> {
        let mut taken = Vec::new();
        let value = |name: &str| {
            let attribute = given.iter().find(|attribute| attribute.name == name);
            attribute.map(|attribute| attribute.value)
        };
        for attribute in [EMAIL, PHONE] {
            let proved = value(&format!("{attribute}_verified")) == Some("true");
            let known = || user?.attributes.get(attribute).map(String::as_str);
            let (true, Some(text)) = (proved, value(attribute).or_else(known)) else {
                continue;
            };
            let username = user.map(|user| user.username.as_str());
            let Some(holder) = self.holder(pool, attribute, text, username).await else {
                continue;
            };
            if !force {
                return alias_exists(attribute);
            }
            taken.push((attribute, holder.username));
        }
        Ok(taken)
    }

    /// Takes the proof from those who had the alias, so that it is no name of theirs any more.
    pub(super) async fn unprove(&self, pool: &Pool, taken: Vec<(&'static str, String)>) -> Refused {
        for (attribute, username) in taken {
            let flag = format!("{attribute}_verified");
            let attributes = json!([{ "Name": flag, "Value": "false" }]);
            self.set_attributes(pool, &username, &attributes).await?;
        }
        Ok(())
    }

    /// Refuses a value that somebody else signs in with, where it would be a name of this user at once:
    /// proved in the same request, or a name unproved.
    pub(super) async fn refuse_taken(
        &self,
        pool: &Pool,
        user: &User,
        given: &[Given<'_>],
    ) -> Refused {
        for attribute in given {
            let known = user.attributes.get(attribute.name);
            let same = known.is_some_and(|known| pool.are_same(known, attribute.value));
            let unproved = !pool.lists("UsernameAttributes", attribute.name)
                && attribute.name != "preferred_username";
            if same || unproved {
                continue;
            }
            let holder = self.holder(pool, attribute.name, attribute.value, Some(&user.username));
            if holder.await.is_some() {
                return alias_exists(attribute.name);
            }
        }
        self.taken_by_proof(pool, Some(user), given, false)
            .await
            .map(drop)
    }
}

fn alias_exists<T>(attribute: &str) -> Result<T, Box<Reply>> {
    let message = format!("An account with the given {attribute} already exists.");
    refuse("AliasExistsException", &message)
}
