//! What happens when a user is confirmed, beyond what saasauth does: yours to write.

use saasauth_triggers::confirm_user;

/// Made once when the process starts; keep clients and settings in its fields.
pub struct Hooks;

impl confirm_user::Hooks for Hooks {
    // Attributes to keep on the user's record, where the hooks of generate-token find them. The user waits:
    //
    // async fn attributes(&self, user: &confirm_user::NewUser<'_>) -> BTreeMap<String, String> {
    //     let plan = if user.domain.is_some() { "company" } else { "free" };
    //     BTreeMap::from([("plan".to_owned(), plan.to_owned())])
    // }
    //
    // Something to do for each new user, once, while nobody waits. It is tried again when it fails:
    //
    // fn deliveries(&self) -> &[&str] {
    //     &["crm"]
    // }
    //
    // async fn deliver(
    //     &self,
    //     _delivery: &str,
    //     person: &confirm_user::Person,
    // ) -> Result<(), confirm_user::NotDelivered> {
    //     self.crm.add(&person.sub).await.map_err(|_| confirm_user::NotDelivered::try_again("the CRM is down"))
    // }
    //
    // `../README.md` says more: what may be trusted, what happens when something fails.
}
