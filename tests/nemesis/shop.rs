//! The cached methods, in two builds of one program: they differ in how long their methods take.

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Error, Tags, cache_impl};
use tokio::time::sleep;

use crate::history::{By, End, Method, Outcome, Question, Value};
use crate::ops::Op;
use crate::runs::{BY, Failure, Panic, Runs};

/// What a client process asks of its build.
pub trait Shop: Send + Sync + 'static {
    fn runs(&self) -> &Runs;

    fn ask(
        &self,
        cache: &Cache,
        op: Op,
        question: Question,
    ) -> impl Future<Output = Outcome> + Send;

    /// Of the sync method.
    fn ask_blocking(&self, cache: &Cache, op: Op, key: u32) -> Outcome;
}

fn group_of(value: &Value) -> Tags {
    Tags::new().with("group", &value.question.group())
}

fn group(key: u32) -> u32 {
    let method = Method::Find;
    Question { method, key }.group()
}

macro_rules! build {
    ($name:ident, $most_ms:literal) => {
        pub mod $name {
            use super::*;

            #[derive(Debug)]
            pub struct Repo(Runs);

            /// They tell of each of their runs, last for a while, fail and panic.
            #[cache_impl(multiple, maxsize = 16, ttl = "1s")]
            impl Repo {
                #[cache(name = "find", tags(group = group(key)))]
                async fn find(&self, key: u32) -> Value {
                    let mut run = self.0.start(Method::Find, key);
                    sleep(run.takes($most_ms)).await;
                    if run.dice(30) {
                        run.end(End::Panicked);
                        resume_unwind(Box::new(Panic(run.id())));
                    }
                    run.end(End::Returned)
                }

                #[cache(name = "fetch", ttl = "600ms", stale = "400ms", tags_fn = group_of)]
                async fn fetch(&self, key: u32) -> Result<Value, Failure> {
                    let mut run = self.0.start(Method::Fetch, key);
                    sleep(run.takes($most_ms)).await;
                    if run.dice(10) {
                        run.end(End::Failed);
                        return Err(Failure(run.id()));
                    }
                    Ok(run.end(End::Returned))
                }

                #[cache(name = "look", tags(group = group(key)))]
                fn look(&self, key: u32) -> Value {
                    let mut run = self.0.start(Method::Look, key);
                    thread::sleep(run.takes($most_ms / 2));
                    run.end(End::Returned)
                }

                /// Lives longer than any round: only what invalidates it can keep it right.
                #[cache(name = "keep", ttl = "1h", tags(group = group(key)))]
                async fn keep(&self, key: u32) -> Value {
                    let mut run = self.0.start(Method::Keep, key);
                    sleep(run.takes($most_ms)).await;
                    run.end(End::Returned)
                }

                #[nocache]
                #[invalidates(find(key), fetch(key), look(key), keep(key))]
                async fn write(&self, key: u32) {
                    sleep(self.0.start_by(By::Write, writing(key)).takes(5)).await;
                    self.0.changed();
                }

                #[nocache]
                #[invalidates(find(key), fetch(key), look(key), keep(key))]
                fn write_sync(&self, key: u32) {
                    thread::sleep(self.0.start_by(By::Write, writing(key)).takes(5));
                    self.0.changed();
                }

                #[nocache]
                #[invalidates(tag(group = group(key)))]
                async fn write_group(&self, key: u32) {
                    sleep(self.0.start_by(By::Write, writing(key)).takes(5)).await;
                    self.0.changed();
                }

                /// Returns the row as it is when it has written it.
                #[nocache]
                #[updates(keep(key))]
                #[invalidates(find(key), fetch(key), look(key))]
                async fn update(&self, key: u32) -> Value {
                    let question = Question {
                        method: Method::Keep,
                        key,
                    };
                    let mut run = self.0.start_by(By::Update, question);
                    sleep(run.takes($most_ms)).await;
                    self.0.changed();
                    run.end(End::Returned)
                }
            }

            impl CachedRepo {
                pub fn new(runs: Runs, cache: &Cache) -> Self {
                    Repo(runs).cached(cache)
                }

                async fn call(&self, question: Question) -> Outcome {
                    let key = question.key;
                    match question.method {
                        Method::Find => Outcome::Value(self.find(key).await),
                        Method::Fetch => fetched(self.fetch(key).await),
                        Method::Keep => Outcome::Value(self.keep(key).await),
                        Method::Look => Outcome::Value(self.look(key)),
                    }
                }

                pub async fn put(&self, question: Question) -> Outcome {
                    let mut run = self.runs().start_by(By::Put, question);
                    let (entry, key) = (self.entry(), question.key);
                    let put = match question.method {
                        Method::Find => entry.find(key).put(&run.value()).await,
                        Method::Keep => entry.keep(key).put(&run.value()).await,
                        Method::Fetch => entry.fetch(key).put(&run.value()).await,
                        Method::Look => entry.look(key).put(&run.value()),
                    };
                    run.end(if put.is_ok() {
                        End::Returned
                    } else {
                        End::Failed
                    });
                    done(put)
                }

                /// Reads a value beside the cache, and stores it if nothing has overtaken that.
                async fn put_if_current(&self, key: u32) -> Result<bool, Error> {
                    let entry = self.entry();
                    let token = entry.keep(key).begin().await?;
                    let question = Question {
                        method: Method::Keep,
                        key,
                    };
                    let mut run = self.runs().start_by(By::Token, question);
                    sleep(run.takes($most_ms)).await;
                    let value = run.end(End::Returned);
                    entry.keep(key).put_if_current(&value, token).await
                }

                /// Writes, reads what was written, and commits or not.
                async fn transact(
                    &self,
                    cache: &Cache,
                    question: Question,
                    commits: bool,
                ) -> Outcome {
                    let transaction = cache.after_commit(async {
                        self.write(question.key).await;
                        let read = self.call(question);
                        let read = BY.scope(By::Transaction, read).await;
                        sleep(Duration::from_millis(5)).await;
                        if !commits || !matches!(read, Outcome::Value(_)) {
                            return Err(read);
                        }
                        self.runs().changed();
                        Ok(read)
                    });
                    transaction.await.unwrap_or_else(|rolled_back| rolled_back)
                }
            }

            impl Shop for CachedRepo {
                fn runs(&self) -> &Runs {
                    &Self::inner(self).0
                }

                async fn ask(&self, cache: &Cache, op: Op, question: Question) -> Outcome {
                    let Question { method, key } = question;
                    let (entry, all) = (self.entry(), self.all());
                    match (op, method) {
                        (Op::Purge, _) => done(cache.purge().await),
                        (Op::InvalidateTag, _) => {
                            done(cache.tag("group", &question.group()).invalidate().await)
                        }
                        (Op::Write, _) => {
                            self.write(key).await;
                            Outcome::Done
                        }
                        (Op::WriteGroup, _) => {
                            self.write_group(key).await;
                            Outcome::Done
                        }
                        (Op::Update, _) => Outcome::Value(self.update(key).await),
                        (Op::PutIfCurrent, _) => done(self.put_if_current(key).await),
                        (Op::Commit, _) => self.transact(cache, question, true).await,
                        (Op::RollBack, _) => self.transact(cache, question, false).await,
                        (Op::Call, _) => self.call(question).await,
                        (Op::Put, _) => self.put(question).await,
                        (Op::Refresh, Method::Find) => {
                            Outcome::Value(refreshed(entry.find(key).refresh()).await)
                        }
                        (Op::Refresh, Method::Fetch) => {
                            fetched(refreshed(entry.fetch(key).refresh()).await)
                        }
                        (Op::Refresh, Method::Keep) => {
                            Outcome::Value(refreshed(entry.keep(key).refresh()).await)
                        }
                        (Op::Peek, Method::Find) => peeked(entry.find(key).peek().await),
                        (Op::Peek, Method::Fetch) => peeked(entry.fetch(key).peek().await),
                        (Op::Peek, Method::Keep) => peeked(entry.keep(key).peek().await),
                        (Op::Invalidate, Method::Find) => done(entry.find(key).invalidate().await),
                        (Op::Invalidate, Method::Fetch) => {
                            done(entry.fetch(key).invalidate().await)
                        }
                        (Op::Invalidate, Method::Keep) => done(entry.keep(key).invalidate().await),
                        (Op::InvalidateAll, Method::Find) => done(all.find().invalidate().await),
                        (Op::InvalidateAll, Method::Fetch) => done(all.fetch().invalidate().await),
                        (Op::InvalidateAll, Method::Keep) => done(all.keep().invalidate().await),
                        (op, Method::Look) => {
                            unreachable!("{op:?} of a sync method is asked on a thread")
                        }
                    }
                }

                fn ask_blocking(&self, cache: &Cache, op: Op, key: u32) -> Outcome {
                    let entry = self.entry().look(key);
                    let look = || Outcome::Value(self.look(key));
                    match op {
                        Op::InvalidateAll => done(self.all().look().invalidate()),
                        Op::Peek => peeked(entry.peek()),
                        Op::Invalidate => done(entry.invalidate()),
                        Op::Write => {
                            self.write_sync(key);
                            Outcome::Done
                        }
                        Op::Commit | Op::RollBack => {
                            let transaction = cache.after_commit_sync(|| {
                                self.write_sync(key);
                                let read = BY.sync_scope(By::Transaction, look);
                                if op == Op::RollBack {
                                    return Err(read);
                                }
                                self.runs().changed();
                                Ok(read)
                            });
                            transaction.unwrap_or_else(|rolled_back| rolled_back)
                        }
                        _ => look(),
                    }
                }
            }
        }
    };
}
build!(old, 20);
build!(new, 16);

/// Of a write, which computes no value: the method does not matter.
fn writing(key: u32) -> Question {
    let method = Method::Find;
    Question { method, key }
}

async fn refreshed<T>(refresh: impl Future<Output = T>) -> T {
    BY.scope(By::Refresh, refresh).await
}

fn fetched(fetched: Result<Value, Failure>) -> Outcome {
    match fetched {
        Ok(value) => Outcome::Value(value),
        Err(Failure(run)) => Outcome::Failed(run),
    }
}

fn peeked(peeked: Result<Option<Value>, Error>) -> Outcome {
    match peeked {
        Ok(found) => found.map_or(Outcome::Done, Outcome::Value),
        Err(_) => Outcome::Refused,
    }
}

fn done<T>(done: Result<T, Error>) -> Outcome {
    done.map_or(Outcome::Refused, |_| Outcome::Done)
}
