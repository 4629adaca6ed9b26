//! Machines that talk to each other over a network which loses, repeats and reorders what they say, with engines that keep the contract.

mod bench;
mod pairs;
mod refusals;
mod ways;
