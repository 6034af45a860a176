use super::*;

fn of(body: &proc_macro2::TokenStream) -> Vec<String> {
    let method = syn::parse_quote!(async fn find(&self, id: u64) -> u64 { #body });
    reads(&method).into_iter().map(|read| read.text).collect()
}

macro_rules! reads {
    ($($name:ident { $($body:tt => [$($text:literal),*];)* })*) => {$(
        #[test]
        fn $name() {
            $(
                let expected: &[&str] = &[$($text),*];
                assert_eq!(of(&quote::quote! $body), expected, "{}", stringify!($body));
            )*
        }
    )*};
}

reads! {
    values_are_read {
        { self.owner } => ["self.owner"];
        { load(&self.owner, id).await } => ["self.owner"];
        { self.owner.clone() } => ["self.owner"];
        { self.owner.as_str().len() } => ["self.owner"];
        { self.token.as_deref().unwrap_or("none") } => ["self.token"];
        { self.config.base_url.to_owned() } => ["self.config.base_url"];
        { self.client.token } => ["self.client.token"];
        { self.http.get(&self.base_url).send().await } => ["self.base_url"];
        { User { owner: self.owner, id } } => ["self.owner"];
        { if self.is_admin { 1 } else { 2 } } => ["self.is_admin"];
        { self.limit + self.limit * id } => ["self.limit"];
        { self.rates[id as usize] } => ["self.rates"];
        { *(&self.limit) } => ["self.limit"];
        { self.0 } => ["self.0"];
        { rows.iter().filter(|row| rows.any(|r| r.owner == self.owner)).count() } => ["self.owner"];
        { async move { let x = self.owner; x }.await } => ["self.owner"];
        { match self.kind { Kind::A => 1, _ => 2 } } => ["self.kind"];
        { self.pool_size + self.client_id + self.api_key } => ["self.pool_size", "self.client_id", "self.api_key"];
    }

    handles_are_not {
        { self.pool.clone() } => [];
        { self.db.query("…", &[&id]).await } => [];
        { sqlx::query("…").fetch(&self.pool).await } => [];
        { fetch(&self.client, &self.state.read_pool, self.http_client.clone()) } => [];
        { self.state.find(id) } => [];
        { self.calls.fetch_add(1, Ordering::SeqCst) } => [];
        { self.rows.lock().unwrap().get(&id).cloned() } => [];
        { self.shards[id as usize].get(id) } => [];
        { (self.load)(id) } => [];
        { (*self.state).find(id) } => [];
        { self.helper(id); helper(self); self.clone().other() } => [];
        { struct S { owner: u8 } impl S { fn f(&self) -> u8 { self.owner } } 1 } => [];
    }

    macros_are_looked_into {
        { format!("{}/{}", self.base_url, id) } => ["self.base_url"];
        { format!("{url}", url = self.base_url.as_str()) } => ["self.base_url"];
        { vec![self.owner.clone(); 3] } => ["self.owner"];
        { json!({ "owner": self.owner, "id": [self.limits.low] }) } => ["self.owner", "self.limits.low"];
        { select! { x = load(&self.owner) => x, () = sleep(self.wait) => 0 } } => ["self.owner", "self.wait"];
        { query!("…", self.tenant).fetch_one(&self.pool).await } => ["self.tenant"];
        { format!("{}", self.db.name().parse::<u64>()) } => [];
        { json!({ "x": self.state.get::<u64>(id), "y": self.state.get(self.owner) }) } => ["self.owner"];
        { debug!(owner = %self.owner, "found"); info!("{}", self.owner); 1 } => [];
        { matches!(self.kind, Kind::A if id > 1) } => ["self.kind"];
        { json!({ "x": other.self_.owner, "y": 0..self.end }) } => ["self.end"];
    }

    other_names_for_self_are_followed {
        { let Self { owner, pool, .. } = self; fetch(pool, owner) } => ["self.owner"];
        { let Self { owner: name, pool, state } = self; state.get(pool, name).await } => ["self.owner"];
        { let Self { owner, .. } = self; 1 } => [];
        { let Self { base_url, .. } = self; format!("{base_url}/{id}") } => ["self.base_url"];
        { let Self { base_url, .. } = self; format!("{base_url:?}") } => ["self.base_url"];
        { let &Self { limit, .. } = self; limit } => ["self.limit"];
        { let Repo(limit) = self; limit + id } => ["self.0"];
        { let this = self; this.owner } => ["self.owner"];
        { let this = self.clone(); spawn(async move { this.owner }).await } => ["self.owner"];
        { match self { Self { limit: 3, .. } => 1, Self { limit, .. } => *limit } } => ["self.limit"];
        { if let Self { owner, .. } = self { owner } else { 1 } } => ["self.owner"];
    }
}
