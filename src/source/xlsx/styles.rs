//! The styles part (ECMA-376 Part 1, §18.8): which number format a cell's style stands for.

use std::collections::HashMap;

use quick_xml::events::{BytesStart, Event};

use super::text;
use crate::error::Result;
use crate::model::cell::FormatId;
use crate::model::number_format::NumberFormat;
use crate::source::format_list::FormatList;
use crate::source::package::{Package, PartKind};
use crate::source::workbook::too_large;
use crate::source::xml::{self, is_blank};

/// The most cell styles; Excel has at most 65,490.
const MAX_STYLES: usize = 1 << 20;
/// The most number formats that a workbook defines; Excel writes some 250.
const MAX_FORMATS: usize = 1 << 16;

/// The number formats, and which style has which.
#[derive(Debug, Default)]
pub(super) struct Styles {
    formats: FormatList,
    /// The format of each cell style.
    of_style: Vec<FormatId>,
}

/// Which list of the part is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    NumberFormats,
    NamedStyles,
    CellStyles,
}

/// What a style says of its number format (§18.8.45 xf). The flag `applyNumberFormat` does not matter for it.
#[derive(Debug, Clone, Copy)]
struct Style {
    format: Option<u32>,
    named_style: Option<usize>,
}

#[derive(Debug, Default)]
struct Lists {
    codes: HashMap<u32, String>,
    named: Vec<Option<u32>>,
    cells: Vec<Style>,
}

impl Styles {
    /// Reads the part; without it all cells are General.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read(package: &mut Package, part: &str) -> Result<Self> {
        let path = package.path().to_path_buf();
        let Some(mut reader) = package.xml(part, PartKind::List)? else {
            return Ok(Self::default());
        };
        let mut lists = Lists::default();
        let mut list = None;
        loop {
            match reader.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "dxfs" | "extLst" | "fonts" | "fills" | "borders" => reader.skip(),
                    name => {
                        list = List::of(name).or(list);
                        lists.entry(list, &tag);
                    }
                },
                Event::Empty(tag) => lists.entry(list, &tag),
                Event::End(tag) if List::of(tag.local_name().as_ref()).is_some() => list = None,
                Event::Eof => break,
                _ => {}
            }
            if lists.codes.len() > MAX_FORMATS {
                return Err(too_large(&path, "has more number formats than can be read"));
            }
            if lists.cells.len().max(lists.named.len()) > MAX_STYLES {
                return Err(too_large(&path, "has more cell styles than can be read"));
            }
        }
        match Self::of(&lists) {
            Some(styles) => Ok(styles),
            None => Err(too_large(&path, "has more number formats than can be read")),
        }
    }

    /// `None` when there are too many different formats.
    fn of(lists: &Lists) -> Option<Self> {
        let mut styles = Self::default();
        let mut known: HashMap<u32, FormatId> = HashMap::new();
        for style in &lists.cells {
            let inherited = || lists.named.get(style.named_style?).copied().flatten();
            let id = style.format.or_else(inherited).unwrap_or(0);
            let format = match known.get(&id) {
                Some(format) => *format,
                None => {
                    let format = styles.formats.id(&lists.format(id).code)?;
                    known.insert(id, format);
                    format
                }
            };
            styles.of_style.push(format);
        }
        Some(styles)
    }

    /// The number formats; the first is General.
    pub(super) fn formats(&self) -> &[NumberFormat] {
        self.formats.formats()
    }

    /// The format of a cell with this style. Styles that are not there are General.
    #[inline]
    pub(super) fn format(&self, style: usize) -> FormatId {
        self.of_style.get(style).copied().unwrap_or(FormatId(0))
    }
}

impl List {
    fn of(name: &str) -> Option<Self> {
        match name {
            "numFmts" => Some(Self::NumberFormats),
            "cellStyleXfs" => Some(Self::NamedStyles),
            "cellXfs" => Some(Self::CellStyles),
            _ => None,
        }
    }
}

impl Lists {
    fn entry(&mut self, list: Option<List>, tag: &BytesStart<'_>) {
        let number = |name: &str| -> Option<u32> {
            let value = xml::attribute(tag, name)?;
            value.trim_matches(is_blank).parse().ok()
        };
        match (list, tag.local_name().as_ref()) {
            (Some(List::NumberFormats), "numFmt") => {
                let code = xml::attribute(tag, "formatCode");
                if let (Some(id), Some(code)) = (number("numFmtId"), code) {
                    let mut decoded = String::new();
                    let _of_a_code = text::unescape(&code, &mut decoded);
                    self.codes.insert(id, decoded);
                }
            }
            (Some(List::NamedStyles), "xf") => self.named.push(number("numFmtId")),
            (Some(List::CellStyles), "xf") => self.cells.push(Style {
                format: number("numFmtId"),
                named_style: number("xfId").and_then(|at| usize::try_from(at).ok()),
            }),
            _ => {}
        }
    }

    /// The format with this id: one that the workbook defines goes before the built-in one.
    fn format(&self, id: u32) -> NumberFormat {
        match self.codes.get(&id) {
            Some(code) if code.is_empty() => NumberFormat::general(),
            Some(code) => NumberFormat::new(code.clone()),
            None => u16::try_from(id)
                .ok()
                .and_then(NumberFormat::built_in)
                .unwrap_or_else(NumberFormat::general),
        }
    }
}
