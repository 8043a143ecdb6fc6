//! The PostConfirmation trigger: saasauth's, with the hooks of this project.

mod hooks;

fn main() -> Result<(), saasauth_triggers::Error> {
    saasauth_triggers::confirm_user::run(hooks::Hooks)
}
