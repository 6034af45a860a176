#![deny(warnings)]

use redis_func_cache::{Cache, CacheExt as _, cache_impl};

#[derive(serde::Serialize)]
struct Tenant(u8);

struct Repo {
    tenant: Tenant,
    region: String,
}

#[cache_impl(self_key = (&self.tenant, self.region(), Self::ZONE))]
impl Repo {
    const ZONE: u8 = 1;

    #[nocache]
    fn region(&self) -> &str {
        &self.region
    }

    async fn find(&self, id: u8) -> String {
        format!("{} {} {id}", self.tenant.0, self.region)
    }

    fn look(&self) -> u8 {
        self.tenant.0
    }

    fn future(&self, id: u8) -> impl Future<Output = u8> {
        async move { self.tenant.0 + id }
    }
}

struct Simple<T> {
    tenant: T,
}

/// What the first block says holds for this one.
#[cache_impl(extend)]
impl Repo {
    fn joined(&self) -> u8 {
        self.tenant.0
    }
}

#[cache_impl(extend, self_key = self.region)]
impl Repo {
    fn region_too(&self) -> String {
        self.region.clone()
    }
}

#[cache_impl(self_key = self.tenant)]
impl<T: serde::Serialize + Copy + Into<u8>> Simple<T> {
    fn look(&self, tenant: u8) -> u8 {
        self.tenant.into() + tenant
    }
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let cache = Cache::builder("x").build().unwrap();
    let repo = |tenant, region: &str| {
        Repo {
            tenant: Tenant(tenant),
            region: region.to_owned(),
        }
        .cached(&cache)
    };
    for _ in 0..2 {
        for (tenant, region) in [(1, "eu"), (2, "eu"), (1, "us")] {
            let repo = repo(tenant, region);
            assert_eq!(repo.find(3).await, format!("{tenant} {region} 3"));
            assert_eq!((repo.look(), repo.future(1).await), (tenant, tenant + 1));
            assert_eq!((repo.joined(), &*repo.region_too()), (tenant, region));
            assert!(repo.entry().find(3).peek().await.unwrap().is_some());
        }
    }
    assert_eq!(cache.stats().hit, 15);
    assert_eq!(Simple { tenant: 1u8 }.cached(&cache).look(1), 2);
    assert_eq!(Simple { tenant: 2u8 }.cached(&cache).look(1), 3);
}
