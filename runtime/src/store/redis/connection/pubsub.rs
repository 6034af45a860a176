//! Hearing from the server that a lease has ended.
//!
//! One subscription a store, made when a call waits for the first time. It only makes waits shorter: a
//! call that waits also looks again by itself, so a lost message costs time and nothing else.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use redis::RedisResult;
use redis::aio::PubSub;
use tokio::sync::mpsc;

use super::target::Target;
use crate::key::digest::Field;
use crate::rt::background;
use crate::store::Pair;
use crate::store::{Listener, Listeners};

const CONNECT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct LeaseEvents {
    listeners: Arc<Listeners>,
    state: Mutex<Subscriptions>,
}

#[derive(Debug, Default)]
struct Subscriptions {
    channels: HashSet<String>,
    /// To the task that hears messages, which ends when this is dropped.
    subscribe: Option<mpsc::UnboundedSender<String>>,
    is_closed: bool,
}

impl LeaseEvents {
    pub(crate) fn listen(&self, target: &Arc<Target>, pair: &Pair, field: Field) -> Listener {
        self.subscribe(target, format!("{}:2", pair.stem));
        self.listeners.listen(field)
    }

    fn subscribe(&self, target: &Arc<Target>, channel: String) {
        let mut state = self.state();
        if state.is_closed || !state.channels.insert(channel.clone()) {
            return;
        }
        let subscribe = state.subscribe.get_or_insert_with(|| {
            let (subscribe, wanted) = mpsc::unbounded_channel();
            // Without the background thread no call could wait.
            let _ = background::spawn(hear(target.clone(), self.listeners.clone(), wanted));
            subscribe
        });
        let _ = subscribe.send(channel);
    }

    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.subscribe = None;
    }

    fn state(&self) -> MutexGuard<'_, Subscriptions> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears messages until the store is dropped. A subscription that breaks is made again.
async fn hear(
    target: Arc<Target>,
    listeners: Arc<Listeners>,
    mut wanted: mpsc::UnboundedReceiver<String>,
) {
    let mut channels = Vec::new();
    loop {
        while let Ok(channel) = wanted.try_recv() {
            channels.push(channel);
        }
        let connecting = tokio::time::timeout(CONNECT, subscription(&target, &channels)).await;
        if let Ok(Ok(subscription)) = connecting {
            let ended = relay(subscription, &listeners, &mut wanted, &mut channels).await;
            listeners.wake_all();
            if ended {
                return;
            }
        }
        if wanted.is_closed() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn subscription(target: &Target, channels: &[String]) -> RedisResult<PubSub> {
    let mut subscription = target.subscribe().await?;
    subscription.subscribe(channels).await?;
    Ok(subscription)
}

/// `true` if the store was dropped, `false` if the subscription was lost.
async fn relay(
    subscription: PubSub,
    listeners: &Listeners,
    wanted: &mut mpsc::UnboundedReceiver<String>,
    channels: &mut Vec<String>,
) -> bool {
    let (mut sink, mut messages) = subscription.split();
    loop {
        let channel = pin!(wanted.recv());
        match select(messages.next(), channel).await {
            Either::Left((Some(message), _)) => {
                if let Ok(field) = <[u8; 20]>::try_from(message.get_payload_bytes()) {
                    listeners.wake(Field(field));
                }
            }
            Either::Left((None, _)) => return false,
            Either::Right((None, _)) => return true,
            Either::Right((Some(channel), _)) => {
                let subscribed = sink.subscribe(&channel).await;
                channels.push(channel);
                if subscribed.is_err() {
                    return false;
                }
            }
        }
    }
}
