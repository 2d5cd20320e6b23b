//! The addresses of a channel: each has a task that keeps it connected; those that are connected can be picked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::uri::Authority;
use hyper::client::conn::http2::SendRequest;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Status;
use tonic::body::Body;

use crate::Target;
use crate::backoff::Backoff;
use crate::connect::connect;
use crate::status::chain;
use crate::tls::Connector;

/// A connection that takes calls.
#[derive(Clone)]
pub(crate) struct Ready {
    id: u64,
    pub(crate) authority: Authority,
    pub(crate) encrypted: bool,
    pub(crate) connection: SendRequest<Body>,
}

/// What a pick sees: replaced as a whole, so a pick never waits for a change.
#[derive(Clone, Default)]
struct Picture {
    ready: Vec<Ready>,
    /// The last failure of each address that is not being connected for the first time; by its index.
    failures: Vec<Option<String>>,
}

/// Every address of a channel. Dropping it ends their tasks.
pub(crate) struct Subchannels {
    picture: watch::Sender<Arc<Picture>>,
    next: AtomicUsize,
    /// Whether a call has come: until then nothing is connected.
    wanted: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Subchannels {
    pub(crate) fn new(target: &Target, tls: Option<Connector>) -> Self {
        let authorities = target.authorities();
        let failures = vec![None; authorities.len()];
        let picture = watch::Sender::new(Arc::new(Picture { ready: Vec::new(), failures }));
        let wanted = watch::Sender::new(false);
        let ids = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for (index, authority) in authorities.iter().cloned().enumerate() {
            let subchannel = Subchannel {
                index,
                authority,
                tls: tls.clone(),
                picture: picture.clone(),
                ids: ids.clone(),
            };
            let mut wanted = wanted.subscribe();
            tasks.spawn(async move {
                if wanted.wait_for(|wanted| *wanted).await.is_ok() {
                    subchannel.keep_connected().await;
                }
            });
        }
        Self { picture, next: AtomicUsize::new(0), wanted, _tasks: tasks }
    }

    /// The next connection in turn; waits for one while any address may still come.
    ///
    /// # Errors
    /// UNAVAILABLE when every address has failed, with the reason of one of them.
    pub(crate) async fn pick(&self) -> Result<Ready, Status> {
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
        let mut changes = self.picture.subscribe();
        loop {
            {
                let picture = changes.borrow_and_update();
                if !picture.ready.is_empty() {
                    let turn = self.next.fetch_add(1, Ordering::Relaxed) % picture.ready.len();
                    return Ok(picture.ready[turn].clone());
                }
                if let Some(failures) = picture.failures.iter().cloned().collect::<Option<Vec<_>>>()
                {
                    let reason = failures
                        .into_iter()
                        .next_back()
                        .unwrap_or_else(|| "the target has no address".into());
                    return Err(Status::unavailable(format!("no server can be reached: {reason}")));
                }
            }
            if changes.changed().await.is_err() {
                return Err(Status::unavailable("the channel is closed"));
            }
        }
    }

    /// Takes a connection that refused a call out of the picture.
    pub(crate) fn forget(&self, ready: &Ready) {
        remove(&self.picture, ready.id);
    }
}

impl fmt::Debug for Subchannels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let picture = self.picture.borrow();
        let ready: Vec<_> = picture.ready.iter().map(|ready| ready.authority.as_str()).collect();
        formatter
            .debug_struct("Subchannels")
            .field("ready", &ready)
            .field("failures", &picture.failures)
            .finish()
    }
}

/// One address.
struct Subchannel {
    index: usize,
    authority: Authority,
    tls: Option<Connector>,
    picture: watch::Sender<Arc<Picture>>,
    ids: Arc<AtomicU64>,
}

impl Subchannel {
    /// Connects, and connects again whenever the connection takes no more calls, for ever.
    async fn keep_connected(self) {
        let mut backoff = Backoff::new();
        loop {
            match connect(&self.authority, self.tls.as_ref()).await {
                Ok((connection, driver)) => {
                    backoff = Backoff::new();
                    let id = self.ids.fetch_add(1, Ordering::Relaxed);
                    let ready = Ready {
                        id,
                        authority: self.authority.clone(),
                        encrypted: self.tls.is_some(),
                        connection,
                    };
                    self.change(|picture, index| {
                        picture.failures[index] = None;
                        picture.ready.push(ready);
                    });
                    // Completes at GOAWAY as well; calls in flight go on in a task of hyper's.
                    let _ = driver.await;
                    remove(&self.picture, id);
                }
                Err(error) => {
                    let reason = format!("{}: {}", self.authority, chain(&*error));
                    self.change(|picture, index| picture.failures[index] = Some(reason));
                    sleep(backoff.delay()).await;
                }
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Picture, usize)) {
        self.picture.send_modify(|picture| change(Arc::make_mut(picture), self.index));
    }
}

fn remove(picture: &watch::Sender<Arc<Picture>>, id: u64) {
    picture.send_if_modified(|picture| {
        let known = picture.ready.iter().any(|ready| ready.id == id);
        if known {
            Arc::make_mut(picture).ready.retain(|ready| ready.id != id);
        }
        known
    });
}
