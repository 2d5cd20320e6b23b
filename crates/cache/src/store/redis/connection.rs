//! The connection to Redis: one that all calls share, and that is made again when it breaks.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, ProtocolVersion, RedisError,
    RedisResult,
};
use tokio::time::{Duration, timeout};

use crate::store::Failure;

/// How long an answer may take, the wait for a connection included. A call waits no longer for a Redis that is away, and may be tried again within
/// the 10 s that it has by default.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long the making of a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The pauses between attempts to connect, doubled from the first to the last: how soon a Redis that is back is found.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// How long what was sent may stay unacknowledged: without a bound, a connection to a machine that is gone is kept for a quarter of an hour.
const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection, cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::store) struct Connection(ConnectionManager);

impl Connection {
    /// Connects, if it can be done at once; else calls fail until it can.
    ///
    /// # Errors
    /// When Redis answers and does not let us in, or the address is none.
    pub(super) async fn open(address: ConnectionInfo) -> RedisResult<Self> {
        // RESP3 tells of a connection that breaks while nobody uses it, so that the next call finds another.
        let redis = address.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(address.set_tcp_settings(tcp()).set_redis_settings(redis))?;
        match greet(&client).await {
            Ok(()) => {}
            Err(error) if is_away(&error) => {
                tracing::warn!(%error, "Redis does not answer; calls fail until it does");
            }
            Err(error) => return Err(error),
        }
        let (first, last) = PAUSES;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(TIMEOUT))
            .set_min_delay(first)
            .set_max_delay(last)
            .set_number_of_retries(usize::MAX);
        Ok(Self(ConnectionManager::new_lazy_with_config(client, config)?))
    }

    /// Does something on the connection, in time.
    pub(in crate::store) async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        let mut connection = self.0.clone();
        match timeout(TIMEOUT, work(&mut connection)).await {
            Ok(result) => result.map_err(Failure::from),
            Err(_) => Err(too_late("no answer within 1 s").into()),
        }
    }
}

/// Whether a Redis may be there later that is not now. A certificate that cannot be verified is invalid data to `std::io`, and will be tomorrow.
fn is_away(error: &RedisError) -> bool {
    // The crate shares its causes, and shows the share.
    let shared =
        error.source().and_then(|cause| cause.downcast_ref::<Arc<dyn Error + Send + Sync>>());
    let cause = shared.and_then(|cause| cause.downcast_ref::<io::Error>());
    let unverified = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData);
    !unverified && matches!(Failure::from(error.clone()), Failure::Unavailable(_))
}

/// Connects once, to find out whether Redis lets us in.
async fn greet(client: &Client) -> RedisResult<()> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(TIMEOUT));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("PING").exec_async(&mut connection).await
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true).set_user_timeout(USER_TIMEOUT)
}

fn too_late(text: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, text))
}
