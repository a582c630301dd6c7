//! Writes the function anew: the options once, then a loop around the body.
//!
//! The body stays where it is, inside `async { .. }` or a closure that is called at once. A helper
//! that takes the body as a closure would not do: `&mut self` could not be lent to it again and
//! again, and futures that borrow arguments would not be `Send`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Block, FnArg, ItemFn, Pat, Path, Stmt, Type, parse_quote};

use crate::options::Options;
use crate::shape::{Boxed, Shape};
use crate::value::Value;

/// A name that the body cannot see.
fn hidden(name: &str) -> Ident {
    named_at(name, Span::mixed_site())
}

/// A name that the body will not use. What the compiler has to say about it, it says there; what is
/// hidden from the body it can only say at the attribute.
fn named_at(name: &str, span: Span) -> Ident {
    Ident::new(&format!("__resurge_{name}"), span)
}

pub(crate) fn expand(mut function: ItemFn, shape: Shape, options: &Options) -> TokenStream {
    let krate = options.krate.clone().unwrap_or_else(|| parse_quote!(::resurge));
    let begin = begin(&function, &shape, options, &krate);
    let arguments = function.sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(&mut *argument.pat),
        FnArg::Receiver(_) => None,
    });
    let mut changed = cloned_mut(arguments, options);
    let block = match shape {
        Shape::Blocking { returns } => {
            let inside = inside(options, &changed);
            blocking(&function.block, &returns, &inside, &begin, &krate)
        }
        Shape::Async { returns } => {
            let inside = inside(options, &changed);
            in_task(&function.block, &returns, &inside, &begin, &krate)
        }
        Shape::Boxed(boxed) => {
            let Boxed { returns, mut moves, body } = *boxed;
            let locals = moves.iter_mut().filter_map(|stmt| match stmt {
                Stmt::Local(local) => Some(&mut local.pat),
                _ => None,
            });
            changed.extend(cloned_mut(locals, options));
            let inside = inside(options, &changed);
            let rounds = in_task(&body, &returns, &inside, &begin, &krate);
            quote!({ ::std::boxed::Box::pin(async move { #(#moves)* #rounds }) })
        }
    };
    let ItemFn { attrs, vis, sig, .. } = &function;
    quote!(#(#attrs)* #vis #sig #block)
}

/// The loop of an async function.
fn in_task(
    body: &Block,
    returns: &Type,
    inside: &TokenStream,
    begin: &TokenStream,
    krate: &Path,
) -> TokenStream {
    let [session, ended] = ["session", "ended"].map(|name| named_at(name, returns.span()));
    let [attempt, end, typed] = ["attempt", "end", "typed"].map(hidden);
    let Contract { body: body_type, give, .. } = Contract::new(returns, krate);
    let settle = settle(returns, "settle");
    let stmts = &body.stmts;
    quote!({
        let mut #session = #begin;
        loop {
            let #attempt = match #session.admit().await {
                ::core::result::Result::Ok(#attempt) => #attempt,
                ::core::result::Result::Err(#end) => {
                    break #give(::core::result::Result::Err(#end));
                }
            };
            #inside
            let #ended = #attempt.limit(async {
                // Says the type of the block, which `?` and `return` in it need to know.
                if let ::core::option::Option::Some(#typed) =
                    ::core::option::Option::None::<#body_type>
                {
                    return #typed;
                }
                #(#stmts)*
            }).await;
            if let ::core::ops::ControlFlow::Break(#end) = #settle.await {
                break #give(#end);
            }
        }
    })
}

/// The loop of a function that blocks its thread.
fn blocking(
    body: &Block,
    returns: &Type,
    inside: &TokenStream,
    begin: &TokenStream,
    krate: &Path,
) -> TokenStream {
    let [session, ended] = ["session", "ended"].map(|name| named_at(name, returns.span()));
    let [attempt, end] = ["attempt", "end"].map(hidden);
    let Contract { body: body_type, give, .. } = Contract::new(returns, krate);
    let settle = settle(returns, "settle_blocking");
    quote!({
        let mut #session = #begin;
        loop {
            let #attempt = match #session.admit_blocking() {
                ::core::result::Result::Ok(#attempt) => #attempt,
                ::core::result::Result::Err(#end) => {
                    break #give(::core::result::Result::Err(#end));
                }
            };
            let _ = #attempt;
            #inside
            let #ended = (|| -> #body_type #body)();
            if let ::core::ops::ControlFlow::Break(#end) = #settle {
                break #give(#end);
            }
        }
    })
}

/// What the body is to find in each round: the attempt under its name, and fresh clones.
fn inside(options: &Options, changed: &[Ident]) -> TokenStream {
    let attempt = hidden("attempt");
    let named = options.attempt.iter().map(|name| quote!(let #name = #attempt;));
    let clones = options.clone.iter().map(|name| {
        let mutable = changed.contains(name).then(|| quote!(mut));
        quote!(let #mutable #name = ::core::clone::Clone::clone(&#name);)
    });
    quote!(#(#named)* #(#clones)*)
}

/// The return type taken apart; errors in it are said at the type.
struct Contract {
    /// The type of the body.
    body: TokenStream,
    /// The error of the body.
    error: TokenStream,
    /// Turns the result of the call into what the function returns.
    give: TokenStream,
}

impl Contract {
    fn new(returns: &Type, krate: &Path) -> Self {
        let span = returns.span();
        let of = quote_spanned!(span=> <#returns as #krate::recover::expansion::Returns>);
        Self {
            body: quote_spanned!(span=> #of::Body),
            error: quote_spanned!(span=> #of::Error),
            give: quote_spanned!(span=> #of::give),
        }
    }
}

/// Hands the result of an attempt over; an error that nobody can judge is said at the return type.
fn settle(returns: &Type, how: &str) -> TokenStream {
    let span = returns.span();
    let [session, ended] = ["session", "ended"].map(|name| named_at(name, span));
    let how = Ident::new(how, span);
    quote_spanned!(span=> #session.#how(#ended))
}

/// The settings of one call.
fn begin(function: &ItemFn, shape: &Shape, options: &Options, krate: &Path) -> TokenStream {
    let name = function.sig.ident.to_string();
    let is_method = matches!(function.sig.inputs.first(), Some(FnArg::Receiver(_)));
    let name = if is_method {
        quote!(#krate::recover::expansion::method_name::<Self>(#name))
    } else {
        quote!(::core::concat!(::core::module_path!(), "::", #name))
    };
    let policy = policy(options, krate).map(|policy| quote!(.policy(#policy)));
    let timeout = code(options.timeout.as_ref()).map(|limit| quote!(.timeout(#limit)));
    let deadline = code(options.deadline.as_ref()).map(|limit| quote!(.deadline(#limit)));
    let breaker = breaker(options);
    let engine = options.engine.as_ref().map(|engine| quote!(.engine(&(#engine))));
    let key = options.key.as_ref().map(|key| quote!(.key(&(#key))));
    let resource = options.resource.as_ref().map(|resource| quote!(.resource(&(#resource))));
    let on_open = options.waits.map(|waits| {
        let choice = if waits { quote!(Wait) } else { quote!(Fail) };
        quote!(.on_open(#krate::recover::OnOpen::#choice))
    });
    let classify = options.classify.as_ref().map(|rules| {
        let returns = shape.returns();
        let Contract { error, .. } = Contract::new(returns, krate);
        quote!(.classify::<#error, _, _>(#rules))
    });
    quote! {
        #krate::recover::recover(#name)
            #policy #timeout #deadline #breaker #engine #key #resource #on_open #classify
            .begin()
    }
}

/// The retry policy, if it is not the default one.
fn policy(options: &Options, krate: &Path) -> Option<TokenStream> {
    let Options { max_retries, initial_delay, backoff_factor, max_delay, strategy, .. } = options;
    let delay = code(initial_delay.as_ref());
    let start = match (strategy, delay) {
        (Some(strategy), _) => quote!((#strategy)),
        (None, Some(delay)) => quote!(#krate::RetryPolicy::exponential(#delay)),
        (None, None) => quote!(<#krate::RetryPolicy as ::core::default::Default>::default()),
    };
    let factor = code(backoff_factor.as_ref()).map(|factor| quote!(.factor(#factor)));
    let cap = code(max_delay.as_ref()).map(|cap| quote!(.max_delay(#cap)));
    let retries = code(max_retries.as_ref()).map(|retries| quote!(.max_retries(#retries)));
    let is_default = strategy.is_none()
        && delay.is_none()
        && factor.is_none()
        && cap.is_none()
        && retries.is_none();
    (!is_default).then(|| quote!(#start #factor #cap #retries))
}

fn breaker(options: &Options) -> Option<TokenStream> {
    let breaker = &options.breaker;
    if breaker.is_off {
        return Some(quote!(.without_circuit_breaker()));
    }
    let (threshold, timeout) = (code(breaker.threshold.as_ref()), code(breaker.timeout.as_ref()));
    if threshold.is_none() && timeout.is_none() {
        return None;
    }
    let (five, minutes) = (quote!(5), quote!(::core::time::Duration::from_secs(300)));
    let (threshold, timeout) = (threshold.unwrap_or(&five), timeout.unwrap_or(&minutes));
    Some(quote!(.circuit_breaker(#threshold, #timeout)))
}

fn code<T>(value: Option<&Value<T>>) -> Option<&TokenStream> {
    value.map(|value| &value.code)
}

/// Takes the `mut` off arguments that are cloned in each round, and says which had one: it is the
/// clone that the body changes.
fn cloned_mut<'a>(patterns: impl Iterator<Item = &'a mut Pat>, options: &Options) -> Vec<Ident> {
    let mut changed = Vec::new();
    for pattern in patterns {
        if let Pat::Ident(pattern) = pattern
            && options.clone.contains(&pattern.ident)
            && pattern.mutability.take().is_some()
        {
            changed.push(pattern.ident.clone());
        }
    }
    changed
}
