#![deny(warnings)]
//! A repository as people write it with sqlx: functions of the type that is read, with the pool in front.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use redis_func_cache::{Cache, cache_impl};
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder("blog").build().unwrap());

struct PgPool {
    queries: AtomicU64,
}

#[derive(Debug, PartialEq)]
enum SqlxError {
    RowNotFound,
}

#[derive(Serialize)]
struct ArticleFilter<'f> {
    tag: Option<&'f str>,
    author: Option<i64>,
}

struct NewArticle {
    slug: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Article {
    id: i64,
    slug: String,
}

#[cache_impl(cache = CACHE, ttl = "5m", self_key = self.id, skip(pool))]
impl Article {
    fn from_row((id, slug): (i64, &str)) -> Self {
        Self {
            id,
            slug: slug.to_owned(),
        }
    }

    async fn by_id(pool: &PgPool, id: i64) -> Result<Self, SqlxError> {
        let rows = pool
            .fetch(&format!("SELECT * FROM articles WHERE id = {id}"))
            .await;
        if id > 0 {
            Ok(Self::from_row((rows, "by-id")))
        } else {
            Err(SqlxError::RowNotFound)
        }
    }

    async fn by_slug(pool: &PgPool, slug: &str) -> Result<Option<Self>, SqlxError> {
        let rows = pool
            .fetch(&format!("SELECT * FROM articles WHERE slug = '{slug}'"))
            .await;
        Ok((slug != "missing").then(|| Self::from_row((rows, slug))))
    }

    async fn list(
        pool: &PgPool,
        filter: &ArticleFilter<'_>,
        page: u32,
    ) -> Result<Vec<Self>, SqlxError> {
        let found = Self::by_slug(pool, filter.tag.unwrap_or("missing")).await?;
        Ok(found
            .into_iter()
            .filter(|_| page == 1 && filter.author.is_none())
            .collect())
    }

    async fn count(pool: &PgPool, tag: Option<&str>) -> Result<i64, SqlxError> {
        pool.fetch("SELECT count(*) FROM articles").await;
        Ok(i64::from(tag.is_some()))
    }

    async fn comments(&self, pool: &PgPool) -> Result<Vec<String>, SqlxError> {
        pool.fetch(&format!(
            "SELECT * FROM comments WHERE article_id = {}",
            self.id
        ))
        .await;
        Ok(vec!["first".to_owned()])
    }

    #[nocache]
    #[invalidates(list(..), count(..))]
    async fn create(pool: &PgPool, new: NewArticle) -> Result<i64, SqlxError> {
        pool.fetch("INSERT INTO articles …").await;
        Ok(new.slug.len() as i64)
    }

    #[nocache]
    #[invalidates(by_id(self.id), by_slug(&self.slug), list(..))]
    async fn rename(&self, pool: &PgPool, slug: &str) -> Result<(), SqlxError> {
        pool.fetch(&format!("UPDATE articles SET slug = '{slug}'"))
            .await;
        Ok(())
    }
}

impl PgPool {
    async fn fetch(&self, _sql: &str) -> i64 {
        self.queries.fetch_add(1, Ordering::Relaxed);
        1
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let pool = PgPool {
        queries: AtomicU64::new(0),
    };
    let queries = || pool.queries.swap(0, Ordering::Relaxed);
    let filter = ArticleFilter {
        tag: Some("rust"),
        author: None,
    };
    for _ in 0..2 {
        let article = Article::by_id(&pool, 1).await.unwrap();
        assert_eq!(article.comments(&pool).await.unwrap(), ["first"]);
        assert_eq!(Article::list(&pool, &filter, 1).await.unwrap().len(), 1);
        assert_eq!(
            Article::by_slug(&pool, "rust").await.unwrap().unwrap().id,
            1
        );
        assert_eq!(Article::count(&pool, None).await, Ok(0));
    }
    assert_eq!(queries(), 4);
    assert_eq!(Article::by_id(&pool, 0).await, Err(SqlxError::RowNotFound));
    assert_eq!(Article::by_id(&pool, 0).await, Err(SqlxError::RowNotFound));
    assert_eq!(queries(), 2);

    Article::create(
        &pool,
        NewArticle {
            slug: "new".to_owned(),
        },
    )
    .await
    .unwrap();
    assert_eq!(
        CachedArticle::entry()
            .list(&filter, 1)
            .peek()
            .await
            .unwrap(),
        None
    );
    assert_eq!(Article::count(&pool, None).await, Ok(0));
    let article = Article::by_id(&pool, 1).await.unwrap();
    assert_eq!(queries(), 2);
    article.rename(&pool, "renamed").await.unwrap();
    assert_eq!(CachedArticle::entry().by_id(1).peek().await.unwrap(), None);
    assert!(
        CachedArticle::entry_of(&article)
            .comments()
            .peek()
            .await
            .unwrap()
            .is_some()
    );
}
