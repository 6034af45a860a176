//! Entries of one pair, by `HMGET`, with the epochs of their methods and the clock that their expiry is compared with.

use crate::error::Error;
use crate::store::method_state::MethodState;
use crate::store::redis::client::Client;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::script::reply;
use crate::store::{EntryOf, LookupReply, Pair};

/// How the commands on the keys of a pair are sent.
#[derive(Debug, Clone, Copy)]
enum Sending {
    /// In one round trip.
    Together,
    /// While a slot moves: a redirection is for one command only.
    Apart,
}

impl Client {
    /// What there is of each entry.
    pub(crate) async fn hmget(
        &self,
        connection: &ConnectionManager,
        pair: &Pair,
        wanted: &[EntryOf],
    ) -> Result<Vec<LookupReply>, Error> {
        self.read_entries(connection, pair, wanted, Sending::Together)
            .await
    }

    /// The same while the slot of the pair moves.
    pub(super) async fn hmget_while_moving(
        &self,
        pair: &Pair,
        wanted: &[EntryOf],
    ) -> Result<Vec<LookupReply>, Error> {
        self.read_entries(&self.connection, pair, wanted, Sending::Apart)
            .await
    }

    async fn read_entries(
        &self,
        connection: &ConnectionManager,
        pair: &Pair,
        wanted: &[EntryOf],
        sending: Sending,
    ) -> Result<Vec<LookupReply>, Error> {
        let mut methods: Vec<u64> = Vec::with_capacity(1);
        for entry in wanted {
            if !methods.contains(&entry.method) {
                methods.push(entry.method);
            }
        }
        // In this order: what is current after the entries were read was current then.
        let mut get = redis::cmd("HMGET");
        get.arg(&pair.values);
        for entry in wanted {
            get.arg(&entry.field.0[..]);
        }
        let mut pipe = redis::Pipeline::with_capacity(3);
        let mut replies = Vec::new();
        match sending {
            Sending::Together => drop(pipe.add_command(get)),
            Sending::Apart => replies.push(connection.send(&get).await?),
        }
        let states = pipe.cmd("HMGET").arg(&pair.leases);
        for method in &methods {
            states.arg(&Pair::name_of_method(*method)[..]);
        }
        pipe.cmd("TIME");
        replies.extend(connection.send_all(&pipe).await?);
        let replies: [redis::Value; 3] = replies.try_into().map_err(|_| reply::unexpected())?;
        let [entries, states, time] = replies;
        let now_us = match self.clock.forced_us() {
            0 => reply::time_us(time)?,
            forced => forced,
        };
        let (entries, states) = (reply::entries(entries)?, reply::entries(states)?);
        if entries.len() != wanted.len() || states.len() != methods.len() {
            return Err(reply::unexpected());
        }
        let epoch = |method: u64| {
            let at = methods.iter().position(|known| *known == method)?;
            Some(MethodState::of(states[at].as_deref()?)?.epoch())
        };
        let each = wanted.iter().zip(entries);
        let each = each.map(|(wanted, entry)| {
            LookupReply::new(now_us, epoch(wanted.method), entry.map(Into::into))
        });
        Ok(each.collect())
    }
}
