//! `#[invalidates(each m(ids))]`: one entry for each element of a list.

use std::collections::HashMap;

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

use super::everywhere;

struct Shop;

#[cache_impl(ttl = "5m")]
impl Shop {
    async fn price(&self, tenant: &str, id: u64) -> u64 {
        id * tenant.len() as u64
    }

    async fn label(&self, name: String) -> String {
        name
    }

    async fn size(&self, name: &str) -> usize {
        name.len()
    }

    async fn shown(&self, name: impl AsRef<str>) -> usize {
        name.as_ref().len()
    }

    #[cache(batch = ids)]
    async fn prices(&self, ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, id * 2)).collect()
    }

    #[nocache]
    #[invalidates(
        each price(tenant, ids), each label(names), each size(names), each shown(names), each prices(ids)
    )]
    async fn change(&self, tenant: &str, ids: &[u64], names: Vec<String>) -> usize {
        ids.len() + names.len() + tenant.len()
    }

    #[nocache]
    #[invalidates(each prices(pairs.iter().map(|pair| pair.0)), each label(names.iter().map(|name| name.to_owned())))]
    fn derived(&self, pairs: &[(u64, u64)], names: &[&str]) -> usize {
        pairs.len() + names.len()
    }
}

#[tokio::test]
async fn each_element_drops_its_entry() {
    everywhere(|builder, _| async move {
        let cache: Cache = builder.build().unwrap();
        let shop = Shop.cached(&cache);
        let fill = async || {
            for id in [1, 2, 3] {
                shop.price("ab", id).await;
            }
            for name in ["x", "yy", "zzz"] {
                shop.label(name.to_owned()).await;
                shop.size(name).await;
                shop.shown(name).await;
            }
            shop.prices(&[1, 2, 3]).await;
        };
        fill().await;
        assert_eq!(cache.len().await.unwrap(), 15);
        let names = vec!["x".to_owned(), "zzz".to_owned()];
        shop.change("ab", &[1, 3], names).await;
        assert_eq!(cache.len().await.unwrap(), 5);
        assert_eq!(shop.entry().price("ab", 2).peek().await.unwrap(), Some(4));
        assert_eq!(
            shop.entry().label("yy".to_owned()).peek().await.unwrap(),
            Some("yy".to_owned())
        );
        assert_eq!(shop.entry().size("yy").peek().await.unwrap(), Some(2));
        assert_eq!(shop.entry().shown("yy").peek().await.unwrap(), Some(2));
        assert_eq!(shop.entry().prices(2).peek().await.unwrap(), Some(Some(4)));
        shop.change("ab", &[], Vec::new()).await;
        assert_eq!(cache.len().await.unwrap(), 5);
        fill().await;
        shop.derived(&[(1, 0), (2, 0)], &["x", "yy"]);
        assert_eq!(cache.len().await.unwrap(), 11);
    })
    .await;
}
