use redis_func_cache::cache_impl;

struct Carts {
    tenant: u64,
}

#[cache_impl(self_key = self.tenant)]
impl Carts {
    async fn of(&self, user: u64) -> u64 {
        self.tenant + user
    }
}

#[cache_impl(wrapper = CachedCarts)]
impl Carts {
    async fn total(&self, user: u64) -> u64 {
        user
    }
}

struct Repo;

#[cache_impl]
impl Repo {
    async fn by_email(&self, email: &str) -> usize {
        email.len()
    }

    #[nocache]
    #[invalidates(Carts::total(id))]
    async fn rename(&self, id: u64, name: String) -> u64 {
        id + name.len() as u64
    }
}

fn main() {}
