//! What a value is made of on disk: the calls that it makes to a serializer.

mod merge;
mod trace;

pub(super) use trace::trace;

/// What a value is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// Nothing that was seen tells: an option that was empty, a list without entries.
    Unseen,
    /// A number, a flag or a text.
    Plain(&'static str),
    Option(Box<Self>),
    List(Box<Self>),
    /// A value with a name of its own and no other bytes than what is in it.
    Named(&'static str, Box<Self>),
    Struct(&'static str, Vec<(&'static str, Self)>),
}

impl Shape {
    /// How the page calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Unseen => panic!("not among the samples"),
            Self::Plain(name) | Self::Named(name, _) | Self::Struct(name, _) => (*name).to_owned(),
            Self::Option(inner) => format!("option {}", inner.name()),
            Self::List(inner) => format!("list {}", inner.name()),
        }
    }

    /// Calls `visit` with this shape and all that it is made of.
    pub(super) fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match self {
            Self::Unseen | Self::Plain(_) => {}
            Self::Option(inner) | Self::List(inner) | Self::Named(_, inner) => inner.walk(visit),
            Self::Struct(_, fields) => fields.iter().for_each(|(_, field)| field.walk(visit)),
        }
    }
}
