//! A codec of your own for all values of a cache, and another codec for one method.
//!
//! ```sh
//! cargo run --example custom_codec
//! REDIS_URL=redis://127.0.0.1:6379 cargo run --example custom_codec
//! ```

use std::time::Duration;

use redis_func_cache::{Cache, CacheExt as _, Codec, CodecError, Error, ValueCodec};
use redis_func_cache::{cache_impl, erased_serde};
use serde::{Deserialize, Serialize};

/// JSON in lines, for people who look into Redis.
struct PrettyJson;

impl ValueCodec for PrettyJson {
    fn encode(
        &self,
        value: &dyn erased_serde::Serialize,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let text = serde_json::to_string_pretty(value)?;
        println!("PrettyJson stores: {text}");
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn decode(
        &self,
        payload: &[u8],
        read: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'_>,
        ) -> Result<(), erased_serde::Error>,
    ) -> Result<(), CodecError> {
        println!("PrettyJson reads {} bytes", payload.len());
        let mut json = serde_json::Deserializer::from_slice(payload);
        read(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
        Ok(json.end()?) // bytes behind the value are an error
    }
}

/// Each entry says which codec wrote it, by this number: choose one from 128 to 255 and keep it.
fn pretty_json() -> Codec {
    Codec::custom(200, PrettyJson).expect("200 is in the range for codecs of one's own")
}

#[derive(Debug, Serialize, Deserialize)]
struct Price {
    cents: u64,
    currency: String,
}

struct Prices;

#[cache_impl]
impl Prices {
    /// With the codec of the block, of which there is none here, or else of the builder.
    async fn list(&self, article: u64) -> Price {
        tokio::time::sleep(Duration::from_millis(1)).await; // stands for a query
        Price {
            cents: article * 100,
            currency: "EUR".to_owned(),
        }
    }

    /// A method's own codec: a name in quotes, or an expression of the type `Codec`.
    #[cache(codec = pretty_json())]
    async fn discounted(&self, article: u64, percent: u64) -> Price {
        let mut price = self.list(article).await;
        price.cents -= price.cents * percent / 100;
        price
    }

    /// Other names, such as "json" or "postcard", each need the feature of that name.
    #[cache(codec = "cbor")]
    async fn stock(&self, article: u64) -> Option<u32> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        (article == 42).then_some(7)
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let cache = Cache::from_env("custom-codec")?;
    cache.purge().await?;
    let prices = Prices.cached(&cache);

    for _ in 0..2 {
        println!("list: {:?}", prices.list(42).await);
        println!("discounted: {:?}", prices.discounted(42, 25).await);
        println!("stock: {:?}", prices.stock(42).await);
    }

    // For a whole cache: `.codec(…)` on its builder.
    let pretty = Cache::builder("custom-codec")
        .codec(pretty_json())
        .build()?;
    println!("pretty: {:?}", Prices.cached(&pretty).list(1).await);

    let stats = cache.stats();
    println!("hits: {}, undecodable: {}", stats.hit, stats.undecodable);
    Ok(())
}
