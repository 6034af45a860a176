//! One look-up, from the admission to ask to the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::pipeline::{Query, Ticket};
use super::{is_lost, read_elsewhere};
use crate::deadline::Timeout;
use crate::error::Error;
use crate::key::digest::Field;
use crate::store::LookupReply;
use crate::store::Pair;
use crate::store::redis::health::endpoint::{Admission, AdmittedCall, PacedResult, Side};
use crate::store::redis::{Client, Redis};

/// Waits for the entry of a field, read together with others, and records the hit. A future made by
/// hand, for it is small: it is moved when it is made, and so are those that it stands in.
pub(crate) struct Lookup<'r> {
    client: &'r Arc<Client>,
    ask: Query<'r>,
    stage: LookupStage<'r>,
    admission: Option<Admission>,
}

enum LookupStage<'r> {
    New,
    Ticketed(Ticket),
    /// In a box, for most reads never need the room that the other ways take.
    Elsewhere(Pin<Box<dyn Future<Output = PacedResult<LookupReply>> + Send + 'r>>),
    Finished,
}

impl Redis {
    /// [`Store::get`](crate::store::Store::get) where hits are recorded behind.
    #[inline]
    pub(crate) fn read<'r>(
        &'r self,
        pair: &'r Arc<Pair>,
        field: Field,
        wait: Timeout,
    ) -> Lookup<'r> {
        Lookup {
            client: &self.client,
            ask: Query { pair, field, wait },
            stage: LookupStage::New,
            admission: None,
        }
    }
}

impl Lookup<'_> {
    fn read(&mut self, context: &mut Context<'_>) -> Poll<PacedResult<LookupReply>> {
        loop {
            let answer = match &mut self.stage {
                LookupStage::New => {
                    self.client.lanes.watch(self.client);
                    match self.client.lanes.enqueue(&self.ask, context.waker()) {
                        Some(Ok(ticket)) => {
                            self.stage = LookupStage::Ticketed(ticket);
                            // Its waker was left in this very poll.
                            return Poll::Pending;
                        }
                        Some(Err(error)) => Some(Err(error)),
                        None => None,
                    }
                }
                LookupStage::Ticketed(ticket) => {
                    let answered = ready!(ticket.poll(self.ask.wait, context));
                    match std::mem::replace(&mut self.stage, LookupStage::Finished) {
                        LookupStage::Ticketed(ticket) => {
                            Some(answered.and_then(|()| ticket.own(self.ask.wait)))
                        }
                        _ => None,
                    }
                }
                LookupStage::Elsewhere(read) => return read.as_mut().poll(context),
                LookupStage::Finished => {
                    return Poll::Ready(Err(Error::unavailable("the read is over")));
                }
            };
            match answer {
                Some(answer) if !is_lost(&answer) => return Poll::Ready(answer),
                _ => {
                    let read = read_elsewhere(self.client, self.ask);
                    self.stage = LookupStage::Elsewhere(Box::pin(read));
                }
            }
        }
    }
}

impl Future for Lookup<'_> {
    type Output = Result<LookupReply, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Query { pair, wait, .. } = this.ask;
        if this.admission.is_none() {
            this.admission = Some(this.client.admit(Side::Read, pair)?);
        }
        let answer = ready!(this.read(context));
        this.stage = LookupStage::Finished;
        let Some(admission) = this.admission.take() else {
            return Poll::Ready(answer.map(|(found, _)| found));
        };
        let asked = AdmittedCall {
            admission,
            side: Side::Read,
            pair,
            deadline: wait.at_most,
        };
        Poll::Ready(this.client.account(&asked, answer))
    }
}
