//! The headless face: JSON-RPC 2.0, one object a line, over standard input and output or a Unix socket.
//!
//! It is one more caller of [`NodeHandle`]: it decides nothing, keeps nothing, and knows neither the network nor the store.
//!
//! | File | Lives there |
//! |---|---|
//! | `methods` | the table of methods, from which dispatch and documentation are made; one file for each family beside it |
//! | `openrpc` | the OpenRPC document, from the types of the table |
//! | `connection` | one conversation: requests in, answers and events out |
//! | `envelope` | what a line of JSON-RPC says; error objects |
//! | `strict` | JSON without duplicate names; params whose errors name the field |
//! | `lines` | bounded lines out of a stream of bytes |
//! | `unix` | the socket file |
//!
//! Requests take effect in the order in which they are read and are answered in the order in which they are done.

mod connection;
mod context;
mod envelope;
mod lines;
mod methods;
mod openrpc;
mod strict;
#[cfg(test)]
mod tests;
#[cfg(unix)]
mod unix;

use crate::handle::NodeHandle;
use context::Shared;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

pub use openrpc::document;
#[cfg(unix)]
pub use unix::{Socket, SocketError};

/// The JSON-RPC face of a node. Cheap to clone.
#[derive(Clone)]
pub struct Rpc(Arc<Shared>);

impl Rpc {
    /// A face for this node.
    #[must_use]
    pub fn new(node: NodeHandle) -> Self {
        Self(Arc::new(Shared::new(node)))
    }

    /// Holds one conversation. Ends when the reader does, when the other side no longer takes what is written, or after
    /// [`Rpc::stop`]; requests that were read are answered first.
    pub async fn converse(&self, reader: impl AsyncRead + Unpin, writer: impl AsyncWrite + Unpin + Send + 'static) {
        connection::converse(Arc::clone(&self.0), reader, writer).await;
    }

    /// Serves standard input and output until the input ends.
    pub async fn serve_stdio(&self) {
        self.converse(tokio::io::stdin(), tokio::io::stdout()).await;
    }

    /// Asks all conversations to end.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Returns after [`Rpc::stop`], which `node.shutdown` calls too.
    pub async fn stopped(&self) {
        self.0.stopped().await;
    }
}
