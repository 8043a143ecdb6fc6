//! The function as Lambda runs it, between real HTTP servers that stand for AWS and for the platforms.

mod deliveries;
mod duplicates;
mod handler;
mod hooks;
mod not_yet;
mod platforms;
mod support;
