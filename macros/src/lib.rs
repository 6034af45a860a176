#![doc = include_str!("../README.md")]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

mod args;
mod ast;
mod expand;
mod fingerprint;
mod generics;
mod names;
mod pipeline;
mod plan;
mod types;
mod valid;

use proc_macro::TokenStream;

// The documentation of `redis_func_cache` shows its own words first, with links and tested examples, and these below.

/// `#[cache_impl]` or `#[cache_impl(option, option = value, …)]` stands on an `impl` block: `impl Type` or
/// `impl Trait for Type`. The block itself stays as it is. A type `CachedType` is made beside it, the wrapper, in which
/// every method with `&self` is cached.
///
/// With `cache = CACHE` there is no wrapper, and the block's own methods and associated functions are cached, under their
/// own names: see [in place](#in-place).
///
/// # Options
///
/// Precedence: method ([`#[cache]`](macro@cache)), block, cache builder, default. Durations are numbers with units, in
/// quotes: `"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"1d"`, `"1h30m"`; from 1 ms to 100 years. `ttl`, `stale`,
/// `soft_timeout` and `maxsize` also take a constant expression: `ttl = TTL`, with `const TTL: Duration`.
///
/// Eviction:
///
/// | option | value | default | |
/// |---|---|---|---|
/// | `policy` | `"lru_t"`, `"lru"`, `"fifo"`, `"fifo_t"`, `"lfu"`, `"mru"`, `"rr"`, or an expression of type `Policy` | `"lru_t"` | Which entry is evicted when the pair of Redis keys is full. |
/// | `maxsize` | 1 to 1,000,000,000 | 1024 | How many entries a pair holds. With it each method of the block has a pair of its own, unless it says `single`. |
/// | `single`, `multiple` | none | single, without a `maxsize` | One pair for all methods of the cache, or one for each method. |
/// | `touch` | `"behind"`, `"exact"` | `"behind"` | When hits are recorded: in the background (write-behind), or by a script at each hit. |
///
/// Expiry and staleness:
///
/// | option | value | default | |
/// |---|---|---|---|
/// | `ttl` | duration | no end | How long an entry lives. |
/// | `jitter` | 0 to 0.5 | 0 | Shortens each TTL by a random share, up to this one. |
/// | `stale` | duration, `"off"` | `"off"` | Stale-while-revalidate and stale-if-error: how long after its TTL a value is still served, while a refresh runs in the background or fails. |
/// | `soft_timeout` | duration | no wait | How long the call that starts the refresh waits for the new value before it takes the stale one. Needs `stale`. |
/// | `early` | between 0 and 1, `"xfetch"`, `"off"` | `"off"` | Refresh-ahead: a refresh starts in the background at this share of the TTL, or by the `XFetch` rule. |
///
/// What is stored, and under which key:
///
/// | option | value | default | |
/// |---|---|---|---|
/// | `cache_none` | `true`, `false` | `true` | Negative caching: whether a `None` is stored. |
/// | `ttl_none` | duration | the TTL | How long a `None` lives. |
/// | `codec` | `"cbor"`, `"json"`, `"msgpack"`, `"bson"`, `"yaml"`, `"postcard"`, or an expression of type `Codec` | `"cbor"` | How values are encoded. All but `"cbor"` are features. |
/// | `version` | number, text, constant, `env!("…")` | empty | Part of the key. Raise it if the returned type or a called function changes. |
/// | `self_key` | an expression of `self`, or `()` | none | What of `self` is in the key. Without it, all instances share their entries. |
/// | `cluster` | none | off; on with a cluster | Names of keys with a hash tag. |
///
/// Concurrency, and the wrapper:
///
/// | option | value | default | |
/// |---|---|---|---|
/// | `stampede` | `"lease"`, `"local"`, `"off"` | `"lease"` | Single-flight: calls that miss the same entry share one execution, among all processes, in each process, or not at all. |
/// | `default` | `"nocache"` | every method with `&self` is cached | Only methods with `#[cache]` are cached. |
/// | `only` | `only(find, list)` | every method with `&self` is cached | Only these methods are cached; their names need no `#[cache]`. |
/// | `skip` | `skip(conn, ctx)` | none | Arguments of these names are skipped in every cached method, as with `#[cache_skip]`. |
/// | `wrapper` | a name or path | `Cached` and the type's name | The wrapper's name. The default name, written out, adds the methods to the wrapper that another block makes. |
/// | `extend` | none | off | Adds the methods to a wrapper of any name that another block makes. |
/// | `vis` | `"pub"`, `"pub(crate)"`, … | `"pub"` | The wrapper's visibility. Use the type's where that is narrower. |
/// | `crate` | a path | `::redis_func_cache` | Where this crate is found. |
/// | `cache` | an expression that gives a `Cache` | none: a wrapper | Caches the block in place. The expression has no arguments; `self.cache` will do where every cached method has a `self`. |
/// | `handle` | a name | `Cached` and the type's name | In place: the name of the type that handles are made by. |
///
/// # What is generated
///
/// * `CachedType`: `Clone`, with the cached methods under their own signatures, and the `#[nocache]` methods with
///   `&self`, which are handed through. For a trait it implements the trait. Methods that take `&mut self`, `self` or no
///   receiver stay with the type.
/// * `CachedType::inner(&wrapper)`: the wrapped value.
/// * `CachedType::entry(&self) -> CachedTypeEntry`: for each cached method a function of the same name, which takes the
///   arguments that are in the key and returns a handle on that entry.
/// * `impl Cacheable for Type`, by which `value.cached(&cache)` makes the wrapper.
/// * `CachedType::all(&self) -> CachedTypeAll`: for each cached method a handle on all of its entries.
///
/// In the block of a trait with `&mut self` methods, the wrapper owns the value: `value.cached_mut(&cache)` makes it, by
/// `impl CacheableMut for Type`. It is not `Clone`, caches the methods that are marked `#[cache]` or named in `only(…)`,
/// passes all others on, and has `CachedType::into_inner(wrapper)`. It cannot have `stale` or `early`.
///
/// If a method of the block is called `inner`, `entry` or `all`, the name is the method's.
///
/// # In place
///
/// With `cache = CACHE` a call of `User::by_email(…)` or `user.orders(…)` is a cached call, also from inside the block.
///
/// * Cached are associated functions and methods with `&self`. Left as they are: what has `#[nocache]`, and constructors
///   (`new`, `default`, `builder`, `new_…`, `from_…`, `with_…`, `try_new…`, and what returns a bare `Self`), unless they
///   have `#[cache]`.
/// * Where a method with `&self` is cached, `self_key` must be said: `self_key = ()` if nothing of `self` matters.
/// * `CachedUser::entry().by_email(…)` is a handle on an entry of an associated function,
///   `CachedUser::entry_of(&user).orders(…)` on that of a method, and `CachedUser::all().orders()` on all entries of
///   either (with `cache = self.cache`: `CachedUser::all_of(&user)`).
/// * `#[invalidates(…)]` also works on methods with `&mut self` and on associated functions.
/// * With `stale` or `early` a method needs a `self` that is `Clone`. Of a trait, methods in place can have neither, and
///   their handles have no `refresh`.
///
/// # What concurrent calls see
///
/// Calls that miss the same entry at the same time run the method once (with `stampede = "lease"`, the default):
///
/// | the execution | calls that wait for it |
/// |---|---|
/// | succeeds | All get its value, in this process and in others. |
/// | returns `Err` | The error goes to its own caller only. The others run the method themselves: two at first, then four, then up to eight at a time, until one succeeds. |
/// | panics | The panic reaches its own caller only, and one of the others runs the method at once. |
/// | is cancelled | One of the others runs the method at once. |
/// | loses its process | The lease expires after two seconds, and another process runs the method. |
///
/// The method's own errors are never wrapped, and an error of the cache is never returned: the method then runs.
///
/// # Compile errors
///
/// Each says what to write instead. Among them:
///
/// * A cached method takes `&self`, or `&mut self` in the block of a trait, and returns an owned value: no reference, no `impl Trait` but a future, nothing
///   that borrows, and not `()`.
/// * Its arguments can be part of a key: no functions, no trait objects, no `&mut`, no `HashSet`; or they are
///   `#[cache_skip]` or have a `#[cache_key(…)]`. Arguments in any form (`impl AsRef<str>`, `impl Into<T>`, `impl ToString`,
///   `impl IntoIterator<Item = T>`) are converted.
/// * A name that says that the method writes (`create_user`) or asks for what changes by itself (`now`) needs `#[cache]`
///   or `#[nocache]`.
/// * With `stale` or `early`, arguments are owned or `&T`, all of them `Clone`, and nothing that is returned borrows.
/// * Options that contradict each other, are unknown, or are given twice.
///
/// A warning is given where a cached method reads a field of `self` and the block has no `self_key`.
#[proc_macro_attribute]
pub fn cache_impl(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::cache_impl(options.into(), item.into()).into()
}

