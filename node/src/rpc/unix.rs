//! The socket file: JSON-RPC for programs of the same user.

use super::Rpc;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

/// Conversations at a time; further programs wait to be let in.
const CONVERSATIONS: usize = 32;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// See text.
    #[error("Another program answers at {0}. Choose another path for the socket, or end that program.")]
    Taken(PathBuf),
    /// See text.
    #[error("{0} exists and is not a socket. Choose another path.")]
    NotASocket(PathBuf),
    /// See text.
    #[error("The socket {path} cannot be made ({why}). Check that its folder exists and belongs to you.")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

/// A socket file that only its owner can open. Removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Makes the socket. One that was left behind by a program that is gone is replaced.
    ///
    /// # Errors
    /// Something else is there, or the system refuses.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |why| SocketError::Io { path: path.to_owned(), why };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket(path.to_owned())),
            Ok(_) if UnixStream::connect(path).is_ok() => return Err(SocketError::Taken(path.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        // A socket gets its mode only after it exists. It is born in a folder that nobody else can enter, and moved.
        let mut cradle = path.as_os_str().to_owned();
        cradle.push(format!(".{}", std::process::id()));
        let cradle = PathBuf::from(cradle);
        let born = cradle.join("s");
        let listener = DirBuilder::new()
            .mode(0o700)
            .create(&cradle)
            .and_then(|()| UnixListener::bind(&born))
            .and_then(|listener| fs::set_permissions(&born, Permissions::from_mode(0o600)).map(|()| listener))
            .and_then(|listener| fs::rename(&born, path).map(|()| listener));
        // Whatever came of it, the cradle is not needed any more; what cannot be removed is empty and harmless.
        let _ = fs::remove_file(&born);
        let _ = fs::remove_dir(&cradle);
        Ok(Self { listener: listener.map_err(failed)?, path: path.to_owned() })
    }

    /// Talks to whoever connects, until [`Rpc::stop`]. Conversations that are open then are ended.
    pub async fn serve(self, rpc: &Rpc) {
        let mut conversations = JoinSet::new();
        loop {
            tokio::select! {
                () = rpc.stopped() => break,
                Some(_) = conversations.join_next() => {}
                accepted = self.listener.accept(), if conversations.len() < CONVERSATIONS => match accepted {
                    Ok((stream, _)) => {
                        let (reader, writer) = stream.into_split();
                        let rpc = rpc.clone();
                        conversations.spawn(async move { rpc.converse(reader, writer).await });
                    }
                    Err(error) => {
                        tracing::warn!(kind = ?error.kind(), "a program could not connect to the socket");
                        // Out of file descriptors, say: without a pause this would be a busy loop.
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                },
            }
        }
        while conversations.join_next().await.is_some() {}
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Nothing to do about a file that is gone already.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;
    use crate::handle::{NodeHandle, Phase};
    use crate::media::{Audio, Desk};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::sync::{broadcast, mpsc, watch};
    use tokio::time::timeout;
    use veche_protocol::view::Snapshot;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// The face of a node that is gone: `node.version` does not need it.
    fn rpc() -> Rpc {
        let phase = watch::channel(Phase::Ready).1;
        let snapshot = watch::channel(Arc::new(Snapshot::default())).1;
        let events = broadcast::channel(1).0;
        let desk = Desk::new(&Options { audio: Audio::None, ..Options::new("nowhere") }, snapshot.clone(), events.clone());
        Rpc::new(NodeHandle { requests: mpsc::channel(1).0, stop: mpsc::channel(1).0, phase, snapshot, events, desk })
    }

    #[tokio::test]
    async fn the_socket_is_its_owners_alone_and_is_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rpc");
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left there");
        let rpc = rpc();
        let served = rpc.clone();
        let serving = tokio::spawn(async move { socket.serve(&served).await });
        for _ in 0..3 {
            let (reader, mut writer) = tokio::net::UnixStream::connect(&path).await.unwrap().into_split();
            writer.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"node.version\"}\n").await.unwrap();
            let line = BufReader::new(reader).lines().next_line().await.unwrap().unwrap();
            assert!(line.contains("veche-node"), "{line}");
        }
        assert!(matches!(Socket::bind(&path), Err(SocketError::Taken(_))));
        rpc.stop();
        timeout(PATIENCE, serving).await.expect("an end in time").unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rpc");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Socket::bind(&path).unwrap());
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Socket::bind(&path), Err(SocketError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert!(matches!(Socket::bind(&folder.path().join("no/such/folder")), Err(SocketError::Io { .. })));
    }
}
