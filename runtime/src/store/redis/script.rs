//! The scripts: fragments of `lua/`, joined at compile time by the tables below.
//!
//! It imports nothing of the store on Redis; `client` runs the scripts. Start with the tables, then
//! [`reply`]: what they return. [`put_args`] is both sides of the put.

pub(crate) mod put_args;
pub(crate) mod reply;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use sha1::{Digest as _, Sha1};

use crate::policy::{CustomPolicy, Policy, PolicyLua};

/// The text of a script and its SHA-1 in hexadecimal, by which the server knows it.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    text: Cow<'static, str>,
    sha: Arc<str>,
}

/// The scripts that depend on the policy.
#[derive(Debug)]
pub(crate) struct PolicyScripts {
    pub(crate) get: Script,
    pub(crate) put: Script,
    pub(crate) touch: Script,
}

impl Script {
    fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let mut sha = String::with_capacity(40);
        for byte in Sha1::digest(text.as_bytes()) {
            write!(sha, "{byte:02x}").expect("writing to a String cannot fail");
        }
        Self {
            text,
            sha: sha.into(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn sha(&self) -> &str {
        &self.sha
    }
}

macro_rules! join {
    ($($part:expr),* $(,)?) => {
        concat!($(include_str!(concat!("../../../../lua/", $part, ".lua")), "\n"),*)
    };
}

// The fragments before the policy, and those after it.
macro_rules! get_script {
    ($policy:expr) => {
        join!(
            "shared/keys",
            "shared/clock",
            "shared/entry",
            "shared/epoch",
            "shared/current_entry",
            "shared/tags",
            "shared/ttl",
            "shared/rank",
            $policy,
            "op/get",
        )
    };
}
macro_rules! put_script {
    ($policy:expr) => {
        join!(
            "shared/keys",
            "shared/clock",
            "shared/entry",
            "shared/epoch",
            "shared/current_entry",
            "shared/ttl",
            "shared/rank",
            $policy,
            "shared/touch",
            "shared/heal",
            "shared/stamp",
            "shared/tags",
            "shared/fence",
            "shared/current",
            "shared/overwrite",
            "shared/sweep",
            "shared/evict",
            "shared/rank_new",
            "shared/field_ttl",
            "shared/lease_life",
            "op/put",
        )
    };
}

macro_rules! touch_script {
    ($policy:expr) => {
        join!(
            "shared/keys",
            "shared/ttl",
            "shared/rank",
            $policy,
            "shared/touch",
            "op/touch",
        )
    };
}

macro_rules! policies {
    ($($tag:literal),*) => {
        static POLICIES: LazyLock<Vec<(&str, Arc<PolicyScripts>)>> = LazyLock::new(|| {
            vec![$((
                $tag,
                Arc::new(PolicyScripts {
                    get: Script::new(get_script!(concat!("policy/", $tag))),
                    put: Script::new(put_script!(concat!("policy/", $tag))),
                    touch: Script::new(touch_script!(concat!("policy/", $tag))),
                }),
            )),*]
        });
    };
}
policies!("fifo", "fifo_t", "lru", "lru_t", "mru", "lfu", "rr");

macro_rules! operations {
    ($($name:ident: $($part:literal),*;)*) => {
        $(pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(join!($($part),*)));)*

        fn operations() -> Vec<(&'static str, Script)> {
            vec![$((stringify!($name), $name.clone())),*]
        }
    };
}
operations! {
    PEEK: "shared/keys", "shared/clock", "shared/epoch", "shared/tags", "op/peek";
    BEGIN: "shared/keys", "shared/clock", "shared/entry", "shared/epoch", "shared/current_entry", "shared/builds", "shared/lease", "shared/lease_life", "shared/tags", "op/begin";
    RENEW: "shared/keys", "shared/clock", "shared/epoch", "shared/lease", "shared/lease_life", "op/renew";
    ABANDON: "shared/keys", "shared/clock", "shared/epoch", "shared/lease", "op/abandon";
    DELETE: "shared/keys", "shared/epoch", "shared/builds", "shared/lease", "op/delete";
    DISCARD: "shared/keys", "op/discard";
    DELETE_METHOD: "shared/keys", "shared/epoch", "op/delete_method";
    COMPLETE_INDEX: "op/complete_index";
    END_TAGS: "shared/keys", "shared/tags", "shared/forget_tags", "op/end_tags";
    PURGE: "shared/keys", "op/purge";
}

pub(crate) fn built_in(tag: &str) -> Arc<PolicyScripts> {
    let known = POLICIES.iter().find(|(name, _)| *name == tag);
    known
        .expect("the table has every built-in policy")
        .1
        .clone()
}

/// The scripts of a user's policy: its three bodies take the place of a file in `lua/policy`.
pub(crate) fn custom(lua: PolicyLua<'_>) -> PolicyScripts {
    // The built-in scripts, cut where the policy stands.
    let around = |script: &str| {
        let policy = join!("policy/rr");
        let (before, after) = script
            .split_once(policy)
            .expect("the script holds its policy");
        format!(
            "{before}{}local OVERWRITE_IS_HIT = {}\n\
             local HIT_SCORE = false\n\
             local function admit(field, now_us)\n{}\nend\n\
             local function hit(field, now_us, n)\n{}\nend\n\
             local function victims(n)\n{}\nend\n{}{after}",
            join!("shared/pop"),
            lua.overwrite_is_hit,
            lua.admit,
            lua.hit,
            lua.victims,
            join!("shared/one_by_one"),
        )
    };
    PolicyScripts {
        get: Script::new(around(get_script!("policy/rr"))),
        put: Script::new(around(put_script!("policy/rr"))),
        touch: Script::new(around(touch_script!("policy/rr"))),
    }
}

/// Every script under a name, for the tests that load and check them; `custom` is the default of a custom policy.
pub(crate) fn all() -> Vec<(String, String)> {
    let mut scripts: Vec<_> = operations()
        .into_iter()
        .map(|(name, script)| (name.to_lowercase(), script.text().to_owned()))
        .collect();
    let mut policies = POLICIES.clone();
    if let Ok(Policy::Custom(policy)) = CustomPolicy::new("custom").build() {
        policies.push(("custom", Arc::new(custom(policy.lua()))));
    }
    for (tag, policy) in policies {
        scripts.push((format!("get-{tag}"), policy.get.text().to_owned()));
        scripts.push((format!("put-{tag}"), policy.put.text().to_owned()));
        scripts.push((format!("touch-{tag}"), policy.touch.text().to_owned()));
    }
    scripts
}