/// `#[cache_fn(cache = CACHE, option = value, …)]` stands on a function without `self`: `async`, or not, or one that
/// returns `impl Future`. The function keeps its name, its signature and its visibility, and is answered from the cache
/// where it can be.
///
/// # Options
///
/// | option | value | default | |
/// |---|---|---|---|
/// | `cache` | an expression without arguments that gives a `Cache` | none: it must be said | The cache: the name of a `static`, a call of a function. Anything that derefs to a `Cache` will do, such as a `LazyLock`. |
/// | `handle` | a name | the function's | The name of the type beside the function, where a type or module has the function's name already. |
/// | `cluster` | none | off; on with a cluster | Names of keys with a hash tag. |
/// | `crate` | a path | `::redis_func_cache` | Where this crate is found. |
///
/// and every option of a method: see [`#[cache]`](macro@cache). Arguments may be
/// [`#[cache_skip]`](macro@cache_skip).
///
/// # What is generated
///
/// Beside the function stands a type of the same name, without values, which is imported along with the function:
///
/// * `rate::entry(…)`, with the arguments that are in the key: a handle on one entry.
/// * `rate::all()`: a handle on all entries of the function.
/// * `rate::uncached(…)`: the function as it was written. A call of the function inside its own body is cached.
///
/// Attributes that rewrite the body, such as `#[instrument]`, act where the function runs, and not on hits. Write them
/// below `#[cache_fn]`: above, they are expanded first, and what they make of the body is in the fingerprint.
///
/// # What is in the key
///
/// The function's path and tokens, its `version`, its type and const parameters, and its arguments without those that are
/// skipped. What it reads of statics is not.
///
/// # Compile errors
///
/// As for methods; a function with no argument in its key says `version`, so that one entry for all calls is no accident.
/// The name of a function is not looked at: the attribute stands on that function alone.
#[proc_macro_attribute]
pub fn cache_fn(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::cache_fn(options.into(), item.into()).into()
}

