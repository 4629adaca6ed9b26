//! The desktop app: a window over a node. It shows snapshots and sends intents; it decides nothing about the protocol.
//!
//! Where things live: `bridge` is the only door to the node, `model` is what is shown (no egui there), `views` are the
//! screens, `timeline` the list of messages, `widgets` the pieces, `theme` the only place with colours and sizes, `i18n`
//! the words, `platform` the desktop around the window.

pub mod app;
pub mod bridge;
pub mod command;
pub mod i18n;
pub mod model;
pub mod platform;
pub mod theme;
pub mod timeline;
pub mod views;
pub mod widgets;
