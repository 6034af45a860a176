//! Entries of one pair, by `HMGET`, with the epochs of their methods and the clock that their expiry is compared with.

use std::collections::{BTreeSet, HashMap};

use crate::error::Error;
use crate::key::tags::{TagId, TagIds};
use crate::store::method_state::MethodState;
use crate::store::redis::client::Client;
use crate::store::redis::connection::manager::ConnectionManager;
use crate::store::redis::script::reply;
use crate::store::tag_clock::{TagClock, TagStamp};
use crate::store::{EntryOf, LookupReply, Pair, TagView};

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
        let declared = wanted.iter().filter(|one| one.tags.are_declared());
        let tags: BTreeSet<TagId> = declared
            .clone()
            .flat_map(|one| one.tags.as_slice())
            .copied()
            .collect();
        let has_tags = declared.count() > 0;
        if has_tags {
            states.arg(&TagClock::NAME[..]);
            for tag in &tags {
                states.arg(&TagStamp::name(*tag)[..]);
            }
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
        let asked = methods.len() + usize::from(has_tags) + tags.len();
        if entries.len() != wanted.len() || states.len() != asked {
            return Err(reply::unexpected());
        }
        let (states, of_tags) = states.split_at(methods.len());
        let clock = of_tags.first().and_then(Option::as_deref);
        let stamps = of_tags.iter().skip(1).map(Option::as_deref);
        let stamps: HashMap<TagId, Option<&[u8]>> = tags.into_iter().zip(stamps).collect();
        let tags = |tags: &TagIds| {
            let of_each = tags.as_slice().iter();
            let of_each = of_each.map(|tag| stamps.get(tag).copied().flatten());
            tags.are_declared()
                .then(|| TagView::of(tags, clock, of_each))
        };
        let epoch = |method: u64| {
            let at = methods.iter().position(|known| *known == method)?;
            Some(MethodState::of(states[at].as_deref()?)?.epoch())
        };
        let each = wanted.iter().zip(entries);
        let each = each.map(|(wanted, entry)| {
            let found = LookupReply::new(now_us, epoch(wanted.method), entry.map(Into::into));
            found.with_tags(tags(&wanted.tags))
        });
        Ok(each.collect())
    }
}