macro_rules! inside_only {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        ///
        /// Outside an `impl` block with `#[cache_impl]`, which reads this attribute, it is a compile error.
        #[proc_macro_attribute]
        pub fn $name(_options: TokenStream, item: TokenStream) -> TokenStream {
            expand::outside(stringify!($name), &item.into()).into()
        }
    )*};
}
inside_only! {
    /// `#[cache]` or `#[cache(option, option = value, …)]` stands on a method with `&self`. Without options it says that
    /// the method is cached where that has to be said: in a block with `default = "nocache"`, or because of the
    /// method's name.
    ///
    /// # Options
    ///
    /// They override those of the block. Defaults, where nothing is said here, on the block or on the builder, are in
    /// the table of [`#[cache_impl]`](macro@cache_impl).
    ///
    /// | option | value | |
    /// |---|---|---|
    /// | `policy` | `"lru_t"` …, or an expression | Which entry is evicted when the pair is full. `"lfu"` ages badly and is not recommended. |
    /// | `maxsize` | 1 to 1,000,000,000 | How many entries the pair holds. The method then has a pair of its own, unless `single` is said. |
    /// | `single`, `multiple` | none | Whether the method shares the pair of the cache or has its own. |
    /// | `touch` | `"behind"`, `"exact"` | When hits are recorded. |
    /// | `ttl` | duration | How long an entry lives. |
    /// | `ttl_fn` | path of a `fn(&T) -> Duration` or `-> Option<Duration>` | How long a value lives; zero is not stored, `None` means the TTL. Only on methods, and not together with `ttl` on the same one. |
    /// | `jitter` | 0 to 0.5 | Shortens each TTL by a random share, up to this one. |
    /// | `stale` | duration, `"off"` | How long after its TTL a value is still served: while a refresh runs, *and* where it fails, so that callers do not see the error. Needs a TTL. |
    /// | `soft_timeout` | duration | How long the call that starts the refresh waits for the new value. |
    /// | `early` | between 0 and 1, `"xfetch"`, `"off"` | When a refresh starts ahead of the end. Needs a TTL. |
    /// | `cache_if` | path of a `fn(&T) -> bool` | Which values are stored. Only on methods; by default all. |
    /// | `cache_err` | path of a `fn(&E) -> bool` | Which errors are stored, for as long as `ttl_err` says: those that are an answer, such as *not found*. Only on methods; by default none. |
    /// | `ttl_err` | duration | How long an error lives. Required with `cache_err`. |
    /// | `err_value` | path of a `fn() -> E` | Makes the error that a call is given which finds one stored, for an `E` that is no `Serialize + DeserializeOwned`: then only that there was an error is stored. |
    /// | `cache_none` | `true`, `false` | Whether a `None` is stored. |
    /// | `ttl_none` | duration | How long a `None` lives. |
    /// | `codec` | `"cbor"` …, or an expression | How values are encoded. |
    /// | `tags(user = id, …)` | a name and an expression for each | What an entry is tagged with, by arguments that are in the key and by `self`: `cache.tag("user", &7).invalidate()` and `#[invalidates(tag(user = id))]` invalidate by it, across methods. On a block, of `self` alone. In a batch method the name of the argument stands for one id, by reference. |
    /// | `tags_fn` | path of a `fn(&T) -> Tags` | Tags that a value itself has. Only on methods. |
    /// | `label` | format string of arguments | What tools show of an entry, such as `"{tenant}/{id:04}"`, by arguments that are in the key. Only on methods; by default none. It is stored in clear text, also where values are sealed, so name nothing secret in it. In a batch method the name of the argument stands for one id. |
    /// | `name` | text of 1 to 256 bytes | Stands in keys, logs and statistics in place of the path (module, type and method): what is renamed or moved keeps its entries, as long as its code is the same. No other method of the cache may have it: the second one is not cached, which is logged as an error. |
    /// | `version` | number, text, constant, `env!("…")` | Part of the key. A type that gets a field with `#[serde(default)]` needs another one, or older entries are hits without that field. |
    /// | `stampede` | `"lease"`, `"local"`, `"off"` | Which concurrent calls share one execution. |
    /// | `batch` | name of an argument | Each element of the argument is cached separately, and the method runs for those that are missing. The argument is `&[K]`, `Vec<K>` or `&Vec<K>`; the method returns `HashMap<K, V>` or `BTreeMap<K, V>`, or by position `Vec<T>` or `Vec<Option<T>>`, or a `Result` of one of these. Not together with `stale` or `early`. |
    /// | `shares` | name of a method | The items of a batch are the entries of this method, which takes one id, with its options. |
    ///
    /// `T` is what is stored: the returned type, or the `Ok` of a `Result`. Of two calls that share an execution, both
    /// are given its value, whether or not `cache_if` lets it be stored.
    cache
    /// `#[nocache]` stands on a method and has no options. With `&self` the method is handed through: the wrapper has it,
    /// and each call runs it. A method that takes `&mut self` or `self` is left out of the wrapper; of a trait it cannot
    /// be, and is a compile error.
    ///
    /// A block without a cached method is a compile error, as is `#[cache]` on the same method.
    nocache
    /// `#[cache_skip]` stands on an argument and has no options. The argument is handed to the method if that runs, and
    /// it need not be `Serialize`. Calls that differ in it only share one entry and one execution.
    ///
    /// The answer must not depend on it. **On a hit the method does not run, and neither does a check of permissions in
    /// it**: what was computed for a caller with the permission is returned to the next one without it. Check before the
    /// call, or leave what decides in the key.
    ///
    /// It is a compile error on `self`, which is not in the key anyway, and on an argument of a method that is not
    /// cached.
    cache_skip
    /// `#[cache_key(expression)]` stands on an argument. The value of the expression is in the key, and not the argument
    /// itself, which need not be `Serialize`. Handles take the argument all the same, and compute the same key.
    ///
    /// | argument | in the key |
    /// |---|---|
    /// | `#[cache_key(ctx.actor_id())] ctx: &Ctx` | who asks |
    /// | `#[cache_key(page.min(100))] page: u32` | one entry for all pages from 100 on |
    /// | `#[cache_key(name.to_lowercase())] name: &str` | one entry for all spellings |
    /// | `#[cache_key(id)] Path(id): Path<u64>` | what a pattern binds, as a reference |
    ///
    /// The answer must not depend on more of the argument. The expression is a part of the method's fingerprint: to
    /// change it starts with no entries. It is evaluated for each call, before the store is asked; where it panics, the
    /// call bypasses the cache. It may name `self`, and other arguments that are in the key.
    ///
    /// It is a compile error without an expression, with one that does not name its argument, on `self` (`self_key` is
    /// for that), together with `#[cache_skip]`, and on an argument of a method that is not cached.
    cache_key
    /// `#[invalidates(call, …)]` stands on a `#[nocache]` method with `&self`. Each call names a cached method:
    ///
    /// | call | drops |
    /// |---|---|
    /// | `find(id)` | the entry of that call; the arguments are expressions of the writing method's arguments and `self`, without those that are `#[cache_skip]` |
    /// | `each find(ids)` | one entry for each element of a list, passed by reference or cloned |
    /// | `search(..)` | all entries of the method |
    /// | `Orders::of(id)`, `Orders::of(..)` | entries of a method of another type, in this cache; if its block is cached in place, in the cache of that |
    /// | `Carts::of(&self.tenant, id)` | the same of a block with a `self_key`: what that would be comes first |
    /// | `crate::rates::rate(code)` | entries of a function, in its own cache; by a path with a module in front |
    /// | `by_email(&ok.email)` | the entry that the result names: `ok` is a reference to the `Ok` of a `Result`, or to the returned value |
    ///
    /// Arguments that stand in one call with `ok` are references or `Clone`. Modules are known by their small letters; write
    /// `<orders>::of(id)` for a type that has them too.
    ///
    /// # When it acts
    ///
    /// | the method | then |
    /// |---|---|
    /// | returns `Ok`, or a value that is no `Result` | The entries are dropped before the caller gets the answer. |
    /// | returns `Err` | Nothing is dropped. |
    /// | panics, or is cancelled | It may have written, so the entries are dropped in the background; in place of what `ok` would name, all entries of that method. |
    ///
    /// After it has returned, no call that starts later, in any process, is given a value from before it; a computation
    /// that was already running is fenced off and stores nothing. If the store cannot be reached, that is counted and
    /// logged at `warn`, and the method's answer is returned all the same: the old value then lives until its TTL.
    ///
    /// It acts when the method returns. If the caller commits a transaction after that, a reader between the two stores
    /// the old value again: commit inside the method, or call `invalidate` on handles after the commit.
    ///
    /// The compiler checks the names and the arguments of the calls. A method that is not cached has no entries to drop.
    invalidates
    /// `#[updates(call, …)]` stands on a `#[nocache]` method. Each call names one entry of a cached method of the same
    /// wrapper or block, by the arguments of the method that writes: `#[updates(find(user.id))]`. What the method returns
    /// is stored there, with the options of the cached method.
    ///
    /// | the method | then |
    /// |---|---|
    /// | returns `Ok`, or a value that is no `Result` | The entry holds it before the caller gets it, unless something has overtaken the write. |
    /// | returns `Err` | The entry stays as it was. |
    /// | panics, or is cancelled | It may have written, so the entry is dropped. |
    ///
    /// A fencing token is taken before the method runs. Readers that are computing the entry at that moment store nothing,
    /// and do not wait. If the token does not hold to the end, because another writer, an invalidation or a `put` came in
    /// between, the entry is dropped: of two writers that race, either the later value stays, or none. It is dropped as well
    /// where `cache_if` refuses the value, where a mode forbids to write, and inside of a transaction. Where
    /// `#[invalidates]` names the same entry, that comes first.
    ///
    /// It is a compile error where the two methods store different types, with `..`, `each` or `ok` (what is stored has
    /// to be known by its key before the method runs), and with a method of another type.
    updates
}
