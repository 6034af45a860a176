//! The store on a Redis server, a cluster, or behind sentinels.

mod connection;
mod driver;
pub(crate) use driver::spawn;
mod fault;
mod lane;
mod link;
mod pair;
mod read;
mod reply;
mod script;
mod target;
mod touch;
mod wire;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::{Cmd, Value};

use self::connection::{Connection, Node, Reply};
pub(crate) use self::lane::Blocked;
use self::lane::Lanes;
use self::link::Link;
pub(crate) use self::pair::PairShared;
use self::pair::{Pairs, args_of};
use self::reply::{array, found, number, scan_page, unexpected};
pub(crate) use self::script::all as scripts;
use self::script::{PolicyScripts, Script};
pub(crate) use self::target::Target;
use super::{Clock, Found, KeySpace, Put, Store};
use crate::error::Error;
use crate::field::Field;
use crate::method::Pair;
use crate::policy::Policy;
use crate::settings::{Touch, ms};

/// One step of an operation that takes many, such as a page of a scan.
const STEP: Duration = Duration::from_secs(1);
/// `unpack` in Lua refuses some 8,000 values; the scripts ask for at most this many.
const BATCH: usize = 1000;
const SCAN_COUNT: usize = 1000;

/// The store. Its connection is owned by a thread of this crate: see [`driver`].
pub(crate) struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    target: Arc<Target>,
    link: Link,
    lanes: Lanes,
    clock: Clock,
    custom: Mutex<HashMap<String, Arc<PolicyScripts>>>,
    pairs: Pairs,
    dropped_touches: AtomicU64,
}

impl Redis {
    pub(crate) fn new(target: Target, clock: Clock) -> Self {
        let target = Arc::new(target);
        Self {
            inner: Arc::new(Inner {
                link: Link::new(target.clone()),
                lanes: Lanes::default(),
                target,
                clock,
                custom: Mutex::default(),
                pairs: Pairs::default(),
                dropped_touches: AtomicU64::new(0),
            }),
        }
    }

    /// [`Store::get`] where hits are recorded behind.
    pub(crate) async fn read(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        deadline: Duration,
    ) -> Result<Found, Error> {
        read::read(&self.inner, pair, field, deadline).await
    }

