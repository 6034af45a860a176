use super::*;
use crate::key::names::Names;
use crate::method::Method;
use crate::method::options::Options;
use crate::policy::Policy;
use crate::settings::{Early, Stampede, StructureTtl, Touch};

fn bound(options: Options, ttl_ms: u64) -> Result<Freshness, Error> {
    let defaults = Defaults {
        names: Names::new("prefix:", "name", false, None),
        policy: Policy::Lru,
        layout: None,
        maxsize: 1,
        touch: Touch::Exact,
        ttl_ms,
        stampede: Stampede::Local,
        jitter_permille: 100,
        fallback_concurrency: None,
        structure: StructureTtl::Never,
        codec: Codec::Cbor,
    };
    let method = Method::new("site", "name", [0; 20], options);
    BoundMethod::new(
        "shop",
        method.declaration(),
        &defaults,
        &MaxSizes::default(),
    )
    .map(|bound| bound.freshness)
}

#[test]
fn what_a_method_says_goes_before_what_the_builder_says() {
    let of_builder = bound(Options::NONE, 0).unwrap();
    let said = (of_builder.stampede, of_builder.jitter_permille);
    assert_eq!(said, (Stampede::Local, 100));
    let options = Options {
        stampede: Some(Stampede::Off),
        jitter_permille: Some(0),
        stale_ms: Some(7),
        soft_timeout_ms: Some(5),
        early: Some(Early::XFetch),
        ..Options::NONE
    };
    let expected = Freshness {
        stampede: Stampede::Off,
        jitter_permille: 0,
        stale_ms: Some(7),
        soft_timeout_ms: Some(5),
        early: Some(Early::XFetch),
    };
    assert_eq!(bound(options, 1000).unwrap(), expected);
}

#[test]
fn nothing_is_stale_or_early_without_a_ttl() {
    let stale = Options {
        stale_ms: Some(1),
        ..Options::NONE
    };
    let early = Options {
        early: Some(Early::At(900)),
        ..Options::NONE
    };
    for options in [stale, early] {
        let error = bound(options, 0).unwrap_err().to_string();
        assert!(error.contains("the builder one"), "{error}");
        let of_method = Options {
            ttl_ms: Some(1),
            ..options
        };
        let of_value = Options {
            has_ttl_fn: true,
            ..options
        };
        for (options, ttl_ms) in [(options, 1), (of_method, 0), (of_value, 0)] {
            bound(options, ttl_ms).unwrap();
        }
    }
}
