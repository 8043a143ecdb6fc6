//! The PreTokenGeneration trigger: saasauth's, with the hooks of this project.

mod hooks;

fn main() -> Result<(), saasauth_triggers::Error> {
    saasauth_triggers::generate_token::run(hooks::Hooks)
}
