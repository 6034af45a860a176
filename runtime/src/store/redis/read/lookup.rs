//! One lookup, from the breaker's permit to the entry.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::fallback;
use super::pipeline::batch::Ticket;
use super::pipeline::query::Query;
use crate::error::Error;
use crate::store::LookupReply;
use crate::store::redis::client::Client;
use crate::store::redis::health::endpoint::{Admission, AdmittedCall, PacedResult, Side};

/// Waits for the entry of a field, read together with others, and records the hit. It is a future
/// written manually because it has to be small: it is moved when it is made, and so are the futures
/// that it is a part of.
pub(crate) struct Lookup<'r> {
    client: &'r Arc<Client>,
    query: Query<'r>,
    stage: LookupStage<'r>,
    admission: Option<Admission>,
}

enum LookupStage<'r> {
    New,
    /// In a batch of this thread's pipeline.
    Pipelined(Ticket),
    /// In a box, because most reads never need the room that the other ways take.
    Fallback(Pin<Box<dyn Future<Output = PacedResult<LookupReply>> + Send + 'r>>),
    Finished,
}

impl<'r> Lookup<'r> {
    #[inline]
    pub(crate) fn new(client: &'r Arc<Client>, query: Query<'r>) -> Self {
        Self {
            client,
            query,
            stage: LookupStage::New,
            admission: None,
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Poll<PacedResult<LookupReply>> {
        loop {
            let reply = match &mut self.stage {
                LookupStage::New => {
                    self.client.lanes.watch();
                    let node = self.admission.as_ref().and_then(Admission::node);
                    let lanes = &self.client.lanes;
                    match lanes.enqueue(&self.query, node, context.waker()) {
                        Some(Ok(ticket)) => {
                            self.stage = LookupStage::Pipelined(ticket);
                            // Its waker was left in this very poll.
                            return Poll::Pending;
                        }
                        Some(Err(error)) => Some(Err(error)),
                        None => None,
                    }
                }
                LookupStage::Pipelined(ticket) => {
                    let ready = ready!(ticket.poll(self.query.wait, context));
                    match std::mem::replace(&mut self.stage, LookupStage::Finished) {
                        LookupStage::Pipelined(ticket) => Some(
                            ready
                                .and_then(|()| ticket.into_reply(self.query.wait, self.query.tags)),
                        ),
                        _ => None,
                    }
                }
                LookupStage::Fallback(read) => return read.as_mut().poll(context),
                LookupStage::Finished => {
                    return Poll::Ready(Err(Error::unavailable("the read has finished")));
                }
            };
            match reply {
                Some(reply) if !fallback::is_unanswered(&reply) => return Poll::Ready(reply),
                Some(_) => {
                    let read = fallback::read_elsewhere(self.client, self.query);
                    self.stage = LookupStage::Fallback(Box::pin(read));
                }
                None => {
                    let node = self.admission.as_ref().and_then(Admission::node);
                    let read = fallback::read(self.client, self.query, node.cloned());
                    self.stage = LookupStage::Fallback(Box::pin(read));
                }
            }
        }
    }
}

impl Future for Lookup<'_> {
    type Output = Result<LookupReply, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Query { pair, wait, .. } = this.query;
        if this.admission.is_none() {
            this.admission = Some(this.client.admit(Side::Read, pair)?);
        }
        let reply = ready!(this.read(context));
        this.stage = LookupStage::Finished;
        let Some(admission) = this.admission.take() else {
            return Poll::Ready(reply.map(|(found, _)| found));
        };
        let call = AdmittedCall {
            admission,
            side: Side::Read,
            pair,
            deadline: wait.at_most,
        };
        Poll::Ready(this.client.account(&call, reply))
    }
}
