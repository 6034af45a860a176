//! The grammar of names: which of their words is the verb, and which are nouns beside it.

use super::words::{self, Verb};

/// Why a method of this name is not cached without `#[cache]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// That it changes something, by this word.
    Acts(String),
    /// That its answer changes by itself, by this word.
    Fleeting(String),
}

/// What a name says, of a method with or without arguments in its key.
pub(super) fn said(name: &str, has_key: bool) -> Option<Says> {
    let name = name.to_lowercase();
    let words: Vec<_> = name.split('_').filter(|word| is_word(word)).collect();
    let leading = words.iter().take_while(|word| words::is_adverb(word));
    // `batch` alone is no adverb.
    let leading = leading.count().min(words.len().saturating_sub(1));
    let words = &words[leading..];
    acts(words)
        .map(Says::Acts)
        .or_else(|| fleeting(words, has_key).map(Says::Fleeting))
}

/// Versions and numbers say nothing: `create_v2`.
fn is_word(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    !word.is_empty() && !(digits.chars().all(|one| one.is_ascii_digit()))
}

/// The word that says that the answer changes by itself.
fn fleeting(words: &[&str], has_key: bool) -> Option<String> {
    let (first, last) = (*words.first()?, *words.last()?);
    let found = |word: &str| Some(word.to_owned());
    if words::asks(first) {
        let is_momentary = words.len() == 2 && !has_key && words::is_state(last);
        return is_momentary.then(|| last.to_owned());
    }
    let is_fleeting = |word: &&&str| {
        let is_drawn = matches!(**word, "now" | "rand" | "random");
        is_drawn || (!words::reads(first) && words::is_fleeting(word))
    };
    if let Some(word) = words.iter().find(is_fleeting) {
        return found(word);
    }
    match words {
        ["next", ..] | ["health", "check"] | ["healthcheck"] => return found(first),
        [reads, "next", given] if words::reads(reads) && words::is_given_out(given) => {
            return found("next");
        }
        ["current", "time" | "timestamp" | "date" | "datetime"] => return found(last),
        ["check", "rate", "limit"] | ["check", "health" | "connection" | "liveness"] => {
            return found(last);
        }
        _ => {}
    }
    if has_key || words::reads(first) {
        return None;
    }
    let is_momentary =
        words::is_momentary(last) || (words.len() == 1 && words::is_momentary_alone(last));
    is_momentary.then(|| last.to_owned())
}

/// The word by which a name says that its method changes something.
fn acts(words: &[&str]) -> Option<String> {
    let first = *words.first()?;
    if words::asks(first) {
        return None;
    }
    if words::reads(first) || words::is_adjective(first) {
        return acts_as_well(words).map(str::to_owned);
    }
    if let [_, particle] = words
        && words::is_particle(particle)
    {
        return Some(words.join("_"));
    }
    if let Some(verb) = third_person(words) {
        return Some(verb.to_owned());
    }
    for (at, word) in words.iter().enumerate() {
        if at > 0 && words::reads_late(word) {
            return acts_as_well(words).map(str::to_owned);
        }
        if is_verb(words, at) {
            return Some((*word).to_owned());
        }
        if at > 0
            && words::is_conjunction(word)
            && let Some(verb) = second_half(words, at)
        {
            return Some(verb.to_owned());
        }
    }
    None
}

/// What a name that begins with reading does besides: `get_or_create`, `list_add`.
fn acts_as_well<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        ["check", way @ ("in" | "out"), ..] => return Some(way),
        ["top", "up", ..] => return Some(words[0]),
        ["resolve", what, ..] if is_settled(what) => return Some(words[0]),
        [.., "for", lock @ ("update" | "share")] => return Some(lock),
        [
            _,
            new @ "new",
            "address" | "code" | "id" | "key" | "session" | "token",
        ] => return Some(new),
        _ => {}
    }
    for (at, word) in words.iter().enumerate().skip(1) {
        if words::is_conjunction(word)
            && let Some(verb) = second_half(words, at)
        {
            return Some(verb);
        }
    }
    let (last, before) = (words.last()?, words.iter().rev().nth(1)?);
    let is_object = if words::is_adjective(words[0]) {
        words.len() > 2
    } else {
        words.len() == 2 || words::reads_as_noun(words[0]) || !words::reads(words[0])
    };
    let is_purpose =
        words::precedes_purpose(before) || words::is_adjective(before) || *before == "on";
    let is_verb = words::is_plain(last)
        || (!words::reads(words[0])
            && !words::is_adjective(words[0])
            && words::verb(last) == Some(Verb::Sure));
    (is_object && !is_purpose && is_verb).then_some(*last)
}

