use redis_func_cache::Cache;

fn main() {
    let _ = Cache::builder("shop").compress_above(1024);
}
