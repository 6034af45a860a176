use std::io;

use redis_func_cache::cache_impl;

pub struct DbError;

type DbResult<T> = Result<T, DbError>;
type DeleteResult = Result<(), DbError>;
type Nothing = ();

pub struct Repo;

#[cache_impl]
impl Repo {
    pub async fn of_a_crate(&self, id: u64) -> DbResult<()> {
        let _ = id;
        Ok(())
    }

    pub fn of_the_library(&self) -> io::Result<()> {
        Ok(())
    }

    pub async fn of_one_kind(&self) -> DeleteResult {
        Ok(())
    }

    pub fn by_another_name(&self) -> Nothing {}

    pub fn future(&self) -> impl Future<Output = DeleteResult> {
        async { Ok(()) }
    }

    pub async fn something(&self) -> DbResult<u64> {
        Ok(1)
    }
}

fn main() {}
