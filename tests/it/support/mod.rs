//! What the tests stand on: the binary in a clean environment, project folders, the shared local cloud
//! and the third-party clients. Whatever is started here ends with the test process.

mod at_once;
mod between;
mod cloud;
#[path = "../../support/command.rs"]
mod command;
mod delays;
mod emulator;
mod examples;
#[path = "../../support/folders.rs"]
mod folders;
mod fresh;
mod gate;
mod platforms;
mod project;
mod python;
#[path = "../../support/server.rs"]
mod server;
mod terminal;
mod trouble;

pub(crate) use at_once::at_once;
pub(crate) use between::{Answer, Between, Hook, Question};
pub(crate) use cloud::{Cloud, KEY, mailed};
pub(crate) use command::{Output, Started, run, saasauth, signal, start};
pub(crate) use delays::{DELAYS, Delay, Delayed};
pub(crate) use emulator::Emulator;
pub(crate) use examples::{EXAMPLES, Example, nothing_is_left};
pub(crate) use folders::{copy, files, folder, guard, repository, until};
pub(crate) use fresh::{Fresh, build_here};
pub(crate) use gate::{Gate, Moment};
pub(crate) use platforms::{PLATFORMS, Platforms, ask, key, start_with_input};
pub(crate) use project::{Calls, LAMBDAS, Project, RESOURCES};
pub(crate) use python::{client, python, python_tool, script};
pub(crate) use server::{Asked, Server};
pub(crate) use terminal::{answered_after, on_a_terminal};
pub(crate) use trouble::{Trouble, Troubled};