    /// Runs an operation on the driver, whatever runtime or thread the caller is on.
    async fn run<T, F, Fut>(&self, deadline: Option<Duration>, operation: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Inner>) -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let future = operation(self.inner.clone());
        let inner = self.inner.clone();
        driver::run(async move {
            let Some(deadline) = deadline else {
                return future.await;
            };
            let Ok(result) = tokio::time::timeout(deadline, future).await else {
                inner.link.timed_out();
                return Err(Error::unavailable("the store did not answer in time"));
            };
            result
        })
        .await?
    }

    /// Runs a script that looks an entry up.
    async fn look(
        &self,
        script: Script,
        pair: &Arc<Pair>,
        args: Vec<Vec<u8>>,
        deadline: Duration,
    ) -> Result<Found, Error> {
        let pair = pair.clone();
        self.run(Some(deadline), |inner| async move {
            found(
                inner
                    .script(&script, &pair.ranking, &pair.values, &args)
                    .await?,
            )
        })
        .await
    }

    /// Runs a script that answers with a number.
    async fn number(
        &self,
        script: Script,
        pair: &Arc<Pair>,
        args: Vec<Vec<u8>>,
        deadline: Duration,
    ) -> Result<u64, Error> {
        let pair = pair.clone();
        self.run(Some(deadline), |inner| async move {
            number(
                &inner
                    .script(&script, &pair.ranking, &pair.values, &args)
                    .await?,
            )
        })
        .await
    }

    /// Runs a script on every pair of a cache and adds the answers up.
    async fn sum(&self, script: Script, keys: &KeySpace) -> Result<u64, Error> {
        let keys = keys.clone();
        self.run(None, |inner| async move {
            let mut sum = 0;
            for stem in inner.stems(&keys).await? {
                let (ranking, values) = (format!("{stem}:0"), format!("{stem}:1"));
                let answer = timed(inner.script(&script, &ranking, &values, &[])).await;
                match answer {
                    Ok(answer) => sum += number(&answer)?,
                    // Somebody else's data: it is not ours to count or to remove.
                    Err(error) if error.is_foreign() => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(sum)
        })
        .await
    }
}

impl Inner {
    /// `EVALSHA`, and `EVAL` where the server does not know the script: one node, one command.
    async fn script(
        &self,
        script: &Script,
        ranking: &str,
        values: &str,
        args: &[Vec<u8>],
    ) -> Result<Value, Error> {
        let known = command("EVALSHA", script.sha(), ranking, values, args);
        match self.link.send(&known).await {
            Err(error) if fault::is_no_script(&error) => {
                self.whole_script(script, ranking, values, args).await
            }
            other => other.map_err(|error| fault::error(&error)),
        }
    }

    /// `EVAL`: the text goes along, so the script runs in its place among the commands.
    async fn whole_script(
        &self,
        script: &Script,
        ranking: &str,
        values: &str,
        args: &[Vec<u8>],
    ) -> Result<Value, Error> {
        let whole = command("EVAL", script.text(), ranking, values, args);
        let sent = self.link.send(&whole).await;
        sent.map_err(|error| fault::error(&error))
    }

    fn scripts(&self, policy: &Policy) -> Arc<PolicyScripts> {
        let Policy::Custom(custom) = policy else {
            return script::built_in(policy.tag());
        };
        let mut known = self.custom.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(policy.tag().to_owned())
            .or_insert_with(|| Arc::new(script::custom(custom.lua())))
            .clone()
    }

    /// The stems of all pairs of a cache, by `SCAN` over every primary.
    async fn stems(&self, keys: &KeySpace) -> Result<BTreeSet<String>, Error> {
        let mut stems = BTreeSet::new();
        for pattern in keys.names.patterns(&keys.policies) {
            for node in timed(self.link.nodes()).await? {
                let mut cursor = b"0".to_vec();
                loop {
                    let mut cmd = redis::cmd("SCAN");
                    cmd.arg(&cursor)
                        .arg("MATCH")
                        .arg(&pattern)
                        .arg("COUNT")
                        .arg(SCAN_COUNT);
                    let page = timed(self.link.send_to(&node, cmd)).await?;
                    let (next, found) = scan_page(page)?;
                    // Keys of others may be no text at all; ours are.
                    let texts = found.iter().filter_map(|key| std::str::from_utf8(key).ok());
                    stems.extend(
                        texts
                            .filter_map(|key| keys.names.stem_of(key, &keys.policies))
                            .map(str::to_owned),
                    );
                    if next == b"0" {
                        break;
                    }
                    cursor = next;
                }
            }
        }
        Ok(stems)
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        deadline: Duration,
    ) -> Result<Found, Error> {
        if let Touch::Behind(_) = pair.touch {
            return self.read(pair, field, deadline).await;
        }
        let script = self.inner.scripts(&pair.policy).get.clone();
        let mut args = self.inner.common_args(pair, field);
        args.truncate(4);
        self.look(script, pair, args, deadline).await
    }

    fn reader(&self) -> Option<&Redis> {
        Some(self)
    }

    async fn peek(
        &self,
        pair: &Arc<Pair>,
        field: Field,
        deadline: Duration,
    ) -> Result<Found, Error> {
        let mut args = self.inner.common_args(pair, field);
        args.truncate(2);
        self.look(script::PEEK.clone(), pair, args, deadline).await
    }

    async fn put(&self, pair: &Arc<Pair>, put: Put, deadline: Duration) -> Result<u64, Error> {
        let script = self.inner.scripts(&pair.policy).put.clone();
        let pair = pair.clone();
        self.run(Some(deadline), |inner| async move {
            let mut args = inner.common_args(&pair, put.field);
            args.extend([
                text(pair.maxsize),
                text(0),
                text(put.ttl_ms),
                text(u64::from(inner.link.has_field_ttl())),
                put.entry.head.to_vec(),
                put.entry.tail,
            ]);
            args.extend(args_of(inner.shared(&pair).touches().take()));
            number(
                &inner
                    .script(&script, &pair.ranking, &pair.values, &args)
                    .await?,
            )
        })
        .await
    }

    async fn delete(
        &self,
        pair: &Arc<Pair>,
        fields: Vec<Field>,
        deadline: Duration,
    ) -> Result<u64, Error> {
        let mut removed = 0;
        for batch in fields.chunks(BATCH) {
            let args = batch.iter().map(|field| field.0.to_vec()).collect();
            removed += self
                .number(script::DELETE.clone(), pair, args, deadline)
                .await?;
        }
        Ok(removed)
    }

    async fn delete_method(&self, pair: &Arc<Pair>, tag: u64) -> Result<u64, Error> {
        let pair = pair.clone();
        self.run(None, |inner| async move {
            let (mut cursor, mut removed) = (b"0".to_vec(), 0);
            loop {
                let args = [cursor, tag.to_le_bytes().to_vec()];
                let step =
                    timed(inner.script(&script::DELETE_METHOD, &pair.ranking, &pair.values, &args))
                        .await?;
                let Ok([Value::BulkString(next), Value::Int(n)]) =
                    <[Value; 2]>::try_from(array(step)?)
                else {
                    return Err(unexpected());
                };
                removed += u64::try_from(n).unwrap_or_default();
                if next == b"0" {
                    return Ok(removed);
                }
                cursor = next;
            }
        })
        .await
    }

    async fn delete_pair(&self, pair: &Arc<Pair>) -> Result<u64, Error> {
        self.number(script::PURGE.clone(), pair, Vec::new(), STEP)
            .await
    }

    async fn len(&self, keys: &KeySpace) -> Result<u64, Error> {
        self.sum(script::LEN.clone(), keys).await
    }

    async fn purge(&self, keys: &KeySpace) -> Result<u64, Error> {
        self.sum(script::PURGE.clone(), keys).await
    }

    fn dropped_touches(&self) -> u64 {
        self.inner.dropped_touches.load(Ordering::Relaxed)
    }

    async fn close(&self) {
        self.inner.link.close();
        self.inner.lanes.close();
    }
}

impl Inner {
    fn shared<'p>(&self, pair: &'p Pair) -> &'p Arc<PairShared> {
        pair.shared.get_or_init(|| self.pairs.of(&pair.stem))
    }

    /// The arguments that the scripts have in the same places.
    fn common_args(&self, pair: &Pair, field: Field) -> Vec<Vec<u8>> {
        let mut args = Vec::with_capacity(10);
        args.push(field.0.to_vec());
        args.push(text(self.clock.forced_us()));
        args.push(text(pair.structure.ms()));
        args.push(text(u64::from(pair.structure.is_sliding())));
        args
    }
}

fn command(name: &str, script: &str, ranking: &str, values: &str, args: &[Vec<u8>]) -> Cmd {
    let mut cmd = redis::cmd(name);
    cmd.arg(script).arg(2).arg(ranking).arg(values).arg(args);
    cmd
}

async fn timed<T>(step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(STEP, step).await {
        Ok(result) => result,
        Err(_) => Err(Error::unavailable(format!(
            "the store did not answer within {} ms",
            ms(STEP)
        ))),
    }
}

fn text(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("link", &self.inner.link)
            .finish_non_exhaustive()
    }
}
