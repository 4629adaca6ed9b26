//! Microphones and loudspeakers, real and synthetic.

mod system;

pub(super) use system::list;
