//! Cells in the shape in which nearly all programs write them, read from the bytes without an XML parser.
//!
//! `<c r="B2" s="3" t="s"><v>17</v></c>` and `<c r="B2" s="3"/>`, the attributes in any order. Whatever else there is, a
//! formula, an entity, a prefix, white space in a tag, a cell cut in two by the end of the buffer, is left to the parser.

use super::tags::{CellTag, reference};
use super::value::{self, CellType};

/// A cell, and how many bytes it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PlainCell<'b> {
    pub(super) tag: CellTag,
    /// Its value as written; `None` for a cell without content.
    pub(super) value: Option<&'b str>,
    pub(super) bytes: usize,
}

/// The cell that the bytes begin with. `row` and `next_column` are where it is without a reference.
pub(super) fn plain_cell(bytes: &[u8], row: u32, next_column: u32) -> Option<PlainCell<'_>> {
    let mut tag = CellTag {
        row,
        column: next_column,
        style: 0,
        cell_type: CellType::Number,
    };
    let mut rest = bytes.strip_prefix(b"<c")?;
    while let Some(attribute) = rest.strip_prefix(b" ") {
        let (name, after_name) = attribute.split_first()?;
        let quoted = after_name.strip_prefix(b"=\"")?;
        let end = quoted.iter().position(|byte| *byte == b'"')?;
        let (value, after) = quoted.split_at(end);
        match name {
            b'r' => (tag.row, tag.column) = reference(value)?,
            b's' => tag.style = style(value)?,
            b't' => tag.cell_type = plain_type(value)?,
            _ => return None,
        }
        rest = after.get(1..)?;
    }
    let (value, rest) = match rest.strip_prefix(b"/>") {
        Some(rest) => (None, rest),
        None => {
            let value = rest.strip_prefix(b"><v>")?;
            let end = memchr::memchr(b'<', value)?;
            let (value, rest) = value.split_at(end);
            (Some(plain_text(value)?), rest.strip_prefix(b"</v></c>")?)
        }
    };
    Some(PlainCell {
        tag,
        value,
        bytes: bytes.len() - rest.len(),
    })
}

fn style(value: &[u8]) -> Option<usize> {
    value::index(std::str::from_utf8(value).ok()?)
}

/// Of these types the value is all there is. Those with texts of their own may have escapes.
fn plain_type(value: &[u8]) -> Option<CellType> {
    match value {
        b"n" => Some(CellType::Number),
        b"s" => Some(CellType::SharedString),
        b"b" => Some(CellType::Boolean),
        b"e" => Some(CellType::Error),
        _ => None,
    }
}

/// A value without white space, references and line ends that XML would change.
fn plain_text(value: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'&';
    let value = (!value.is_empty() && value.iter().all(is_plain)).then_some(value)?;
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_cells_in_the_common_shape_are_taken() {
        let cell = |text: &'static str| plain_cell(text.as_bytes(), 4, 2);
        let shared = cell("<c r=\"B2\" s=\"3\" t=\"s\"><v>17</v></c><c").unwrap();
        assert_eq!(
            (shared.tag.row, shared.tag.column, shared.tag.style),
            (1, 1, 3)
        );
        assert_eq!(shared.tag.cell_type, CellType::SharedString);
        assert_eq!((shared.value, shared.bytes), (Some("17"), 35));
        let placed = cell("<c t=\"n\"><v>-1.5E3</v></c>").unwrap();
        assert_eq!((placed.tag.row, placed.tag.column), (4, 2));
        assert_eq!(placed.value, Some("-1.5E3"));
        let empty = cell("<c s=\"3\" r=\"C1\"/>").unwrap();
        assert_eq!((empty.tag.column, empty.value), (2, None));
        for other in [
            "<c r=\"B2\"><f>1+1</f><v>2</v></c>",
            "<c r=\"B2\" t=\"str\"><v>a</v></c>",
            "<c r=\"B2\" t=\"inlineStr\"><is><t>a</t></is></c>",
            "<c r=\"B2\" cm=\"1\"><v>2</v></c>",
            "<c r=\"B2\" ><v>2</v></c>",
            "<c  r=\"B2\"><v>2</v></c>",
            "<c r='B2'><v>2</v></c>",
            "<c r=\"2B\"><v>2</v></c>",
            "<c r=\"\"><v>2</v></c>",
            "<c r=\"B2\"><v>2 </v></c>",
            "<c r=\"B2\"><v>&#50;</v></c>",
            "<c r=\"B2\"><v></v></c>",
            "<c r=\"B2\"><v>é</v></c>",
            "<c r=\"B2\"><v>2</v></c",
            "<c r=\"B2\"><v>2</v",
            "<c r=\"B2",
            "<c",
            "<col/>",
            "</row>",
            "",
        ] {
            assert_eq!(cell(other), None, "{other}");
        }
    }
}
