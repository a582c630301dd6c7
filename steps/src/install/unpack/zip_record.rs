//! The records of a zip archive, field by field.

use super::error::UnpackError;

/// Reads little-endian fields from a record that is all in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

/// A header of an entry; the one in the directory or the one before the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryHeader {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) name: Vec<u8>,
    /// Where the header before the data is; only the directory says so.
    pub(super) offset: u64,
    /// Upper half: the mode, if `made_by` is a Unix.
    pub(super) attributes: u32,
    pub(super) made_by: u8,
}

pub(super) const LOCAL: u32 = 0x0403_4b50;
pub(super) const CENTRAL: u32 = 0x0201_4b50;
pub(super) const END: u32 = 0x0605_4b50;
pub(super) const END_64: u32 = 0x0606_4b50;
pub(super) const LOCATOR_64: u32 = 0x0706_4b50;
pub(super) const DESCRIPTOR: u32 = 0x0807_4b50;

/// Bytes of a local header before its name.
pub(super) const LOCAL_LEN: u64 = 30;

const SHORT: UnpackError = UnpackError::Damaged("a record of it is cut off");
const FULL: u32 = u32::MAX;

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn left(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], UnpackError> {
        let (head, tail) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], UnpackError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, UnpackError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, UnpackError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, UnpackError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, UnpackError> {
        self.array().map(u64::from_le_bytes)
    }
}

impl EntryHeader {
    /// One header of the directory; the signature is read already.
    pub(super) fn central(fields: &mut Fields<'_>) -> Result<Self, UnpackError> {
        let (_version, made_by) = (fields.u8()?, fields.u8()?);
        let _version_needed = fields.u16()?;
        let (flags, method, _time) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name_len, extra_len) = (fields.u16()?, fields.u16()?);
        let (comment_len, disk, _internal) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (attributes, offset) = (fields.u32()?, fields.u32()?);
        let name = fields.take(name_len.into())?.to_owned();
        let extra = fields.take(extra_len.into())?;
        fields.take(comment_len.into())?;
        if disk != 0 {
            return Err(UnpackError::Damaged("it is one part of several"));
        }
        let wide = [size, packed, offset].map(|field| (field == FULL, u64::from(field)));
        let [size, packed, offset] = widened(extra, &name, wide)?;
        Ok(Self { flags, method, crc, packed, size, name, offset, attributes, made_by })
    }

    /// The header before the data, from its fixed part; gives the lengths of name and extra too.
    pub(super) fn lengths(fixed: &[u8]) -> Result<(usize, usize), UnpackError> {
        let mut fields = Fields::new(fixed);
        fields.take(26)?;
        Ok((fields.u16()?.into(), fields.u16()?.into()))
    }

    /// The header before the data, all of it.
    pub(super) fn local(bytes: &[u8], offset: u64) -> Result<Self, UnpackError> {
        let mut fields = Fields::new(bytes);
        if fields.u32()? != LOCAL {
            return Err(UnpackError::Damaged("an entry is not where the directory says"));
        }
        let _version_needed = fields.u16()?;
        let (flags, method, _time) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name_len, extra_len) = (fields.u16()?, fields.u16()?);
        let name = fields.take(name_len.into())?.to_owned();
        let extra = fields.take(extra_len.into())?;
        let wide = [size, packed].map(|field| (field == FULL, u64::from(field)));
        let [size, packed] = widened(extra, &name, wide)?;
        Ok(Self { flags, method, crc, packed, size, name, offset, attributes: 0, made_by: 0 })
    }
}

/// Takes fields that do not fit into 32 bits from the extra field made for them.
fn widened<const N: usize>(
    extra: &[u8],
    name: &[u8],
    fields: [(bool, u64); N],
) -> Result<[u64; N], UnpackError> {
    const ZIP64: u16 = 1;
    const UNICODE_PATH: u16 = 0x7075;
    let mut extra = Fields::new(extra);
    let mut wide = None;
    // Some tools pad this field with less than a header's worth of zeros.
    while extra.left() >= 4 {
        let (id, len) = (extra.u16()?, extra.u16()?);
        let body = extra.take(len.into())?;
        match id {
            ZIP64 if wide.replace(Fields::new(body)).is_some() => {
                return Err(UnpackError::Damaged("it states a size twice"));
            }
            // A version, a checksum of the other name, then this name.
            UNICODE_PATH if body.get(5..) != Some(name) => {
                return Err(UnpackError::Damaged("it states two names for one entry"));
            }
            _ => {}
        }
    }
    let mut result = [0; N];
    for (slot, (full, value)) in result.iter_mut().zip(fields) {
        *slot = match (&mut wide, full) {
            (Some(wide), true) => wide.u64()?,
            (None, true) => return Err(UnpackError::Damaged("a size is missing")),
            (_, false) => value,
        };
    }
    Ok(result)
}
