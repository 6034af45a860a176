use redis_func_cache::Cache;

fn main() {
    let _ = Cache::builder("shop").redis_sentinel(vec![String::from("redis://sentinel:26379")], "primary");
}
