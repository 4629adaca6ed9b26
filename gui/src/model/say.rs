//! A sentence that is not in a language yet: the model decides what is said, the views in which words.

use crate::bridge::Problem;

/// Something to say to a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Say {
    /// A message of the translations, by its key.
    Key(&'static str),
    /// The same with one text argument called `name`.
    Named(&'static str, String),
    /// Words of a person, as they are.
    Words(String),
    /// What went wrong, as the node says it.
    Problem(Problem),
}
