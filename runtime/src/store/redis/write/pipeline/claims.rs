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
use crate::error::{Error, Fault};
use crate::key::digest::Field;
use crate::store::redis::connection::classify;
use crate::store::redis::pipeline::resp::{array, bulk, command};
use crate::store::{Pair, RawEntry, Token};

/// Where the pair's stamps are, among its leases: see `lua/shared/epoch.lua`.
const CLOCK: &[u8] = b"clock";
/// The life of the key of leases, in milliseconds: see `lua/shared/lease_life.lua`.
const LEASES_MS: &[u8] = b"600000";

/// What a claim came to.
#[derive(Debug)]
pub(crate) enum ClaimReply {
    /// The lease is set; there may be an entry by now.
    Set(Option<RawEntry>),
    /// Another computation holds the lease: the caller asks by the script `begin`.
    Held,
    /// The lease is set, but with a clock that is not the pair's, so it may count for nothing, or for too much:
    /// the caller has `begin` set it once more.
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
    /// Of the method.
    pub(crate) tag: u64,
    /// When its caller stops waiting.
    pub(crate) until: Instant,
    pub(crate) reply: oneshot::Sender<Result<ClaimReply, Error>>,
}

/// The claims of one pair.
#[derive(Debug)]
pub(crate) struct ClaimGroup {
    pub(super) pair: Arc<Pair>,
    claims: Vec<QueuedClaim>,
    /// The pair's clock, as this process knows it.
    began: u64,
}

/// Claims by their pairs; those whose callers have gone are left out.
pub(super) fn groups(claims: Vec<QueuedClaim>, sink: &dyn WriteSink) -> Vec<ClaimGroup> {
    let mut groups: Vec<ClaimGroup> = Vec::new();
    for claim in claims {
        if claim.reply.is_closed() {
            continue;
        }
        let mut known = groups.iter_mut();
        match known.find(|group| group.pair.stem == claim.pair.stem) {
            Some(group) => group.claims.push(claim),
            None => groups.push(ClaimGroup {
                pair: claim.pair.clone(),
                began: sink.pair_clock(&claim.pair),
                claims: vec![claim],
            }),
        }
    }
    groups
}

impl ClaimGroup {
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
            let lease = claim.lease(self.began);
            command(out, &[b"HSETNX", leases, &claim.field.0, &lease]);
        }
        array(out, self.claims.len() + 2);
        bulk(out, b"HMGET");
        bulk(out, values);
        for claim in &self.claims {
            bulk(out, &claim.field.0);
        }
        command(out, &[b"HGET", leases, CLOCK]);
        command(out, &[b"EXEC"]);
    }

    /// Gives each caller its part of the replies. Returns how many there were and whether a lease was set;
    /// `None` if these are no replies to what was asked.
    pub(super) fn deliver(
        self,
        parts: &[ReplyPart],
        bytes: &Bytes,
        sink: &dyn WriteSink,
    ) -> Option<(usize, bool)> {
        let (exec, queued) = parts.split_last()?;
        let callers = self.claims.len();
        if let ReplyPart::Error(aborted) = exec {
            // The cause is the error of a command that could not be queued.
            let cause = queued.iter().find_map(ReplyPart::error).unwrap_or(aborted);
            self.abort(&refused(bytes, cause), sink);
            return Some((callers, false));
        }
        let executed = ExecutedClaims::of(exec, callers, bytes)?;
        if executed.clock != self.began {
            sink.set_pair_clock(&self.pair, executed.clock);
        }
        sink.answered(&self.pair);
        let mut any_set = false;
        for (at, claim) in self.claims.into_iter().enumerate() {
            let reply = executed.reply(at, self.began, bytes)?;
            let is_set = executed.is_set(at);
            any_set |= is_set;
            let is_leased = reply.is_ok();
            let is_received = claim.reply.send(reply).is_ok();
            if is_set && !(is_leased && is_received) {
                sink.release(&self.pair, claim.field, claim.token);
            }
        }
        Some((callers, any_set))
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
    /// Of the pair.
    clock: u64,
}

impl<'p> ExecutedClaims<'p> {
    fn of(exec: &'p ReplyPart, callers: usize, bytes: &Bytes) -> Option<Self> {
        let ReplyPart::Array(parts) = exec else {
            return None;
        };
        let (set, [values, clock]) = parts.split_at_checked(callers)? else {
            return None;
        };
        let values = match values {
            ReplyPart::Array(values) if values.len() == callers => Ok(&values[..]),
            ReplyPart::Error(text) => Err(refused(bytes, text)),
            _ => return None,
        };
        let clock = match clock {
            ReplyPart::Bulk(None) | ReplyPart::Error(_) => 0,
            ReplyPart::Bulk(Some(range)) => {
                let digits = std::str::from_utf8(&bytes[range.clone()]).ok()?;
                digits.parse().ok()?
            }
            _ => return None,
        };
        Some(Self { set, values, clock })
    }

    fn is_set(&self, at: usize) -> bool {
        matches!(self.set[at], ReplyPart::Int(1))
    }

    fn reply(&self, at: usize, began: u64, bytes: &Bytes) -> Option<Result<ClaimReply, Error>> {
        Some(match (&self.set[at], &self.values) {
            (ReplyPart::Error(text), _) => Err(refused(bytes, text)),
            (ReplyPart::Int(1), Err(error)) => Err(error.again()),
            (ReplyPart::Int(1), Ok(_)) if self.clock != began => Ok(ClaimReply::Outdated),
            (ReplyPart::Int(1), Ok(values)) => match &values[at] {
                ReplyPart::Bulk(value) => {
                    let value = value.clone().map(|range| bytes.slice(range));
                    Ok(ClaimReply::Set(value.map(RawEntry::Own)))
                }
                _ => return None,
            },
            (ReplyPart::Int(_), _) => Ok(ClaimReply::Held),
            _ => return None,
        })
    }
}

impl QueuedClaim {
    /// As in lua/shared/lease.lua.
    fn lease(&self, began: u64) -> [u8; 41] {
        let mut lease = [0; 41];
        lease[..8].copy_from_slice(&self.deadline_ms.to_le_bytes());
        lease[8..24].copy_from_slice(&self.token.0);
        lease[25..33].copy_from_slice(&began.to_le_bytes());
        lease[33..].copy_from_slice(&self.tag.to_le_bytes());
        lease
    }
}

/// Gives the key of leases its end. Not in the transaction: if the key were another program's, `HSETNX` would
/// fail alone, and this would give that key an end.
pub(super) fn write_expiry(pair: &Pair, out: &mut BytesMut) {
    command(out, &[b"PEXPIRE", pair.leases.as_bytes(), LEASES_MS]);
}

pub(super) fn refused(bytes: &Bytes, text: &std::ops::Range<usize>) -> Error {
    classify::refused(&String::from_utf8_lossy(&bytes[text.clone()]))
}

/// The connection was lost before the claim was sent, or after: the caller asks another way.
pub(super) fn disconnected() -> Error {
    Error::unavailable("the connection was lost").with_fault(Fault::Nothing)
}
