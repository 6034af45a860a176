//! `value.cached(&cache)`: a wrapper with the same methods.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use redis_func_cache::{Cache, CacheExt as _, Error, cache_impl};

use super::methods::methods;
use super::source::{Argument, Number, Returned, Row, Unwritable};
use super::subject::{CachedMethods, Reply, Request, Subject, on_entry};
use super::{Answer, Failure, Method, Source, Write};

pub(super) fn subject(cache: &Cache, source: Arc<Source>) -> Subject {
    Subject::new(cache, source.clone(), Repo(source).cached(cache))
}

struct Repo(Arc<Source>);

macro_rules! wrapper {
    (
        async { $($async:ident $name:ident($id:ident: $ty:ty) -> $returned:ty, [$($option:tt)*];)* }
        future { $($future:ident $name_f:ident($id_f:ident: $ty_f:ty) -> $returned_f:ty, [$($option_f:tt)*];)* }
        sync { $($sync:ident $name_s:ident($id_s:ident: $ty_s:ty) -> $returned_s:ty, [$($option_s:tt)*];)* }
    ) => {
        #[cache_impl]
        impl Repo {
            $(
                #[cache($($option)*)]
                async fn $name(&self, $id: $ty) -> $returned {
                    self.0.execute($id).await
                }
            )*
            $(
                #[cache($($option_f)*)]
                fn $name_f(&self, $id_f: $ty_f) -> impl Future<Output = $returned_f> + Send {
                    self.0.execute($id_f)
                }
            )*
            $(
                #[cache($($option_s)*)]
                fn $name_s(&self, $id_s: $ty_s) -> $returned_s {
                    self.0.execute($id_s).wait()
                }
            )*

            #[nocache]
            #[invalidates(plain(id))]
            async fn write_one(&self, id: u64) -> Result<(), Failure> {
                self.0.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(..))]
            async fn write_all(&self, id: u64) -> Result<(), Failure> {
                self.0.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(id), other(..))]
            async fn write_both(&self, id: u64) -> Result<(), Failure> {
                self.0.execute_write(id).await
            }

            #[nocache]
            #[invalidates(plain(id), other(..))]
            fn write_both_blocking(&self, id: u64) -> Result<(), Failure> {
                self.0.execute_write(id).wait()
            }
        }

        impl CachedMethods for CachedRepo {
            fn call(&self, method: Method, id: u64) -> BoxFuture<'static, Answer> {
                let (repo, text) = (self.clone(), id.to_string());
                match method {
                    $(Method::$async => Box::pin(async move {
                        repo.$name(Argument::of(id, &text)).await.answer()
                    }),)*
                    $(Method::$future => Box::pin(async move {
                        repo.$name_f(Argument::of(id, &text)).await.answer()
                    }),)*
                    _ => Box::pin(async move { repo.call_blocking(method, id) }),
                }
            }

            fn call_blocking(&self, method: Method, id: u64) -> Answer {
                let text = id.to_string();
                match method {
                    $(Method::$sync => self.$name_s(Argument::of(id, &text)).answer(),)*
                    _ => panic!("{method:?} is async"),
                }
            }

            fn on_entry(&self, method: Method, id: u64, request: Request) -> BoxFuture<'static, Reply> {
                let (repo, text) = (self.clone(), id.to_string());
                match method {
                    $(Method::$async => Box::pin(async move {
                        on_entry!(request, repo.entry().$name(Argument::of(id, &text)), [.await])
                    }),)*
                    $(Method::$future => Box::pin(async move {
                        on_entry!(request, repo.entry().$name_f(Argument::of(id, &text)), [.await])
                    }),)*
                    $(Method::$sync => Box::pin(async move {
                        on_entry!(request, repo.entry().$name_s(Argument::of(id, &text)), [])
                    }),)*
                }
            }

            fn invalidate_all(&self, method: Method) -> BoxFuture<'static, Result<(), Error>> {
                let repo = self.clone();
                assert_eq!(method, Method::Plain);
                Box::pin(async move {
                    repo.write_all(0).await.unwrap();
                    Ok(())
                })
            }

            fn write(&self, write: Write, id: u64) -> BoxFuture<'static, Result<(), Failure>> {
                let repo = self.clone();
                Box::pin(async move {
                    match write {
                        Write::One => repo.write_one(id).await,
                        Write::All => repo.write_all(id).await,
                        Write::Both => repo.write_both(id).await,
                        Write::BothBlocking => repo.write_both_blocking(id),
                    }
                })
            }
        }
    };
}
methods!(wrapper);
