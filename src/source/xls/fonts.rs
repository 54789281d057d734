//! Which code page texts are in where no record says so: that of the fonts, whose records have a character set from BIFF5 on
//! (OpenOffice.org's documentation, 5.45 FONT; [MS-XLS] 2.4.122, bCharSet).

use std::collections::HashMap;

use super::kind;
use super::records::{Holds, Substream, u16_at};

/// The code pages of fonts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FontPages {
    /// That of most fonts, or Western Windows where none says anything.
    pub(super) usual: Option<u16>,
    /// That of the font of each XF record.
    pub(super) of_xf: Vec<Option<u16>>,
}

impl FontPages {
    /// Looks at the fonts of a stream from its start.
    pub(super) fn read(stream: &[u8]) -> Self {
        let Some(mut records) = Substream::open(stream, 0) else {
            return Self::default();
        };
        if records.bof().holds == Holds::Globals {
            records = records.without_inner();
        }
        let (mut fonts, mut xfs) = (Vec::new(), Vec::new());
        for record in records {
            match record.kind {
                kind::FONT => fonts.push(record.body.get(12).copied().and_then(code_page)),
                kind::XF => xfs.push(u16_at(record.body, 0)),
                _ => {}
            }
        }
        let of_font = |font: Option<u16>| {
            // There is no font number 4 ([MS-XLS] 2.5.129 FontIndex).
            let place = match font? {
                font @ ..=3 => font,
                4 => return None,
                font => font - 1,
            };
            fonts.get(usize::from(place)).copied().flatten()
        };
        Self {
            usual: usual(&fonts),
            of_xf: xfs.into_iter().map(of_font).collect(),
        }
    }
}

/// The most frequent code page, but Western Windows only where there is no other: programs leave it in fonts that nothing
/// is written in.
fn usual(fonts: &[Option<u16>]) -> Option<u16> {
    const WESTERN: u16 = 1252;
    let mut counts: HashMap<u16, usize> = HashMap::new();
    for page in fonts.iter().flatten() {
        *counts.entry(*page).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .max_by_key(|(page, count)| (*page != WESTERN, *count, std::cmp::Reverse(*page)));
    most.map(|(page, _)| page)
}

/// The code page of a character set of Windows; none for those that say nothing about it (1: default, 2: symbols).
fn code_page(character_set: u8) -> Option<u16> {
    Some(match character_set {
        0 => 1252,
        77 => 10_000,
        128 => 932,
        129 => 949,
        130 => 1361,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}
