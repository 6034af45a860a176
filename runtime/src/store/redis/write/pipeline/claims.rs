//! Claims: leases of fields whose look-up found nothing of use, all of a pair in one transaction.
//!
//! The bytes of the transaction, and what each caller is given of the reply. It knows the store only as a
//! [`WriteSink`]. Start with [`ClaimGroup`].

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

use super::context::WriteSink;
use super::reply::ReplyPart;
use crate::entry::header::Origin;
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::store::method_state::MethodState;
use crate::store::redis::connection::classify;
use crate::store::redis::pipeline::resp::{array, bulk, command};
use crate::store::tag_clock::TagClock;
use crate::store::{Pair, RawEntry, Token};

/// What a claim came to.
#[derive(Debug)]
pub(crate) enum ClaimReply {
    /// The lease is set; there may be an entry by now.
    Set(Option<RawEntry>),
    /// Another computation holds the lease: the caller asks by the script `begin`.
    Held,
    /// The lease is set, but the method has another epoch by now, or does not know this build: the caller has `begin`
    /// set it once more.
    Outdated,
}

/// A caller that claims a field.
#[derive(Debug)]
pub(crate) struct QueuedClaim {
    pub(crate) pair: Arc<Pair>,
    pub(crate) field: Field,
    pub(crate) token: Token,
    /// When others may take over, in milliseconds by the server's clock.
    pub(crate) deadline_ms: u64,
    /// At the look-up.
    pub(crate) origin: Origin,
    /// Whether the entry may have tags.
    pub(crate) has_tags: bool,
    /// When its caller stops waiting.
    pub(crate) until: Instant,
    pub(crate) reply: oneshot::Sender<Result<ClaimReply, Error>>,
}

/// The claims of one pair.
#[derive(Debug)]
pub(crate) struct ClaimGroup {
    pub(super) pair: Arc<Pair>,
    claims: Vec<QueuedClaim>,
    /// The methods of the claims, each by its own pair of the same keys.
    methods: Vec<Arc<Pair>>,
}

/// Claims by their pairs; those whose callers have gone are left out.
pub(super) fn groups(claims: Vec<QueuedClaim>) -> Vec<ClaimGroup> {
    let mut groups: Vec<ClaimGroup> = Vec::new();
    for claim in claims {
        if claim.reply.is_closed() {
            continue;
        }
        let mut known = groups.iter_mut();
        match known.find(|group| group.pair.stem == claim.pair.stem) {
            Some(group) => group.add(claim),
            None => groups.push(ClaimGroup {
                pair: claim.pair.clone(),
                methods: vec![claim.pair.clone()],
                claims: vec![claim],
            }),
        }
    }
    groups
}

impl ClaimGroup {
    fn add(&mut self, claim: QueuedClaim) {
        if self.method_of(&claim).is_none() {
            self.methods.push(claim.pair.clone());
        }
        self.claims.push(claim);
    }

    fn method_of(&self, claim: &QueuedClaim) -> Option<usize> {
        let mut methods = self.methods.iter();
        methods.position(|known| known.method == claim.pair.method)
    }

    fn has_tags(&self) -> bool {
        self.claims.iter().any(|claim| claim.has_tags)
    }

    /// How many values of the control key are asked for: the clock of tags comes last.
    fn states(&self) -> usize {
        self.methods.len() + usize::from(self.has_tags())
    }

    /// How many replies there will be: to `MULTI`, to each command, to `EXEC`.
    pub(super) fn replies(&self) -> usize {
        self.claims.len() + 4
    }

    /// When the last of its callers stops waiting.
    pub(super) fn until(&self) -> Option<Instant> {
        self.claims.iter().map(|claim| claim.until).max()
    }

    /// In one step, so that no invalidation comes between a lease and the look at its entry.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let (values, leases) = (self.pair.values.as_bytes(), self.pair.leases.as_bytes());
        command(out, &[b"MULTI"]);
        for claim in &self.claims {
            let lease = claim.lease();
            command(out, &[b"HSETNX", leases, &claim.field.0, &lease]);
        }
        array(out, self.claims.len() + 2);
        bulk(out, b"HMGET");
        bulk(out, values);
        for claim in &self.claims {
            bulk(out, &claim.field.0);
        }
        array(out, self.states() + 2);
        bulk(out, b"HMGET");
        bulk(out, leases);
        for method in &self.methods {
            bulk(out, &method.method_name());
        }
        if self.has_tags() {
            bulk(out, &TagClock::NAME);
        }
        command(out, &[b"EXEC"]);
    }

    /// Gives each caller its part of the replies. Returns how many there were; `None` if these are no replies to
    /// what was asked.
    pub(super) fn deliver(
        self,
        parts: &[ReplyPart],
        bytes: &Bytes,
        sink: &dyn WriteSink,
    ) -> Option<usize> {
        let (exec, queued) = parts.split_last()?;
        let callers = self.claims.len();
        if let ReplyPart::Error(aborted) = exec {
            // The cause is the error of a command that could not be queued.
            let cause = queued.iter().find_map(ReplyPart::error).unwrap_or(aborted);
            self.abort(&refused(bytes, cause), sink);
            return Some(callers);
        }
        let executed = ExecutedClaims::of(exec, callers, self.states(), bytes)?;
        sink.answered(&self.pair);
        let methods: Option<Vec<_>> = self.claims.iter().map(|one| self.method_of(one)).collect();
        let methods = methods?;
        for (at, claim) in self.claims.into_iter().enumerate() {
            let reply = executed.reply(at, &claim, methods[at], bytes)?;
            let is_set = executed.is_set(at);
            let is_leased = reply.is_ok();
            let is_received = claim.reply.send(reply).is_ok();
            if is_set && !(is_leased && is_received) {
                sink.release(&self.pair, claim.field, claim.token);
            }
        }
        Some(callers)
    }

    /// Nothing was executed.
    fn abort(self, error: &Error, sink: &dyn WriteSink) {
        if error.fault() == Fault::Moved {
            // `begin` finds the node that serves the slot now.
            sink.moved();
            self.fail(&disconnected());
        } else {
            sink.failed(&self.pair, error);
            self.fail(error);
        }
    }

    pub(super) fn fail(self, error: &Error) {
        for claim in self.claims {
            // It fails where the caller was dropped.
            let _ = claim.reply.send(Err(error.again()));
        }
    }
}

