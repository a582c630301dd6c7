//! A serializer that writes nothing and remembers what it was asked to write.

use std::fmt;

use serde::ser::{Impossible, Serialize, SerializeSeq, SerializeStruct, Serializer};

use super::Shape;

/// The shape of a value, as far as this one shows it.
pub(in crate::testing) fn trace<T: Serialize + ?Sized>(value: &T) -> Shape {
    value.serialize(Tracer).expect("only what the page has words for reaches a record")
}

struct Tracer;

/// Something that no record may hold, because the page does not say how it is written.
#[derive(Debug)]
struct Unwritten(String);

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unwritten {}

impl serde::ser::Error for Unwritten {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self(problem.to_string())
    }
}

type Traced = Result<Shape, Unwritten>;

fn unwritten<T>(what: &str) -> Result<T, Unwritten> {
    Err(Unwritten(format!("{what} has no place in a record")))
}

struct List(Shape);

impl SerializeSeq for List {
    type Ok = Shape;
    type Error = Unwritten;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritten> {
        let known = std::mem::replace(&mut self.0, Shape::Unseen);
        self.0 = known.merge(value.serialize(Tracer)?);
        Ok(())
    }

    fn end(self) -> Traced {
        Ok(Shape::List(Box::new(self.0)))
    }
}

struct Fields(&'static str, Vec<(&'static str, Shape)>);

impl SerializeStruct for Fields {
    type Ok = Shape;
    type Error = Unwritten;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Unwritten> {
        self.1.push((name, value.serialize(Tracer)?));
        Ok(())
    }

    fn end(self) -> Traced {
        Ok(Shape::Struct(self.0, self.1))
    }
}

/// What takes one value of a plain type.
macro_rules! plain {
    ($($method:ident($Type:ty) $name:literal,)+) => {
        $(fn $method(self, _: $Type) -> Traced { Ok(Shape::Plain($name)) })+
    };
}

impl Serializer for Tracer {
    type Ok = Shape;
    type Error = Unwritten;
    type SerializeSeq = List;
    type SerializeTuple = Impossible<Shape, Unwritten>;
    type SerializeTupleStruct = Impossible<Shape, Unwritten>;
    type SerializeTupleVariant = Impossible<Shape, Unwritten>;
    type SerializeMap = Impossible<Shape, Unwritten>;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Impossible<Shape, Unwritten>;

    plain! {
        serialize_bool(bool) "bool",
        serialize_u8(u8) "u8",
        serialize_u16(u16) "u16",
        serialize_u32(u32) "u32",
        serialize_u64(u64) "u64",
        serialize_i64(i64) "i64",
        serialize_f64(f64) "f64",
        serialize_str(&str) "text",
        serialize_bytes(&[u8]) "uuid",
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_none(self) -> Traced {
        Ok(Shape::Option(Box::new(Shape::Unseen)))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Traced {
        Ok(Shape::Option(Box::new(value.serialize(self)?)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Traced {
        Ok(Shape::Named(name, Box::new(value.serialize(self)?)))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Unwritten> {
        Ok(List(Shape::Unseen))
    }

    fn serialize_struct(self, name: &'static str, fields: usize) -> Result<Fields, Unwritten> {
        Ok(Fields(name, Vec::with_capacity(fields)))
    }

    fn serialize_i8(self, _: i8) -> Traced {
        unwritten("an i8")
    }

    fn serialize_i16(self, _: i16) -> Traced {
        unwritten("an i16")
    }

    fn serialize_i32(self, _: i32) -> Traced {
        unwritten("an i32")
    }

    fn serialize_f32(self, _: f32) -> Traced {
        unwritten("an f32")
    }

    fn serialize_char(self, _: char) -> Traced {
        unwritten("a character")
    }

    fn serialize_unit(self) -> Traced {
        unwritten("a unit")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Traced {
        unwritten(name)
    }

    fn serialize_unit_variant(self, name: &'static str, _: u32, _: &'static str) -> Traced {
        unwritten(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Traced {
        unwritten(name)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unwritten> {
        unwritten("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unwritten> {
        unwritten(name)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritten> {
        unwritten(name)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritten> {
        unwritten("a map")
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritten> {
        unwritten(name)
    }
}
