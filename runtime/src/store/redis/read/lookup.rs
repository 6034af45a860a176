//! One look-up, from the leave to ask to the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::pipeline::{Ask, Seat};
use super::{is_lost, read_otherwise};
use crate::deadline::Timeout;
use crate::error::Error;
use crate::key::digest::Field;
use crate::store::LookupReply;
use crate::store::Pair;
use crate::store::redis::health::endpoint::{Asked, Leave, Paced, Side};
use crate::store::redis::{Inner, Redis};

/// Waits for the entry of a field, read together with others, and records the hit. A future made by
/// hand, for it is small: it is moved when it is made, and so are those that it stands in.
pub(crate) struct Lookup<'r> {
    inner: &'r Arc<Inner>,
    ask: Ask<'r>,
    stage: Stage<'r>,
    leave: Option<Leave>,
}

enum Stage<'r> {
    New,
    Seated(Seat),
    /// In a box, for most reads never need the room that the other ways take.
    Otherwise(Pin<Box<dyn Future<Output = Paced<LookupReply>> + Send + 'r>>),
    Over,
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
            inner: &self.inner,
            ask: Ask { pair, field, wait },
            stage: Stage::New,
            leave: None,
        }
    }
}

impl Lookup<'_> {
    fn read(&mut self, context: &mut Context<'_>) -> Poll<Paced<LookupReply>> {
        loop {
            let answer = match &mut self.stage {
                Stage::New => {
                    self.inner.lanes.watch(self.inner);
                    match self.inner.lanes.seat(&self.ask, context.waker()) {
                        Some(Ok(seat)) => {
                            self.stage = Stage::Seated(seat);
                            // Its waker was left in this very poll.
                            return Poll::Pending;
                        }
                        Some(Err(error)) => Some(Err(error)),
                        None => None,
                    }
                }
                Stage::Seated(seat) => {
                    let answered = ready!(seat.poll(self.ask.wait, context));
                    match std::mem::replace(&mut self.stage, Stage::Over) {
                        Stage::Seated(seat) => {
                            Some(answered.and_then(|()| seat.own(self.ask.wait)))
                        }
                        _ => None,
                    }
                }
                Stage::Otherwise(read) => return read.as_mut().poll(context),
                Stage::Over => return Poll::Ready(Err(Error::unavailable("the read is over"))),
            };
            match answer {
                Some(answer) if !is_lost(&answer) => return Poll::Ready(answer),
                _ => {
                    let read = read_otherwise(self.inner, self.ask);
                    self.stage = Stage::Otherwise(Box::pin(read));
                }
            }
        }
    }
}

impl Future for Lookup<'_> {
    type Output = Result<LookupReply, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Ask { pair, wait, .. } = this.ask;
        if this.leave.is_none() {
            this.leave = Some(this.inner.admit(Side::Read, pair)?);
        }
        let answer = ready!(this.read(context));
        this.stage = Stage::Over;
        let Some(leave) = this.leave.take() else {
            return Poll::Ready(answer.map(|(found, _)| found));
        };
        let asked = Asked {
            leave,
            side: Side::Read,
            pair,
            deadline: wait.at_most,
        };
        Poll::Ready(this.inner.account(&asked, answer))
    }
}
