//! Who is who: accounts, devices, recovery words, logins and their tags, safety numbers, contact links, and the rules for
//! names and texts that people see.

pub mod account;
pub mod device;
pub mod lan;
pub mod link;
pub mod login;
pub mod safety;
pub mod text;
pub mod words;
