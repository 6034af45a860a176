//! Options that are durations.

use darling::{Error, Result};
use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit};

use super::constant::Constant;
use super::expr::{named_values, text};

/// Milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Ttl(pub(crate) Constant, pub(super) Span);

/// Milliseconds that a stored `None` lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TtlNone(pub(crate) u64);

/// Milliseconds that a stored error lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TtlErr(pub(crate) u64, pub(super) Span);

/// 100 years.
const LONGEST_MS: u64 = 36_500 * 86_400_000;

named_values! {
    Ttl r#"ttl = "5m""#;
    TtlNone r#"ttl_none = "10s""#;
    TtlErr r#"ttl_err = "10s""#;
}

impl Ttl {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        let ms = constant(expr, "ttl", "5m", "leave it out for entries without one")?;
        Ok(Self(ms, expr.span()))
    }
}

impl TtlNone {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        let remedy = "write `cache_none = false` to store no `None`";
        read(expr, "ttl_none", "10s", remedy).map(Self)
    }
}

impl TtlErr {
    pub(super) fn read(expr: &Expr) -> Result<Self> {
        let remedy = "remove `cache_err` and `ttl_err` to store no error";
        let ms = read(expr, "ttl_err", "10s", remedy)?;
        Ok(Self(ms, expr.span()))
    }
}

/// Milliseconds as [`read`] reads them, or an expression of the type `Duration`.
pub(super) fn constant(expr: &Expr, option: &str, example: &str, remedy: &str) -> Result<Constant> {
    Constant::read(expr, |expr| read(expr, option, example, remedy))
}

/// Milliseconds; `remedy` says what to write for none, or for one without end.
pub(super) fn read(expr: &Expr, option: &str, example: &str, remedy: &str) -> Result<u64> {
    let wrong = |message: String| Err(Error::custom(message).with_span(expr));
    if let Expr::Lit(ExprLit {
        lit: Lit::Int(int), ..
    }) = expr
    {
        let digits = int.base10_digits();
        let unit = Some(int.suffix()).filter(|unit| unit_ms(unit).is_some());
        let guess = if example.ends_with("ms") { "ms" } else { "s" };
        let unit = unit.unwrap_or(guess);
        return wrong(format!(
            "`{option} = {int}` is a number and not a duration; write `{option} = \"{digits}{unit}\"`"
        ));
    }
    let Some(text) = text(expr) else {
        return wrong(format!(
            "`{option}` must be a duration in quotes, such as `{option} = \"{example}\"`"
        ));
    };
    match milliseconds(&text) {
        None => wrong(format!(
            "invalid duration `{text}`; expected a number and a unit, such as `500ms`, `30s`, `5m`, `2h`, `1d`"
        )),
        Some(0) => wrong(format!("`{option}` must be greater than zero; {remedy}")),
        Some(ms @ 1..=LONGEST_MS) => Ok(ms),
        Some(_) => wrong(format!(
            "`{option}` is longer than 100 years, which Redis cannot count; {remedy}"
        )),
    }
}

/// `1h30m`, `500ms`: numbers, each with a unit.
fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
        let number: u64 = number.parse().ok()?;
        total = total.saturating_add(number.saturating_mul(unit_ms(unit)?));
        if tail.is_empty() {
            return Some(total);
        }
        rest = tail;
    }
}

fn unit_ms(unit: &str) -> Option<u64> {
    match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("1h30m"), Some(5_400_000));
        assert_eq!(milliseconds("1d"), Some(86_400_000));
        for wrong in ["", "5", "m", "5x", "-5m", "5 m", "1.5h", "5m "] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
        assert_eq!(milliseconds("99999999999999999999d"), None);
        assert_eq!(milliseconds("9999999999999999999d"), Some(u64::MAX));
    }
}
