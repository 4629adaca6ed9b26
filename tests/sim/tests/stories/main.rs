//! The stories: what people and peers see, told over many seeds. Each file is a theme.

mod apart;
mod calls;
mod calls_in_trouble;
mod clocks;
mod crashes;
mod damage;
mod devices;
mod forged;
mod hostile;
mod mailboxes;
mod networks;
mod people;
mod real;
mod relays;
mod requests;
mod storm;
mod strangers;
mod weeks;
