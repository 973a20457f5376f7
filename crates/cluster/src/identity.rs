//! The key by which a node is known.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use domain::{NodeId, node::NodeKey};
use ed25519_dalek::{Signer, SigningKey};
use eventlog::SealError;
use thiserror::Error;

/// Why a node has no key.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file cannot be read or made.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} holds no key: 64 hexadecimal digits were expected")]
    Unreadable {
        /// Which file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error(transparent)]
    Random(#[from] SealError),
}

/// A node's Ed25519 key. It never leaves the node.
pub struct Identity {
    key: SigningKey,
    public: NodeKey,
}

impl Identity {
    /// The key that lies at `path`, which is made at first and can be read by its owner alone.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(path: &Path) -> Result<Self, IdentityError> {
        let failed = |source| IdentityError::File { path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(text) => {
                let mut secret = [0; 32];
                hex::decode_to_slice(text.trim(), &mut secret)
                    .map_err(|_| IdentityError::Unreadable { path: path.to_owned() })?;
                Self::of(&secret)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut secret = [0; 32];
                getrandom::fill(&mut secret).map_err(|_| SealError::Random)?;
                write(path, &format!("{}\n", hex::encode(secret))).map_err(failed)?;
                Self::of(&secret)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn of(secret: &[u8; 32]) -> Result<Self, IdentityError> {
        let key = SigningKey::from_bytes(secret);
        let text = hex::encode(key.verifying_key().as_bytes());
        // Thirty-two bytes in lower-case digits are always the form of one.
        let public = NodeKey::new(&text).map_err(|_| SealError::Random)?;
        Ok(Self { key, public })
    }

    /// The half that others check with.
    pub const fn public_key(&self) -> &NodeKey {
        &self.public
    }

    /// The node that this is.
    pub fn node_id(&self) -> NodeId {
        self.public.node_id()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identity").field(&self.node_id()).finish()
    }
}

/// Whole or not at all: half a key would be another node.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("key.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{Identity, IdentityError};

    #[test]
    fn a_node_keeps_its_key_to_itself_and_is_the_same_node_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        let made = Identity::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Identity::open(&path).unwrap();
        assert_eq!((again.node_id(), again.public_key()), (made.node_id(), made.public_key()));
        assert_ne!(Identity::open(&dir.path().join("other.key")).unwrap().node_id(), made.node_id());
        let secret = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{made:?}").contains(secret.trim()));
    }

    #[test]
    fn half_a_key_is_no_key_and_is_not_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        std::fs::write(&path, "abcd").unwrap();
        assert!(matches!(Identity::open(&path), Err(IdentityError::Unreadable { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abcd");
        assert!(matches!(Identity::open(&dir.path().join("no/node.key")), Err(IdentityError::File { .. })));
    }
}
