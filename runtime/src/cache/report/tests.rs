use super::*;

fn times(count: u64, each_ns: u64) -> DurationSum {
    DurationSum {
        count,
        sum_ns: count.saturating_mul(each_ns),
    }
}

fn report(name: &str, stats: Stats, execution_ns: u64, hit_ns: u64) -> MethodReport {
    let figures = Figures {
        executions: times(stats.exec, execution_ns),
        hits: times(stats.hit / 64, hit_ns),
        stats,
    };
    MethodReport::new((name.to_owned(), figures))
}

fn advice_for(stats: Stats, execution_ns: u64, hit_ns: u64) -> String {
    report("m", stats, execution_ns, hit_ns)
        .advice
        .unwrap_or_default()
}

/// What a method counts that stores whatever it returns.
fn counted(hit: u64, miss: u64) -> Stats {
    Stats {
        count: hit + miss,
        hit,
        miss,
        absent: miss,
        exec: miss,
        write: miss,
        ..Stats::default()
    }
}

#[test]
fn advice_follows_from_the_figures() {
    let usual = counted(900, 100);
    assert_eq!(advice_for(usual, 5_000_000, 30_000), "");
    assert_eq!(
        advice_for(usual, 2_000, 30_000),
        "a hit costs 30.0 us, an execution 2.00 us: do not cache this"
    );
    let evicts = Stats {
        evicted: 40,
        ..usual
    };
    assert_eq!(
        advice_for(evicts, 5_000_000, 30_000),
        "evicts 40 % of what it stores: raise `maxsize`"
    );
    assert_eq!(
        advice_for(counted(20, 980), 5_000_000, 30_000),
        "hit ratio 2 %: arguments hardly repeat"
    );
    let expires = Stats {
        expired: 480,
        absent: 20,
        ..counted(500, 500)
    };
    let advice = advice_for(expires, 5_000_000, 30_000);
    assert!(advice.starts_with("96 % of its misses"), "{advice}");
    let large = Stats {
        write: 0,
        too_large: 100,
        ..counted(0, 100)
    };
    let advice = advice_for(large, 5_000_000, 30_000);
    assert!(advice.starts_with("100 % of its values"), "{advice}");
}

#[test]
fn few_calls_give_no_advice() {
    for calls in 0..40 {
        assert_eq!(advice_for(counted(0, calls), 0, 0), "", "{calls}");
        assert_eq!(advice_for(counted(calls, 1), 1, 1000), "", "{calls}");
    }
}

#[test]
fn absurd_figures_are_shown_as_well() {
    let most = Stats {
        count: u64::MAX,
        hit: u64::MAX,
        miss: u64::MAX,
        exec: u64::MAX,
        write: 0,
        evicted: u64::MAX,
        too_large: u64::MAX,
        unencodable: u64::MAX,
        saved_us: u64::MAX,
        ..Stats::default()
    };
    for (stats, ns) in [(most, u64::MAX), (most, 0), (Stats::default(), u64::MAX)] {
        let method = report("m", stats, ns, ns);
        let report = Report {
            cache: String::new(),
            methods: vec![method],
        };
        assert!(report.to_string().lines().count() >= 3, "{report}");
        assert!(!report.to_string().contains("NaN"), "{report}");
        serde_json::to_string(&report).unwrap();
    }
}

#[test]
fn a_method_that_was_never_called_has_a_row() {
    let method = report("never", Stats::default(), 0, 0);
    assert_eq!(
        (method.hit_ratio, method.mean_hit, method.mean_execution),
        (None, None, None)
    );
    let report = Report {
        cache: "shop".to_owned(),
        methods: vec![method],
    };
    let text = report.to_string();
    let row: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row, ["never", "0", "-", "0", "-", "-", "0", "ns", "0", "0"]);
}

#[test]
fn each_method_has_one_row_whatever_its_name_is() {
    let names = ["a|b\"c'", "two\nlines\r", "tab\tüñ\u{1b}[31m\u{85}", ""];
    let methods = names.map(|name| report(name, counted(900, 100), 5_000_000, 30_000));
    let report = Report {
        cache: "a\nb".to_owned(),
        methods: methods.into(),
    };
    let text = report.to_string();
    assert_eq!(text.lines().count(), 2 + names.len(), "{text}");
    let is_control = |char: char| char.is_control() && char != '\n';
    assert!(!text.contains(is_control), "{text:?}");
    let widths: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| line.chars().count())
        .collect();
    assert!(widths.iter().all(|&width| width == widths[0]), "{text}");
}

#[test]
fn durations_have_three_digits() {
    for (ns, text) in [
        (0, "0 ns"),
        (7, "7.00 ns"),
        (1_500, "1.50 us"),
        (12_345_678, "12.3 ms"),
        (1_000_000_000_000, "16.7 min"),
        (123_000_000_000_000, "1.42 d"),
    ] {
        assert_eq!(Brief(Duration::from_nanos(ns)).to_string(), text);
    }
}
