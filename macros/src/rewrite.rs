//! From what was written to what is compiled, or to everything that is wrong with it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{ItemFn, TraitItemFn};

use crate::expand;
use crate::options::Parsed;
use crate::problems::Problems;
use crate::shape::{self, Shape};

/// The function as it is compiled.
pub(crate) fn rewrite(options: TokenStream, item: &TokenStream) -> TokenStream {
    let Parsed { options, mut problems } = match syn::parse2(options) {
        Ok(parsed) => parsed,
        Err(error) => {
            let error = error.to_compile_error();
            return quote!(#error #item);
        }
    };
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        let message = if syn::parse2::<TraitItemFn>(item.clone()).is_ok() {
            "there is no body to try again; put the attribute on the implementation"
        } else {
            "only functions and methods can be recovered"
        };
        problems.add(syn::Error::new(Span::call_site(), message));
        let problems = problems.to_tokens();
        return quote!(#problems #item);
    };
    let mut misfits = Problems::default();
    let shape = Shape::of(&function, &mut misfits);
    shape::check_clones(&function, &options, &mut problems);
    let (wrong_options, misfits) = (problems.to_tokens(), misfits.to_tokens());
    match shape {
        Some(shape) if problems.is_empty() && misfits.is_empty() => {
            expand::expand(function, shape, &options)
        }
        // What is wrong with the body is said along with what is wrong with the options.
        Some(shape) if misfits.is_empty() => {
            let code = expand::expand(function, shape, &options.seen_by_the_body());
            quote!(#wrong_options #code)
        }
        _ => {
            let stand_in = stand_in(&function);
            quote!(#wrong_options #misfits #stand_in)
        }
    }
}

/// Keeps the signature known, so that its callers are not reported as well.
fn stand_in(function: &ItemFn) -> TokenStream {
    if shape::is_opaque(&function.sig.output) {
        return TokenStream::new();
    }
    let ItemFn { attrs, vis, sig, .. } = function;
    quote!(#(#attrs)* #vis #sig { ::core::unreachable!() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_handed_to_the_call_whatever_it_is_called() {
        for word in [quote!(engine), quote!(persistence)] {
            let item = quote!(
                fn f(url: &str) -> Recovered<(), E> {
                    Ok(())
                }
            );
            let code = rewrite(quote!(#word = &engine, key = url), &item).to_string();
            assert!(code.contains(&quote!(.engine(&(&engine)).key(&(url))).to_string()), "{code}");
        }
    }
}
