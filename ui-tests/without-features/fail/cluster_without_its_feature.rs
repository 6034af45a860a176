use redis_func_cache::Cache;

fn main() {
    let _ = Cache::builder("shop").redis_cluster(["redis://node1:6379", "redis://node2:6379"]);
}
