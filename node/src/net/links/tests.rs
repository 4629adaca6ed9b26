//! The connection manager on its own, and two of them against each other.