/// The reply to `EXEC`.
struct ExecutedClaims<'p> {
    set: &'p [ReplyPart],
    values: Result<&'p [ReplyPart], Error>,
    /// The states of the methods.
    states: Result<&'p [ReplyPart], Error>,
}

impl<'p> ExecutedClaims<'p> {
    fn of(exec: &'p ReplyPart, callers: usize, methods: usize, bytes: &Bytes) -> Option<Self> {
        let ReplyPart::Array(parts) = exec else {
            return None;
        };
        let (set, [values, states]) = parts.split_at_checked(callers)? else {
            return None;
        };
        let items = |part: &'p ReplyPart, expected: usize| match part {
            ReplyPart::Array(items) if items.len() == expected => Some(Ok(&items[..])),
            ReplyPart::Error(text) => Some(Err(refused(bytes, text))),
            _ => None,
        };
        Some(Self {
            set,
            values: items(values, callers)?,
            states: items(states, methods)?,
        })
    }

    fn is_set(&self, at: usize) -> bool {
        matches!(self.set[at], ReplyPart::Int(1))
    }

    fn reply(
        &self,
        at: usize,
        claim: &QueuedClaim,
        method: usize,
        bytes: &Bytes,
    ) -> Option<Result<ClaimReply, Error>> {
        Some(match (&self.set[at], &self.values, &self.states) {
            (ReplyPart::Error(text), ..) => Err(refused(bytes, text)),
            (ReplyPart::Int(1), Err(error), _) | (ReplyPart::Int(1), _, Err(error)) => {
                Err(error.again())
            }
            (ReplyPart::Int(1), Ok(values), Ok(states)) => {
                let (ReplyPart::Bulk(value), ReplyPart::Bulk(state)) =
                    (&values[at], &states[method])
                else {
                    return None;
                };
                let state = state.as_ref().map(|range| &bytes[range.clone()]);
                let state = state.and_then(MethodState::of);
                let clock = match states.last() {
                    Some(ReplyPart::Bulk(clock)) if claim.has_tags => clock.as_ref(),
                    _ => None,
                };
                let clock = TagClock::of(clock.map(|range| &bytes[range.clone()]));
                if state.is_some_and(|state| claim.is_known_to(state, clock)) {
                    let value = value.clone().map(|range| bytes.slice(range));
                    Ok(ClaimReply::Set(value.map(RawEntry::Own)))
                } else {
                    Ok(ClaimReply::Outdated)
                }
            }
            (ReplyPart::Int(_), ..) => Ok(ClaimReply::Held),
            _ => return None,
        })
    }
}

impl QueuedClaim {
    /// As in lua/shared/lease.lua.
    fn lease(&self) -> [u8; 41] {
        let mut lease = [0; 41];
        lease[..8].copy_from_slice(&self.deadline_ms.to_le_bytes());
        lease[8..24].copy_from_slice(&self.token.0);
        lease[25..33].copy_from_slice(&self.origin.epoch.0);
        lease[33..].copy_from_slice(&self.pair.method.to_le_bytes());
        lease
    }

    /// Whether invalidations of the method, since the look-up or to come, concern the lease and what is stored
    /// under it. And no tag has been invalidated since, so that what the look-up found of tags still holds.
    fn is_known_to(&self, state: MethodState<'_>, clock: TagClock) -> bool {
        let is_current = !self.has_tags || clock.now == self.origin.began;
        is_current && state.epoch() == self.origin.epoch && state.has(self.field.build())
    }
}

pub(super) fn refused(bytes: &Bytes, text: &std::ops::Range<usize>) -> Error {
    classify::refused(&String::from_utf8_lossy(&bytes[text.clone()]))
}

/// The connection was lost before the claim was sent, or after: the caller asks another way.
pub(super) fn disconnected() -> Error {
    Error::unavailable("the connection was lost").with_fault(Fault::Nothing)
}