/// The verb behind a conjunction. Right behind the first verb any will do; later, where nouns may
/// be joined, only one that is nothing else.
fn second_half<'a>(words: &[&'a str], conjunction: usize) -> Option<&'a str> {
    let rest = words[conjunction + 1..].iter();
    let next = rest
        .copied()
        .find(|word| !words::is_adverb(word) && !words::is_conjunction(word))?;
    let is_permission = words[conjunction - 1] == "read" && conjunction > 1 && next == "write";
    let is_verb = match words::verb(next) {
        _ if matches!(next, "set" | "new" | "build") => conjunction == 1,
        Some(Verb::Sure) => !is_permission,
        Some(Verb::NounToo | Verb::MostlyNoun) => conjunction == 1,
        None => false,
    };
    is_verb.then_some(next)
}

/// Resolving these is no looking up.
fn is_settled(what: &str) -> bool {
    const SETTLED: [&str; 9] = [
        "alert", "case", "comment", "conflict", "dispute", "incident", "issue", "thread", "ticket",
    ];
    SETTLED.contains(&what)
}

/// `deletes_user`, but `updates_since`.
fn third_person<'a>(words: &[&'a str]) -> Option<&'a str> {
    let [first, second, ..] = words else {
        return None;
    };
    let verb = first.strip_suffix('s')?;
    let is_verb = words::is_plain(verb) && words::verb(first).is_none();
    (is_verb && !words::precedes_purpose(second) && !words::is_part(second)).then_some(*first)
}

/// Whether a word is a verb where it stands, in a name that does not begin with reading.
fn is_verb(words: &[&str], at: usize) -> bool {
    let (word, is_first, is_last) = (words[at], at == 0, at + 1 == words.len());
    match word {
        "new" | "make" | "sign" | "log" | "opt" | "in" if is_first => return begins_action(words),
        "set" if is_first => return true,
        "set" => return !is_last && !is_noun(words, at),
        _ => {}
    }
    let Some(verb) = words::verb(word) else {
        return false;
    };
    let before = at.checked_sub(1).map(|before| words[before]);
    if before.is_some_and(|before| words::precedes_purpose(before) || words::is_adjective(before)) {
        return false;
    }
    match verb {
        Verb::Sure => true,
        Verb::NounToo => is_last || !is_noun(words, at),
        Verb::MostlyNoun if is_first && is_last => !words::is_noun_alone(word),
        Verb::MostlyNoun => is_first && !is_noun(words, at),
    }
}

/// Whether what follows makes a noun of a word: `login_url`, `post_by_slug`, `order_list`.
fn is_noun(words: &[&str], at: usize) -> bool {
    let rest = &words[at + 1..];
    let is_of = rest.first().is_some_and(|word| words::is_of(word));
    let end = rest.iter().position(|word| words::precedes_purpose(word));
    let own = &rest[..end.unwrap_or(rest.len())];
    let is_part = own.last().is_some_and(|word| match words::verb(words[at]) {
        Some(Verb::MostlyNoun) => words::is_part(word),
        _ => words::is_attribute(word),
    });
    let is_open = words[at] == "open" && rest.len() == 1 && rest[0].ends_with('s');
    is_of || is_part || is_open || rest.iter().any(|word| words::reads_late(word))
}

/// Beginnings that are verbs only together with what follows.
fn begins_action(words: &[&str]) -> bool {
    const MADE: [&str; 10] = [
        "booking",
        "call",
        "deposit",
        "move",
        "order",
        "payment",
        "purchase",
        "request",
        "reservation",
        "transfer",
    ];
    match words {
        ["new"] => true,
        ["new", rest @ ..] => !rest
            .iter()
            .any(|word| word.len() > 3 && word.ends_with('s')),
        ["make", rest @ ..] => rest.iter().any(|word| MADE.contains(word)),
        [
            "log" | "sign" | "opt",
            "in" | "out" | "on" | "off" | "up",
            ..,
        ] => !is_noun(words, 1),
        ["in", rest @ ..] => rest
            .iter()
            .any(|word| matches!(*word, "transaction" | "tx" | "txn")),
        _ => !is_noun(words, 0),
    }
}
