//! Values of options: literals are checked here, other expressions by the compiler.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprLit, Lit, UnOp};

use crate::duration;
use crate::problems::Problems;

/// A value whose worth is known now if it was written as a literal.
pub(crate) struct Value<T> {
    pub(crate) known: Option<T>,
    pub(crate) code: TokenStream,
    /// What to point at.
    pub(crate) written: Expr,
}

/// Looks through the invisible brackets that a `macro_rules!` macro puts around an expression.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => bare(&group.expr),
        Expr::Paren(paren) => bare(&paren.expr),
        other => other,
    }
}

pub(crate) fn literal(expr: &Expr) -> Option<&Lit> {
    match bare(expr) {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

fn is_negative(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::Unary(unary)
        if matches!(unary.op, UnOp::Neg(_)) && literal(&unary.expr).is_some())
}

/// A whole number from 0.
pub(crate) fn count(expr: Expr, problems: &mut Problems) -> Option<Value<u32>> {
    let read = match literal(&expr) {
        Some(Lit::Int(int)) => Some(int.base10_parse::<u32>().ok()),
        Some(_) => Some(None),
        None => is_negative(&expr).then_some(None),
    };
    if read == Some(None) {
        problems.at(&expr, "write a whole number from 0, such as `3`");
        return None;
    }
    let known = read.flatten();
    let code = known.map_or_else(|| expr.to_token_stream(), |number| quote!(#number));
    Some(Value { known, code, written: expr })
}

/// A number from 1 by which delays grow.
pub(crate) fn factor(expr: Expr, problems: &mut Problems) -> Option<Value<f64>> {
    let known = match literal(&expr) {
        _ if is_negative(&expr) => Some(-1.0),
        Some(Lit::Int(int)) => int.base10_parse::<f64>().ok(),
        Some(Lit::Float(float)) => float.base10_parse::<f64>().ok(),
        Some(_) => {
            problems.at(&expr, "write a number, such as `2.0`");
            return None;
        }
        None => None,
    };
    if known.is_some_and(|factor| !(factor.is_finite() && factor >= 1.0)) {
        problems.at(&expr, "delays grow or stay as they are; write a factor of at least 1");
        return None;
    }
    let code = known.map_or_else(|| expr.to_token_stream(), |factor| quote!(#factor));
    Some(Value { known, code, written: expr })
}

/// A text with a unit, a number of seconds, or an expression that gives a `Duration`.
pub(crate) fn span(expr: Expr, problems: &mut Problems) -> Option<Value<Duration>> {
    let seconds = |number: Result<f64, syn::Error>| {
        number.map_err(|_| "write a number of seconds".to_owned()).and_then(duration::from_seconds)
    };
    let read = match literal(&expr) {
        _ if is_negative(&expr) => Some(Err("a duration is not negative".to_owned())),
        Some(Lit::Str(text)) => Some(duration::parse(&text.value())),
        Some(Lit::Int(int)) => Some(seconds(int.base10_parse())),
        Some(Lit::Float(float)) => Some(seconds(float.base10_parse())),
        Some(_) => Some(Err("write a duration, such as \"500ms\" or \"2s\"".to_owned())),
        None => None,
    };
    let known = match read.transpose() {
        Ok(known) => known,
        Err(message) => {
            problems.at(&expr, message);
            return None;
        }
    };
    let code = known.map_or_else(
        || expr.to_token_stream(),
        |known| {
            let (seconds, nanos) = (known.as_secs(), known.subsec_nanos());
            quote!(::core::time::Duration::new(#seconds, #nanos))
        },
    );
    Some(Value { known, code, written: expr })
}
