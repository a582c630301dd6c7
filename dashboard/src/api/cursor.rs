//! Where the next page of a list begins: opaque to clients, and good for one query only.

use std::sync::Arc;

use resurge::RunId;
use serde::{Deserialize, Serialize};

use super::problem::{Problem, code};
use crate::view::{Entry, Filter, Sort, status_named};

/// The last operation of a page, as far as the order needs it.
///
/// A list moves while somebody pages through it; what comes behind this stays behind it in the
/// orders that never change. By status or by the last move, what moves may come twice or not at all.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Of the query that it belongs to.
    query: String,
    id: RunId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    status: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    version: u64,
}

impl Cursor {
    pub(super) fn behind(last: &Entry, filter: &Filter, sort: Sort) -> Self {
        let mut cursor = Self {
            query: fingerprint(filter, sort),
            id: last.id,
            name: String::new(),
            status: String::new(),
            version: 0,
        };
        match sort {
            Sort::Newest | Sort::Oldest => {}
            Sort::Name | Sort::NameBack => cursor.name.clone_from(&last.row.name),
            Sort::Status => last.status.name().clone_into(&mut cursor.status),
            Sort::Updated => cursor.version = last.row.version,
        }
        cursor
    }

    /// Reads what [`text`](Self::text) wrote for the same query.
    pub(super) fn read(text: &str, filter: &Filter, sort: Sort) -> Result<Self, Problem> {
        let refused = |detail| {
            Problem::new(&code::BAD_CURSOR, detail)
                .remedy("begin anew without a cursor, then follow `next` of each answer")
        };
        let cursor: Option<Self> =
            unhex(text).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let cursor = cursor.ok_or_else(|| refused("this is no cursor"))?;
        if cursor.query != fingerprint(filter, sort) {
            return Err(refused("the cursor belongs to another query"));
        }
        Ok(cursor)
    }

    pub(super) fn text(&self) -> String {
        hex(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Where the next page begins among operations in order.
    pub(super) fn begin(&self, fitting: &[&Entry], sort: Sort) -> usize {
        let Some(any) = fitting.first() else { return 0 };
        // As much of an operation as the order looks at, once for all comparisons.
        let mut last = Entry::clone(any);
        last.id = self.id;
        last.sort_name = self.name.to_lowercase().into();
        last.status = status_named(&self.status).unwrap_or(last.status);
        let row = Arc::make_mut(&mut last.row);
        row.name.clone_from(&self.name);
        row.version = self.version;
        fitting.partition_point(|entry| sort.compare(&last, entry).is_ge())
    }
}

fn fingerprint(filter: &Filter, sort: Sort) -> String {
    let text = serde_json::to_vec(&(filter, sort)).unwrap_or_default();
    blake3::hash(&text).to_hex().chars().take(FINGERPRINT_CHARS).collect()
}

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes = digits?;
    let (pairs, rest) = bytes.as_chunks::<2>();
    let byte = |[high, low]: &[u32; 2]| u8::try_from(high << 4 | low).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

const FINGERPRINT_CHARS: usize = 12;
