//! Collects everything that is wrong, so that all of it is said at once.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Everything that is wrong with one use of the attribute.
#[derive(Default)]
pub(crate) struct Problems(Option<syn::Error>);

impl Problems {
    /// Points at the culprit.
    pub(crate) fn at(&mut self, culprit: &impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(culprit, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The compiler errors.
    pub(crate) fn to_tokens(&self) -> TokenStream {
        self.0.as_ref().map(syn::Error::to_compile_error).unwrap_or_default()
    }
}
