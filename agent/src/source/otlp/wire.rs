//! The wire format of protocol buffers, as much of it as messages of measured values need.
//!
//! A field at a time over borrowed bytes: nothing is copied, nothing recurses. Fields that a caller
//! does not know are skipped. Groups are not understood; they were abandoned before OTLP existed.
//! Source: Protocol Buffers documentation, "Encoding".

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire<'b> {
    /// A number in 1 to 10 bytes.
    Varint(u64),
    /// Eight bytes, the least significant first.
    Fixed64(u64),
    /// Four bytes, the least significant first.
    Fixed32(u32),
    /// Text, bytes, a message, or packed numbers.
    Bytes(&'b [u8]),
}

/// The fields of a message, one by one.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'b>(pub(crate) &'b [u8]);

impl<'b> Fields<'b> {
    /// The next field with its number; `None` at the end.
    ///
    /// # Errors
    /// When the bytes are cut off, or a tag is none.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Wire<'b>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = varint(&mut self.0)?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Malformed("a field with the number 0"));
        }
        let value = match tag & 7 {
            0 => Wire::Varint(varint(&mut self.0)?),
            1 => Wire::Fixed64(u64::from_le_bytes(array(&mut self.0)?)),
            2 => {
                let length = varint(&mut self.0)?;
                let length = usize::try_from(length).map_err(|_| CUT_OFF)?;
                let (value, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
                self.0 = rest;
                Wire::Bytes(value)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(array(&mut self.0)?)),
            _ => return Err(Malformed("a field of an unknown wire type")),
        };
        Ok(Some((number, value)))
    }
}

const CUT_OFF: Malformed = Malformed("a message that is cut off");
/// What is said of a field that has another wire type than its definition.
pub(crate) const MISTYPED: Malformed = Malformed("a field of the wrong type");

impl<'b> Wire<'b> {
    /// The bytes of a message.
    pub(crate) fn message(self) -> Result<Fields<'b>, Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(Fields(bytes)),
            _ => Err(MISTYPED),
        }
    }

    /// A text.
    pub(crate) fn text(self) -> Result<&'b str, Malformed> {
        let Self::Bytes(bytes) = self else {
            return Err(MISTYPED);
        };
        std::str::from_utf8(bytes).map_err(|_| Malformed("a text that is not UTF-8"))
    }

    /// `uint64`, `uint32`, `bool` and `enum`.
    pub(crate) fn unsigned(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(MISTYPED),
        }
    }

    /// `sint32`, which is written in zigzag.
    pub(crate) fn zigzag(self) -> Result<i32, Malformed> {
        let number = self.unsigned()?;
        let half = i64::try_from(number >> 1).map_err(|_| MISTYPED)?;
        let signed = if number & 1 == 0 { half } else { -half - 1 };
        i32::try_from(signed).map_err(|_| MISTYPED)
    }

    /// `fixed64`.
    pub(crate) fn fixed(self) -> Result<u64, Malformed> {
        match self {
            Self::Fixed64(bits) => Ok(bits),
            _ => Err(MISTYPED),
        }
    }

    /// `double`.
    pub(crate) fn double(self) -> Result<f64, Malformed> {
        self.fixed().map(f64::from_bits)
    }

    /// Adds the numbers of a `repeated fixed64` or `repeated double`, packed or one of them.
    pub(crate) fn fixed_into<T>(
        self,
        all: &mut Vec<T>,
        of: impl Fn(u64) -> T,
    ) -> Result<(), Malformed> {
        let mut bytes = match self {
            Self::Fixed64(bits) => {
                all.push(of(bits));
                return Ok(());
            }
            Self::Bytes(bytes) => bytes,
            _ => return Err(MISTYPED),
        };
        while !bytes.is_empty() {
            all.push(of(u64::from_le_bytes(array(&mut bytes)?)));
        }
        Ok(())
    }

    /// Adds the numbers of a `repeated uint64`, packed or one of them.
    pub(crate) fn varints_into(self, all: &mut Vec<u64>) -> Result<(), Malformed> {
        let mut bytes = match self {
            Self::Varint(number) => {
                all.push(number);
                return Ok(());
            }
            Self::Bytes(bytes) => bytes,
            _ => return Err(MISTYPED),
        };
        while !bytes.is_empty() {
            all.push(varint(&mut bytes)?);
        }
        Ok(())
    }
}

/// A number in groups of seven bits, the least significant first.
fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(CUT_OFF)?;
        *bytes = rest;
        let group = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && group > 1 {
            break;
        }
        number |= group << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Malformed("a number of more than 64 bits"))
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (head, rest) = bytes.split_first_chunk().ok_or(CUT_OFF)?;
    *bytes = rest;
    Ok(*head)
}

/// Writes a varint field.
pub(crate) fn put_varint(out: &mut Vec<u8>, field: u8, number: u64) {
    out.push(field << 3);
    put(out, number);
}

/// Writes a field of bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes, and their fields or what is wrong with them.
    type Case<'c> = (&'c [u8], Result<Vec<(u64, Wire<'c>)>, &'static str>);

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, Wire<'_>)>, Malformed> {
        let (mut fields, mut all) = (Fields(bytes), Vec::new());
        while let Some(field) = fields.next()? {
            all.push(field);
        }
        Ok(all)
    }

    #[test]
    fn every_wire_type_is_read_and_what_is_cut_off_is_refused() {
        // The examples of the page on the encoding, and one of each other kind.
        let cases: [Case<'_>; 9] = [
            (&[0x08, 0x96, 0x01], Ok(vec![(1, Wire::Varint(150))])),
            (b"\x12\x07testing", Ok(vec![(2, Wire::Bytes(b"testing"))])),
            (
                &[0x09, 1, 0, 0, 0, 0, 0, 0, 0x80],
                Ok(vec![(1, Wire::Fixed64(1 << 63 | 1))]),
            ),
            (&[0x0d, 2, 0, 0, 0], Ok(vec![(1, Wire::Fixed32(2))])),
            (&[0x08, 0x96], Err("a message that is cut off")),
            (b"\x12\x08testing", Err("a message that is cut off")),
            (&[0x0b], Err("a field of an unknown wire type")),
            (&[0x00, 0x00], Err("a field with the number 0")),
            (
                &[
                    0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
                ],
                Err("a number of more than 64 bits"),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                fields(bytes).map_err(|wrong| wrong.0),
                expected,
                "{bytes:?}"
            );
        }
        assert_eq!(Wire::Varint(3).zigzag(), Ok(-2));
        assert_eq!(Wire::Varint(4_294_967_295).zigzag(), Ok(i32::MIN));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: u64, bytes: Vec<u8>) {
            let mut out = Vec::new();
            put_varint(&mut out, 1, number);
            put_bytes(&mut out, 2, &bytes);
            let expected = vec![(1, Wire::Varint(number)), (2, Wire::Bytes(&bytes))];
            prop_assert_eq!(fields(&out), Ok(expected));
        }
    }
}
