use redis_func_cache::Cache;

fn main() {
    let _ = Cache::builder("shop").redis("rediss://host").tls_ca("a PEM");
    let _ = Cache::builder("shop").redis("rediss://host").tls_identity("a PEM", "a PEM");
}
