//! The CloudFormation side: the same topology rendered as a template.

pub mod template;
