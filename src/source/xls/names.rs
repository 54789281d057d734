//! Names of ranges ([MS-XLS] 2.4.150 Lbl).

use super::globals::Globals;
use super::kind;
use super::records::{Joined, Record, Substream, Version, u16_at};
use super::strings::TextReader;
use crate::model::address::{CellAddress, CellRange, MAX_COLUMNS};
use crate::model::sheet::NamedRange;

/// The workbook's names whose formula is one range of one of its sheets, the same wherever it is used. BIFF5 and BIFF8.
pub(super) fn read(globals: &Globals, stream: &[u8]) -> Vec<NamedRange> {
    let mut books = Books::default();
    let mut names = Vec::new();
    if globals.version < Version::Biff5 {
        return names;
    }
    let Some(mut records) = Substream::open(stream, 0) else {
        return names;
    };
    let mut named = Vec::new();
    while let Some(record) = records.next() {
        match record.kind {
            kind::SUP_BOOK => books.add_book(&record),
            kind::EXTERN_SHEET => books.add_references(records.joined(&record)),
            kind::NAME => named.push(record),
            _ => {}
        }
    }
    for record in named {
        names.extend(name(globals, &books, record.body));
    }
    names.retain(|name| {
        name.sheet < globals.entries.len()
            && name.scope.is_none_or(|scope| scope < globals.entries.len())
    });
    names
}

/// To which sheets references lead, in BIFF8.
#[derive(Debug, Default)]
struct Books {
    /// For each SUPBOOK record whether it is this workbook ([MS-XLS] 2.4.271).
    own: Vec<bool>,
    /// Book, first and last sheet of each reference ([MS-XLS] 2.4.105 ExternSheet).
    references: Vec<[u16; 3]>,
}

impl Books {
    fn add_book(&mut self, record: &Record<'_>) {
        /// Stands for this workbook in place of a name's length ([MS-XLS] 2.4.271, cch).
        const OWN: u16 = 0x0401;
        self.own.push(u16_at(record.body, 2) == Some(OWN));
    }

    fn add_references(&mut self, mut from: Joined<'_>) {
        // As many as there are, whatever their number is said to be.
        let _count = from.u16();
        while let (Some(book), Some(first), Some(last)) = (from.u16(), from.u16(), from.u16()) {
            self.references.push([book, first, last]);
        }
    }

    /// The one sheet of this workbook that a reference leads to.
    fn sheet(&self, reference: u16) -> Option<usize> {
        let [book, first, last] = *self.references.get(usize::from(reference))?;
        let own = self.own.get(usize::from(book)).copied()?;
        (own && first == last).then_some(usize::from(first))
    }
}

fn name(globals: &Globals, books: &Books, body: &[u8]) -> Option<NamedRange> {
    const BUILT_IN: u16 = 0x0020;
    const HEAD_BYTES: usize = 14;
    let flags = u16_at(body, 0)?;
    let name_len = usize::from(*body.get(3)?);
    let formula_len = usize::from(u16_at(body, 4)?);
    let scope = usize::from(u16_at(body, 8)?).checked_sub(1);
    let mut from = Joined::alone(body.get(HEAD_BYTES..)?);
    let mut name = String::new();
    globals.text.read_counted(&mut from, name_len, &mut name);
    if name_len == 0 {
        return None;
    }
    if flags & BUILT_IN != 0 {
        name = built_in(&name)?.to_owned();
    }
    let formula = from.take_here(formula_len);
    let (sheet, range) = match globals.text {
        TextReader::Unicode => target(books, formula)?,
        TextReader::Bytes(_) => target_5(formula)?,
    };
    Some(NamedRange {
        name,
        scope,
        sheet,
        range,
    })
}

/// The names that Excel gives, as Office Open XML spells them ([MS-XLS] 2.4.150, Name; ECMA-376 Part 1, §18.2.5).
fn built_in(code: &str) -> Option<&'static str> {
    Some(match u32::from(code.chars().next()?) {
        0x00 => "_xlnm.Consolidate_Area",
        0x03 => "_xlnm.Extract",
        0x04 => "_xlnm.Database",
        0x05 => "_xlnm.Criteria",
        0x06 => "_xlnm.Print_Area",
        0x07 => "_xlnm.Print_Titles",
        0x0C => "_xlnm.Sheet_Title",
        0x0D => "_xlnm._FilterDatabase",
        _ => return None,
    })
}

/// Tokens of formulas without the bits of their class ([MS-XLS] 2.5.198.85 PtgRef3d and 2.5.198.28 PtgArea3d).
const REF_3D: u8 = 0x1A;
const AREA_3D: u8 = 0x1B;

fn token(formula: &[u8]) -> Option<(u8, &[u8])> {
    let (token, rest) = formula.split_first()?;
    // 0x3A, 0x5A and 0x7A are the same reference.
    ((0x20..0x80).contains(token)).then_some((token & 0x1F, rest))
}

/// A formula that is one absolute range of one sheet and nothing else, in BIFF8.
fn target(books: &Books, formula: &[u8]) -> Option<(usize, CellRange)> {
    let (token, rest) = token(formula)?;
    let at = |at| u16_at(rest, at);
    let (top, bottom, left, right) = match (token, rest.len()) {
        (REF_3D, 6) => (at(2)?, at(2)?, at(4)?, at(4)?),
        (AREA_3D, 10) => (at(2)?, at(4)?, at(6)?, at(8)?),
        _ => return None,
    };
    /// Rows and columns relative to where the name is used ([MS-XLS] 2.5.198.109 RgceLocRel).
    const RELATIVE: u16 = 0xC000;
    if (left | right) & RELATIVE != 0 {
        return None;
    }
    Some((books.sheet(at(0)?)?, range([top, bottom, left, right])?))
}

/// The same in BIFF5, where the token has the sheets itself (OpenOffice.org's documentation, 3.9.19 tRef3d).
fn target_5(formula: &[u8]) -> Option<(usize, CellRange)> {
    const RELATIVE: u16 = 0xC000;
    let (token, rest) = token(formula)?;
    let at = |at| u16_at(rest, at);
    let column = |at: usize| rest.get(at).copied().map(u16::from);
    let (top, bottom, left, right) = match (token, rest.len()) {
        (REF_3D, 17) => (at(14)?, at(14)?, column(16)?, column(16)?),
        (AREA_3D, 20) => (at(14)?, at(16)?, column(18)?, column(19)?),
        _ => return None,
    };
    let (first, last) = (at(10)?, at(12)?);
    // A number below zero stands for this workbook.
    let own = at(0)?.cast_signed() < 0;
    if !own || first != last || (top | bottom) & RELATIVE != 0 {
        return None;
    }
    Some((usize::from(first), range([top, bottom, left, right])?))
}

fn range([top, bottom, left, right]: [u16; 4]) -> Option<CellRange> {
    let sound = top <= bottom && left <= right && u32::from(right) < MAX_COLUMNS;
    sound.then_some(CellRange {
        first: CellAddress {
            row: u32::from(top),
            column: u32::from(left),
        },
        last: CellAddress {
            row: u32::from(bottom),
            column: u32::from(right),
        },
    })
}
