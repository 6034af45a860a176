//! The words that names of methods are made of. Base forms: `created_at` and `updates` are no verbs.

/// Verbs that change something wherever they stand in a name.
const ACTS: &str = "
    abandon abort accept accrue ack acknowledge acquire activate add adjust admit adopt advance advertise affirm
    airdrop allocate alter amend annotate anonymise anonymize append apply appoint approve archive arm assemble
    assign associate attach attempt attest authenticate authorise authorize autosave await backfill banish bind
    blacklist bootstrap brighten broadcast bump burn bury cancel certify change checkin checkout checkpoint chmod
    choose chown clean cleanup clear click collapse collect commission compact compensate conclude configure confirm
    connect consume contact continue cordon cp craft crawl create curate deactivate deafen deallocate decline
    decommission decr decrease decrement dedicate deduct dedupe deduplicate defer del delegate delete delist deliver
    demote deny deplete deprecate deprovision dequeue deregister designate despawn destroy detach detonate dial dim
    disable disburse discard disconnect dismiss dispatch dispense displace dispose dissolve distribute donate
    downgrade downvote drain duplicate earn edit eject elevate embark emit enable enact endorse enforce engage
    enlist enqueue enrol enroll ensure enter entrust equip erase escalate evacuate evict exclude exec execute exempt
    exhaust expel expire expunge extend failover feed fill finalise finalize flip flush forfeit forget forgive
    forgot freeze fsync fulfil fulfill gc generate give grab greet halt hang harvest heal hibernate hide hire
    impersonate inc incarnate incr increase increment infect inflate inform ingest init initialise initialize
    initiate inject insert install instantiate instruct insure intercept intern interrupt invalidate invest invoke
    jump keep kick kickoff kill knock lend levy lift liquidate listen logoff lower maintain manage manipulate mark
    materialise materialize melt memoize memorise memorize migrate mint mkdir mobilise mobilize moderate modify move
    mutate mute mv nack navigate nominate notarise notarize notify nudge nuke nullify obey observe occupy offboard
    onboard operate optimise optimize outbid overwrite park patrol pause pay perform persist place plug poke pop
    populate postpone preempt prefetch preload prepare prepend prescribe press prime print proceed prohibit prolong
    promote propose protect provision prune publish pump punish purge put quarantine quit raise rally ratify react
    reap reassure rebalance reboot rebuild recalculate receive reclaim recompute reconcile reconnect recover
    recreate recruit rectify recv recycle redact redeem redo refill refuel regenerate register rehire reinforce
    reinstate reject relegate relist reload relocate remediate remember remind remove rename renew reorder repair
    repay replace replenish replicate reprimand reprioritise reprioritize repurpose requeue rescan rescue resend
    reserve reset resign resize respond restock restore restrict resubmit resume resync retain retire retract
    retrain retrofit reunite revert revise revoke rewrite rm rmdir rollback rotate sanction save scrape scrub seal
    seek seize sell send serve settle setup sever shelve shorten shrink shuffle shutdown signal silence skip sleep
    snooze solicit spawn spend splice stake stamp stash steal submit subpoena subscribe subtract summon supersede
    surrender suspend sweep swipe switchover symlink synchronise synchronize taint take tap teardown terminate thaw
    throttle toggle tombstone topup transact transcode transition transmit transplant trash triage trim truncate
    turn unblock undo unify unite unlist unload unlock unplug unprotect unshelve unstage unstake unsubscribe unwind
    unzip update upgrade uphold upsert upvote usurp vacate vaccinate vacuum verify veto vouch waive wake warm warn
    whisper whitelist wipe withdraw write yank yield zap zero
";

/// Verbs that are nouns as well: they count at the beginning, at the end, and before an object.
const BOTH: &str = "
    announce award backup ban begin bet bid block book bookmark boost borrow buy call capture challenge charge chat
    claim clone close complete copy debit delay deploy deposit draw drop dump eat exit explode export fail favorite
    favourite finish fire follow fork forward gift grant hold ignore import invite join launch leave like lock login
    logout merge mount override patch pin play pledge poll pull purchase push redirect refresh refund rent replay
    reply restart retry reverse reward roll run scale share shift ship sign signin signout signup spam star start
    stop swap switch sync tick tip touch trade transfer trigger upload void vote wait watch
";

/// Nouns that are verbs where an object follows: `record_payment`, but `dns_record`.
const NOUNS: &str = "
    alert allow answer attack boot buffer bundle cache commit credit deal end exchange flag free fund grade handle
    index issue label lease license link log mail mirror monitor offer open pack paint pair post process queue quote
    rate record release report request return schedule seed snapshot split stack stage step store stream strike tag
    track train treat use
";

/// What such a noun is, where it stands alone.
const ALONE: &str = "
    alert answer attack book buffer bundle cache deal end exchange flag fund grade handle index issue label lease
    license mail monitor offer pack pair quote rate report schedule seed snapshot split stack stage step tag track
    train treat
";

/// A name that begins so reads.
const READS: &str = "
    as browse calculate check compare compute count decode describe estimate explain extract fetch filter find format
    from get hash inspect into list load locate look lookup match parse peek preview query read render resolve
    retrieve scan search select show sum to validate view
