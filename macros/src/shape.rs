//! What kind of function it is, and whether it can be recovered.

use syn::visit::{self, Visit};
use syn::{
    Block, Expr, FnArg, GenericArgument, ItemFn, Local, Pat, PathArguments, ReturnType, Stmt, Type,
    TypeImplTrait, TypePath,
};

use crate::options::Options;
use crate::problems::Problems;

/// How the body is run again.
pub(crate) enum Shape {
    /// `fn`.
    Blocking { returns: Type },
    /// `async fn`.
    Async { returns: Type },
    /// What `async_trait` made of an `async fn`: `Box::pin(async move { .. })`.
    Boxed(Box<Boxed>),
}

/// The inside of a function that `async_trait` has rewritten.
pub(crate) struct Boxed {
    pub(crate) returns: Type,
    /// Moves the arguments into the future.
    pub(crate) moves: Vec<Stmt>,
    pub(crate) body: Block,
}

impl Shape {
    pub(crate) fn of(function: &ItemFn, problems: &mut Problems) -> Option<Self> {
        let signature = &function.sig;
        if let Some(word) = &signature.constness {
            problems.at(word, "a const fn cannot wait and try again; remove `const`");
        }
        if let Some(abi) = &signature.abi {
            problems.at(abi, "a function of another ABI cannot be recovered; wrap a Rust function");
        }
        check_receiver(function, problems);
        let ReturnType::Type(_, returns) = &signature.output else {
            problems.at(
                &signature.ident,
                "a recoverable function can fail; let it return `resurge::Recovered<T, E>`",
            );
            return None;
        };
        if let Some(boxed) = boxed(function, returns) {
            return Some(Self::Boxed(Box::new(boxed)));
        }
        check_returns(returns, problems);
        let returns = (**returns).clone();
        let is_async = signature.asyncness.is_some();
        Some(if is_async { Self::Async { returns } } else { Self::Blocking { returns } })
    }

    pub(crate) const fn returns(&self) -> &Type {
        match self {
            Self::Blocking { returns } | Self::Async { returns } => returns,
            Self::Boxed(boxed) => &boxed.returns,
        }
    }
}

/// Whether the return type hides the real one.
pub(crate) fn is_opaque(output: &ReturnType) -> bool {
    struct Finder(bool);
    impl<'ast> Visit<'ast> for Finder {
        fn visit_type_impl_trait(&mut self, found: &'ast TypeImplTrait) {
            self.0 = true;
            visit::visit_type_impl_trait(self, found);
        }
    }
    let mut finder = Finder(false);
    finder.visit_return_type(output);
    finder.0
}

fn check_receiver(function: &ItemFn, problems: &mut Problems) {
    let Some(FnArg::Receiver(receiver)) = function.sig.inputs.first() else { return };
    let is_value = match &*receiver.ty {
        _ if receiver.reference.is_some() => false,
        Type::Path(path) => path.path.is_ident("Self"),
        _ => false,
    };
    if is_value {
        problems
            .at(receiver, "the first attempt would consume `self`; take `&self` or `&mut self`");
    }
}

/// Types that cannot fail. Other names may be aliases, which the compiler sees through.
const NO_RESULTS: &[&str] = &[
    "Option", "String", "Vec", "Box", "Pin", "bool", "char", "f32", "f64", "i8", "i16", "i32",
    "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
];

fn check_returns(returns: &Type, problems: &mut Problems) {
    const ADVICE: &str = "write `resurge::Recovered<T, E>`";
    if is_opaque(&ReturnType::Type(<_>::default(), Box::new(returns.clone()))) {
        problems.at(returns, format!("the type of a result cannot be `impl Trait`; {ADVICE}"));
        return;
    }
    let last = match returns {
        Type::Path(TypePath { path, .. }) => path.segments.last(),
        Type::Group(group) => return check_returns(&group.elem, problems),
        Type::Paren(paren) => return check_returns(&paren.elem, problems),
        Type::Macro(_) => return,
        _ => None,
    };
    let is_none = last.is_none_or(|last| NO_RESULTS.iter().any(|name| last.ident == name));
    if is_none {
        problems.at(returns, format!("a recoverable function can fail; {ADVICE}"));
    }
}

/// The arguments that are to be cloned exist and have a name of their own.
pub(crate) fn check_clones(function: &ItemFn, options: &Options, problems: &mut Problems) {
    for name in &options.clone {
        let is_there = function.sig.inputs.iter().any(|input| match input {
            FnArg::Typed(argument) => {
                matches!(&*argument.pat, Pat::Ident(pat) if pat.ident == *name)
            }
            FnArg::Receiver(_) => false,
        });
        if !is_there {
            problems.at(name, format!("there is no argument `{name}` to clone"));
        }
    }
}

/// Recognises `fn f(..) -> Pin<Box<dyn Future<Output = R>>> { Box::pin(async move { .. }) }` with
/// the inside that `async_trait` gives it.
fn boxed(function: &ItemFn, returns: &Type) -> Option<Boxed> {
    let [Stmt::Expr(Expr::Call(call), None)] = function.block.stmts.as_slice() else {
        return None;
    };
    let Some(Expr::Async(future)) = call.args.first() else { return None };
    output(returns)?;
    let mut moves = Vec::new();
    for stmt in &future.block.stmts {
        match stmt {
            Stmt::Local(local) if is_result(local) => {
                let (Some(init), Pat::Type(typed)) = (&local.init, &local.pat) else { return None };
                let Expr::Block(body) = &*init.expr else { return None };
                let (returns, body) = ((*typed.ty).clone(), body.block.clone());
                return Some(Boxed { returns, moves, body });
            }
            Stmt::Local(_) => moves.push(stmt.clone()),
            // Only tells the compiler the type.
            _ => {}
        }
    }
    None
}

fn is_result(local: &Local) -> bool {
    matches!(&local.pat, Pat::Type(typed)
        if matches!(&*typed.pat, Pat::Ident(pat) if pat.ident == "__ret"))
}

/// The `R` of `Pin<Box<dyn Future<Output = R> + ..>>`.
fn output(returns: &Type) -> Option<&Type> {
    let boxed = argument(returns, "Pin")?;
    let Type::TraitObject(object) = argument(boxed, "Box")? else { return None };
    object.bounds.iter().find_map(|bound| {
        let syn::TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last().filter(|last| last.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
            _ => None,
        })
    })
}

/// The `T` of `Name<T>`.
fn argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
