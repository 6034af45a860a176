//! Entries of one pair, by `HMGET`, with the clock that their expiry is compared with.

use crate::error::Error;
use crate::key::digest::Field;
use crate::store::Pair;
use crate::store::redis::client::Client;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::script::reply;

/// The server's clock in microseconds, and an entry for each field.
pub(crate) type HmgetReply = Result<(u64, Vec<Option<Vec<u8>>>), Error>;

impl Client {
    pub(crate) async fn hmget(
        &self,
        connection: &ConnectionManager,
        pair: &Pair,
        fields: &[Field],
    ) -> HmgetReply {
        let mut pipe = redis::Pipeline::with_capacity(2);
        let get = pipe.cmd("HMGET").arg(&pair.values);
        for field in fields {
            get.arg(&field.0[..]);
        }
        // In the same round trip.
        pipe.cmd("TIME");
        let replies = connection.send_all(&pipe).await;
        let [entries, time] = replies?.try_into().map_err(|_| reply::unexpected())?;
        let now_us = match self.clock.forced_us() {
            0 => reply::time_us(time)?,
            forced => forced,
        };
        let entries = reply::entries(entries)?;
        if entries.len() != fields.len() {
            return Err(reply::unexpected());
        }
        Ok((now_us, entries))
    }
}
