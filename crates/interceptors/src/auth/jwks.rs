//! Where the documents with keys come from.

use std::error::Error;
use std::future::Future;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::time::Duration;

/// The largest document that is read.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// A place that has a JWK Set, or another document that [`KeySet::parse`](super::KeySet::parse) can read.
pub trait FetchJwks: Send + Sync + 'static {
    /// Gets the document as it is now. It is given 5 s, and should stop reading once there are more than [`MAX_DOCUMENT_BYTES`].
    fn fetch(&self) -> impl Future<Output = Result<Bytes, FetchError>> + Send;

    /// How often the document should be looked at. Default: every 10 minutes.
    fn refresh_every(&self) -> Duration {
        Duration::from_secs(600)
    }
}

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It took too long.
    #[error("the keys did not come in time")]
    TimedOut,
    /// It is too large.
    #[error("the document with the keys has more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// It could not be reached or read.
    #[error("the document with the keys cannot be read")]
    Unreadable(#[source] Box<dyn Error + Send + Sync>),
    /// There are no keys in it.
    #[error("the document with the keys cannot be used")]
    Invalid(#[from] super::InvalidKeys),
}

/// A file. It is read every 5 s, as no notice of changes works with every way to replace a file, those by symbolic link as Kubernetes
/// makes them included.
#[derive(Clone, Debug)]
pub struct KeyFile(Arc<PathBuf>);

impl KeyFile {
    /// The file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(path.into()))
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut document = Vec::new();
        let limit = MAX_DOCUMENT_BYTES as u64 + 1;
        std::fs::File::open(&*self.0)?.take(limit).read_to_end(&mut document)?;
        Ok(document)
    }
}

impl FetchJwks for KeyFile {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let file = self.clone();
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        let document = read
            .map_err(|error| FetchError::Unreadable(error.into()))?
            .map_err(|error| FetchError::Unreadable(error.into()))?;
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(FetchError::TooLarge);
        }
        Ok(document.into())
    }

    fn refresh_every(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// A document that a program holds itself, such as a test: it can be replaced, and knows how often it was asked for.
#[derive(Clone, Debug, Default)]
pub struct KeysInMemory(Arc<Mutex<InMemory>>);

#[derive(Debug, Default)]
struct InMemory {
    document: Option<Bytes>,
    fetches: usize,
}

impl KeysInMemory {
    /// Holds this document.
    pub fn new(document: impl Into<Bytes>) -> Self {
        let keys = Self::default();
        keys.set(document);
        keys
    }

    /// Replaces the document.
    pub fn set(&self, document: impl Into<Bytes>) {
        self.lock().document = Some(document.into());
    }

    /// Makes the document unreadable until the next [`set`](Self::set).
    pub fn clear(&self) {
        self.lock().document = None;
    }

    /// How often it was asked for.
    pub fn fetches(&self) -> usize {
        self.lock().fetches
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, InMemory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FetchJwks for KeysInMemory {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let mut inner = self.lock();
        inner.fetches += 1;
        inner.document.clone().ok_or_else(|| FetchError::Unreadable("there is no document".into()))
    }
}
