//! Handles: what a step gives, as seen by the steps that take it.

use std::marker::PhantomData;

use resurge_journal::manifest::{InputShape, InputSpec, Source};

/// Stands for a value that a run will have: its input, or the output of a step.
///
/// Inert and `Copy`; it belongs to the builder that gave it out.
#[derive(Debug)]
pub struct StepHandle<T> {
    pub(super) brand: u64,
    pub(super) source: Source,
    value: PhantomData<fn() -> T>,
}

impl<T> StepHandle<T> {
    pub(super) const fn new(brand: u64, source: Source) -> Self {
        Self { brand, source, value: PhantomData }
    }

    fn untyped(self) -> UntypedHandle {
        self.into()
    }
}

impl<T> Clone for StepHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for StepHandle<T> {}

/// A handle without its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct UntypedHandle {
    pub(super) brand: u64,
    pub(super) source: Source,
}

impl<T> From<StepHandle<T>> for UntypedHandle {
    fn from(handle: StepHandle<T>) -> Self {
        Self { brand: handle.brand, source: handle.source }
    }
}

/// Handles that a step can take: one, a tuple of up to eight, a `Vec`, or `()` for nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of step handles",
    note = "pass a handle, a tuple of two to eight handles, a `Vec` of handles, or `()`"
)]
pub trait Inputs: sealed::Sealed {
    /// What the step gets.
    type Value;
}

/// Handles that together supply a `T`.
#[diagnostic::on_unimplemented(
    message = "these handles do not supply `{T}`, the input of the step",
    label = "supplies something else",
    note = "a handle supplies its own type, a tuple of handles a tuple, a `Vec` of handles a `Vec`"
)]
pub trait Supplies<T>: sealed::Sealed {}

/// Handles of either trait, without their types.
pub(super) struct Wiring {
    pub(super) shape: InputShape,
    pub(super) handles: Vec<UntypedHandle>,
}

impl Wiring {
    pub(super) fn into_spec(self) -> InputSpec {
        let sources = self.handles.iter().map(|handle| handle.source).collect();
        InputSpec { shape: self.shape, sources }
    }
}

pub(super) mod sealed {
    /// Keeps the set of handle shapes closed.
    #[expect(private_interfaces, unnameable_types, reason = "sealed on purpose")]
    pub trait Sealed {
        #[doc(hidden)]
        fn wiring(self) -> super::Wiring;
    }
}

impl<T> Inputs for StepHandle<T> {
    type Value = T;
}
impl<T> Supplies<T> for StepHandle<T> {}
#[expect(private_interfaces, reason = "sealed on purpose")]
impl<T> sealed::Sealed for StepHandle<T> {
    fn wiring(self) -> Wiring {
        Wiring { shape: InputShape::Single, handles: vec![self.untyped()] }
    }
}

impl<T> Inputs for Vec<StepHandle<T>> {
    type Value = Vec<T>;
}
impl<T> Supplies<Vec<T>> for Vec<StepHandle<T>> {}
#[expect(private_interfaces, reason = "sealed on purpose")]
impl<T> sealed::Sealed for Vec<StepHandle<T>> {
    fn wiring(self) -> Wiring {
        let handles = self.into_iter().map(StepHandle::untyped).collect();
        Wiring { shape: InputShape::List, handles }
    }
}

impl Inputs for () {
    type Value = ();
}
impl Supplies<()> for () {}
#[expect(private_interfaces, reason = "sealed on purpose")]
impl sealed::Sealed for () {
    fn wiring(self) -> Wiring {
        Wiring { shape: InputShape::Nothing, handles: Vec::new() }
    }
}

macro_rules! tuple_of_handles {
    ($($T:ident $handle:ident),+) => {
        impl<$($T),+> Inputs for ($(StepHandle<$T>,)+) {
            type Value = ($($T,)+);
        }
        impl<$($T),+> Supplies<($($T,)+)> for ($(StepHandle<$T>,)+) {}
        #[expect(private_interfaces, reason = "sealed on purpose")]
        impl<$($T),+> sealed::Sealed for ($(StepHandle<$T>,)+) {
            fn wiring(self) -> Wiring {
                let ($($handle,)+) = self;
                Wiring { shape: InputShape::List, handles: vec![$($handle.untyped()),+] }
            }
        }
    };
}

tuple_of_handles!(A a, B b);
tuple_of_handles!(A a, B b, C c);
tuple_of_handles!(A a, B b, C c, D d);
tuple_of_handles!(A a, B b, C c, D d, E e);
tuple_of_handles!(A a, B b, C c, D d, E e, F f);
tuple_of_handles!(A a, B b, C c, D d, E e, F f, G g);
tuple_of_handles!(A a, B b, C c, D d, E e, F f, G g, H h);
