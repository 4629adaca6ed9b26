//! Operators' nodes as people write them down.

use crate::net::addr::parse_hint;
use veche_protocol::identity::link::{ContactLink, SCHEME};
use veche_protocol::link::Hint;

/// Text that names no operator. The message is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOperator {
    /// Not a usable address.
    #[error(transparent)]
    Addr(#[from] crate::net::addr::BadAddr),
    /// An address of a place behind a relay.
    #[error("This address leads through a relay; an operator's node is reached directly.")]
    Relayed,
    /// A link that cannot be read.
    #[error("This link cannot be used: {0}.")]
    Link(#[from] veche_protocol::identity::link::LinkError),
    /// A link of somebody who uses no operator.
    #[error("Whoever made this link uses no operator; ask them for the address of one.")]
    None,
}

/// Reads an operator's multiaddr that ends in `/p2p/ID`, or the operators in somebody's contact link.
///
/// # Errors
/// Text that is neither, and links of people who use no operator.
pub fn parse_operators(text: &str) -> Result<Vec<Hint>, BadOperator> {
    let text = text.trim();
    if text.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME)) {
        let link = ContactLink::parse(text)?;
        return if link.operators.is_empty() { Err(BadOperator::None) } else { Ok(link.operators) };
    }
    let hint = parse_hint(text)?;
    if hint.addr.relay.is_some() { Err(BadOperator::Relayed) } else { Ok(vec![hint]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veche_protocol::ids::AccountId;

    const OPERATOR: &str = "/ip4/203.0.113.5/udp/4001/quic-v1/p2p/12D3KooWQnwEGNqcM2nAcPtRR9rAX8Hrg4k9kJLCHoTR5chJfz6d";

    #[test]
    fn an_operator_is_an_address_or_comes_with_a_link() {
        let operators = parse_operators(OPERATOR).unwrap();
        assert_eq!(operators.len(), 1);
        let link = ContactLink { account: AccountId([1; 32]), code: None, login: None, hints: vec![], operators: operators.clone() };
        assert_eq!(parse_operators(&format!(" {link}\n")), Ok(operators));
        let bare = ContactLink { operators: vec![], ..link };
        assert_eq!(parse_operators(&bare.to_string()), Err(BadOperator::None));
        assert!(matches!(parse_operators("veche:c/abc"), Err(BadOperator::Link(_))));
        assert!(matches!(parse_operators("/ip4/203.0.113.5/udp/4001/quic-v1"), Err(BadOperator::Addr(_))));
    }
}
