//! What tokens say, beyond what saasauth puts into them: yours to write.

use saasauth_triggers::generate_token;

/// Made once when the process starts; keep clients and settings in its fields.
pub struct Hooks;

impl generate_token::Hooks for Hooks {
    // Claims for a user's tokens, or the veto against making any. The user waits for it, at every sign-in and
    // every refresh:
    //
    // async fn claims(
    //     &self,
    //     request: &generate_token::TokenRequest<'_>,
    // ) -> Result<generate_token::Claims, generate_token::Veto> {
    //     match request.extra("plan") {
    //         Some("cancelled") => Err(generate_token::Veto::new("your plan has ended")),
    //         plan => Ok(generate_token::Claims::new().in_both("plan", plan.unwrap_or("free"))),
    //     }
    // }
    //
    // `../README.md` says more: what may be trusted, how large claims may be.
}