";

/// A name that begins so asks whether something is so.
const ASKS: &str = "
    are can contains could did does exists had has have includes is may might must need needs requires should
    supports was were will would
";

/// Behind a noun these say that the name reads.
const READS_LATE: &str = "
    check contains count counts exist exists fetch find get has is list lookup names select view views
";

/// What follows one of these is a noun: `last_login`.
const ADJECTIVES: &str = "
    active all any available average avg current default effective existing expected first initial last latest max
    maximum min minimum my newest num number oldest original other own parent pending previous prev primary recent
    related remaining required root same some top total unique unread upcoming
";

/// What may stand before the verb.
const ADVERBS: &str = "
    admin async batch blocking bulk do force hard inner internal just lazily maybe multi quick quickly raw safe soft
    try
";

/// Behind what is mostly a noun, these are parts of it: `release_notes`.
const PARTS: &str = "
    amount at capacity comments config count date delay description details duration expiry fee hash history id ids
    info interval key keys kind label len level limit log logs mode name names notes number options owner path
    policy price prices rate rates rules schedule size slug state stats status time timeout timestamp timestamps
    title total type types uri url urls version window
";

/// Before these, words that are as often verbs are nouns, too: `login_url`, but `import_keys`.
const ATTRIBUTES: &str = "
    at cost date delay duration error fee history id interval limit price rate reason status time timeout timestamp
    timestamps uri url urls window
";

/// `post_by_slug`, `start_of_week`
const OF: &str = "by of per since";

/// A verb behind one of these is not the name's own: `snapshots_to_delete`.
const BEFORE_PURPOSE: &str =
    "after before between by for if in of per since to until when with without";

/// They begin the second half of `get_or_create`.
const CONJUNCTIONS: &str = "and or then else";

/// `hang_up`, `scale_down`, `opt_out`
const PARTICLES: &str = "away back down off out up";

/// Verbs that are nothing else, also at the end of `view_count_increment`.
const PLAIN: &str = "
    add append create decr decrement del delete destroy incr increment insert pop push remove send sub upsert
";

/// In front of those that are nouns as well: `list_add`, `search_index_create`.
const READS_AS_NOUN: &str = "check count list load lookup match query read search show view";

/// `is_connected` and the like.
const STATES: &str = "
    alive available busy closed connected disconnected down empty expired full healthy idle leader live locked
    offline online open reachable ready running started stopped up
";

/// Things that are different at each call, whatever the arguments are.
const FLEETING: &str = "elapsed heartbeat now ping pong rand random today uptime";

/// What a name ends with that asks for the state of something at this moment.
const MOMENTARY: &str = "backlog health len liveness progress readiness status";

/// These alone as well.
const MOMENTARY_ALONE: &str = "clock size state time timestamp";

/// Counters and queues give something else at each call.
const GIVEN_OUT: &str = "id index job message nonce number seq sequence task ticket value";

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|one| one == word)
}

macro_rules! classes {
    ($($name:ident $list:ident)*) => {$(
        pub(super) fn $name(word: &str) -> bool {
            is_in($list, word)
        }
    )*};
}
classes! {
    is_noun_alone ALONE
    reads READS
    asks ASKS
    reads_late READS_LATE
    is_adjective ADJECTIVES
    is_adverb ADVERBS
    is_part PARTS
    is_attribute ATTRIBUTES
    is_of OF
    precedes_purpose BEFORE_PURPOSE
    is_conjunction CONJUNCTIONS
    is_particle PARTICLES
    is_plain PLAIN
    reads_as_noun READS_AS_NOUN
    is_state STATES
    is_fleeting FLEETING
    is_momentary MOMENTARY
    is_momentary_alone MOMENTARY_ALONE
    is_given_out GIVEN_OUT
}

/// How sure a word is a verb that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Sure,
    NounToo,
    MostlyNoun,
}

pub(super) fn verb(word: &str) -> Option<Verb> {
    exact(word).or_else(|| prefixed(word))
}

fn exact(word: &str) -> Option<Verb> {
    let lists = [
        (ACTS, Verb::Sure),
        (BOTH, Verb::NounToo),
        (NOUNS, Verb::MostlyNoun),
    ];
    let found = lists.into_iter().find(|(list, _)| is_in(list, word));
    found.map(|(_, verb)| verb)
}

/// `reassign`, `unpublish`, `deregister`: what undoes or repeats a change is one.
fn prefixed(word: &str) -> Option<Verb> {
    const PREFIXES: [&str; 6] = ["re", "un", "de", "dis", "auto", "over"];
    const OTHERWISE: &str = "design display overload overtime recall relike unlike";
    if is_in(OTHERWISE, word) {
        return None;
    }
    let rest = |prefix: &str| word.strip_prefix(prefix).filter(|rest| rest.len() > 2);
    let mut stems = PREFIXES.into_iter().filter_map(rest);
    stems.find_map(exact).map(|verb| match verb {
        Verb::Sure => Verb::Sure,
        Verb::NounToo | Verb::MostlyNoun => Verb::NounToo,
    })
}
