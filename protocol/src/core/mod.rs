//! The core: one state machine, two closed enums in and out.

pub mod command;
pub mod event;
