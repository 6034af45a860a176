//! Claims and puts as the traffic of a pipeline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::claims::{self, ClaimGroup, QueuedClaim};
use super::context::WriteContext;
use super::puts::{PutScripts, QueuedPut};
use super::queue::{WriteKind, WriteQueue};
use super::reply::{PartsParser, ReplyPart};
use crate::error::Error;
use crate::store::redis::pipeline::large_fields::LargeFields;
use crate::store::redis::pipeline::resp::ProtocolError;
use crate::store::redis::pipeline::traffic::{Traffic, Waiters};

/// Claims of one transaction or several.
const CLAIMS: usize = 256;
/// A server that has not answered to a put for so long is gone.
const TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct WriteTraffic {
    context: WriteContext,
    large_fields: Arc<LargeFields>,
    queue: Mutex<WriteQueue>,
}

/// What one request holds.
pub(crate) enum SentWrites {
    Claims(Vec<ClaimGroup>),
    Puts(PutScripts),
}

impl WriteTraffic {
    pub(crate) fn new(context: &WriteContext, large_fields: Arc<LargeFields>) -> Self {
        Self {
            context: context.clone(),
            large_fields,
            queue: Mutex::default(),
        }
    }

    /// Adds claims, but for those of fields with large entries: to read such an entry again would hold back the
    /// others, and the script `begin` does not. Returns whether the I/O task has to be woken.
    pub(crate) fn claim(&self, mut claims: Vec<QueuedClaim>) -> Result<bool, Error> {
        // Without its claim a caller asks `begin`.
        claims.retain(|claim| !self.large_fields.contains(claim.field));
        if claims.is_empty() {
            return Ok(false);
        }
        let mut queue = self.queue();
        if !queue.is_open {
            return Err(claims::disconnected());
        }
        queue.push_claims(claims)
    }

    /// Adds puts; hands them back if the connection is lost. Returns whether the I/O task has to be woken.
    pub(crate) fn put(&self, puts: Vec<QueuedPut>) -> Result<bool, Vec<QueuedPut>> {
        let mut queue = self.queue();
        if !queue.is_open {
            return Err(puts);
        }
        let wakes = queue.puts.is_empty();
        queue.puts.extend(puts);
        Ok(wakes)
    }

    fn queue(&self) -> MutexGuard<'_, WriteQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Traffic for WriteTraffic {
    type Sent = SentWrites;
    type Parser = PartsParser;
    type Reply = Vec<ReplyPart>;

    // One of each kind.
    const REQUESTS: usize = 2;
    const MOST_LATE: u32 = 3;

    fn has_waiters(&self) -> bool {
        self.queue().has_waiters()
    }

    fn next(&self, turn: usize, out: &mut BytesMut) -> Option<SentWrites> {
        let mut queue = self.queue();
        let sent = queue.next(&self.context, turn, out)?;
        queue.under_way.push_back((sent.kind(), sent.late_at()));
        Some(sent)
    }

    fn parse(
        &self,
        parser: &mut PartsParser,
        sent: &SentWrites,
        bytes: &[u8],
    ) -> Result<Result<(usize, Vec<ReplyPart>), usize>, ProtocolError> {
        parser.read(bytes, sent.replies())
    }

    fn deliver(&self, sent: SentWrites, parts: Vec<ReplyPart>, bytes: Bytes) -> Option<usize> {
        let sink = self.context.sink.upgrade()?;
        self.queue().under_way.pop_front();
        match sent {
            SentWrites::Claims(groups) => {
                let (mut callers, mut rest) = (0, &parts[..]);
                for group in groups {
                    let (own, others) = rest.split_at_checked(group.replies())?;
                    rest = others;
                    callers += group.deliver(own, &bytes, &*sink)?;
                }
                Some(callers)
            }
            SentWrites::Puts(scripts) => {
                let (callers, again) = scripts.deliver(&parts, &bytes, &*sink)?;
                let mut queue = self.queue();
                for put in again.into_iter().rev() {
                    queue.puts.push_front(put);
                }
                Some(callers)
            }
        }
    }

    fn open(&self) {
        self.queue().is_open = true;
    }

    fn close(&self) {
        let lost = std::mem::take(&mut *self.queue());
        for claim in lost.claims {
            let _ = claim.reply.send(Err(claims::disconnected()));
        }
        // Without the store no caller waits.
        if let Some(sink) = self.context.sink.upgrade() {
            lost.puts
                .into_iter()
                .for_each(|put| sink.put_elsewhere(put));
        }
    }

    fn expire(&self, now: Instant) -> Waiters {
        let queue = self.queue();
        let oldest = queue.under_way.front();
        Waiters {
            were_late: oldest.is_some_and(|(_, late_at)| now > *late_at),
            are_left: oldest.is_some() || queue.has_waiters(),
        }
    }
}

impl WriteQueue {
    fn next(
        &mut self,
        context: &WriteContext,
        turn: usize,
        out: &mut BytesMut,
    ) -> Option<SentWrites> {
        // By turns, where both wait.
        if turn.is_multiple_of(2) {
            let puts = self.next_puts(context, out);
            puts.or_else(|| self.next_claims(out))
        } else {
            let claims = self.next_claims(out);
            claims.or_else(|| self.next_puts(context, out))
        }
    }

    fn next_claims(&mut self, out: &mut BytesMut) -> Option<SentWrites> {
        if self.is_under_way(WriteKind::Claims) || self.claims.is_empty() {
            return None;
        }
        let later = self.claims.split_off(self.claims.len().min(CLAIMS));
        let claims = std::mem::replace(&mut self.claims, later);
        let groups = claims::groups(claims);
        if groups.is_empty() {
            return None;
        }
        for group in &groups {
            group.write(out);
        }
        Some(SentWrites::Claims(groups))
    }

    fn next_puts(&mut self, context: &WriteContext, out: &mut BytesMut) -> Option<SentWrites> {
        if self.is_under_way(WriteKind::Puts) || self.puts.is_empty() {
            return None;
        }
        let scripts = PutScripts::send(&mut self.puts, &context.sink, out)?;
        Some(SentWrites::Puts(scripts))
    }
}

impl SentWrites {
    fn late_at(&self) -> Instant {
        let until = match self {
            Self::Claims(groups) => groups.iter().filter_map(ClaimGroup::until).max(),
            Self::Puts(_) => None,
        };
        until.unwrap_or_else(|| Instant::now() + TIMEOUT)
    }

    fn kind(&self) -> WriteKind {
        match self {
            Self::Claims(_) => WriteKind::Claims,
            Self::Puts(_) => WriteKind::Puts,
        }
    }

    fn replies(&self) -> usize {
        match self {
            Self::Claims(groups) => groups.iter().map(ClaimGroup::replies).sum(),
            Self::Puts(scripts) => scripts.len(),
        }
    }
}
