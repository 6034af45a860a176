//! One attempt to connect, which ends whatever happens in it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join;
use redis::{RedisError, Value};
use tokio::time::timeout;

use super::classify;
use super::refusal::Refusal;
use super::target::Target;
use super::{Connection, Reply};

/// All of an attempt, such as asking several sentinels of which some are down.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A connection that works, and what is known of its server.
pub(crate) struct NewConnection {
    pub(crate) connection: Connection,
    /// Whether the server has `HPEXPIRE`.
    pub(crate) has_field_ttl: bool,
}

pub(crate) async fn attempt(target: &Target) -> Result<NewConnection, Refusal> {
    // Such as on a runtime without sockets or timers, or by the application's own cryptography.
    caught(target, async {
        match timeout(ATTEMPT, connect(target)).await {
            Ok(attempted) => attempted,
            Err(_) => Err(Refusal::new(
                target.name(),
                format!("no connection within {} s", ATTEMPT.as_secs()),
            )),
        }
    })
    .await
}

/// A panic is a failed attempt like others: callers must not wait for its end for ever.
async fn caught<T>(
    target: &Target,
    attempt: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    match AssertUnwindSafe(attempt).catch_unwind().await {
        Ok(attempted) => attempted,
        Err(_) => Err(Refusal::panicked(target.name())),
    }
}

async fn connect(target: &Target) -> Result<NewConnection, Refusal> {
    let mut connection = target.connect().await?;
    let command = redis::cmd("COMMAND").arg("INFO").arg("HPEXPIRE").take();
    // Together: a name costs no round trip. Whether the server takes it does not matter.
    let mut named = connection.clone();
    let ((), answer) = join(
        named.set_name(&target.client_name),
        connection.send(&command),
    )
    .await;
    if let Err(error) = &answer
        && !target.is_cluster()
        && is_unusable(error)
    {
        return Err(target.refusal(error));
    }
    Ok(NewConnection {
        connection,
        has_field_ttl: knows_command(answer),
    })
}

/// A server that wants a password says so with the first command, and closes nothing.
fn is_unusable(error: &RedisError) -> bool {
    error.code() == Some("NOAUTH") || classify::is_end_of_connection(error)
}

fn knows_command(answer: Reply) -> bool {
    match answer {
        Ok(Value::Array(commands)) => matches!(commands.first(), Some(Value::Array(_))),
        Ok(Value::Map(commands)) => !commands.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::connection::tls::Tls;

    #[test]
    fn a_panic_is_a_failed_attempt() {
        let target = Target::one("redis://127.0.0.1:1", &Tls::default()).unwrap();
        let refusal = pollster::block_on(caught::<()>(&target, async { panic!("at once") }));
        let refusal = refusal.unwrap_err();
        assert!(refusal.is_panic);
        assert!(
            refusal
                .to_string()
                .starts_with("cannot connect to 127.0.0.1:1: ")
        );
        // Without timers, as here, there is no attempt without one.
        let attempted = pollster::block_on(attempt(&target));
        assert!(attempted.is_err_and(|refusal| refusal.is_panic));
    }
}
