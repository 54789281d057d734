//! What a workbook has besides cells: its sheets and where they begin, names, formats. One pass over the content.

use std::collections::HashSet;

use quick_xml::events::{BytesStart, Event};

use super::names::Names;
use super::package::{CONTENT, Package, STYLES};
use super::styles::{Formats, Pool};
use super::text::Prefixes;
use super::xml::{Xml, attribute, attributes, name_of, value_of};
use crate::error::{Error, Result};
use crate::model::sheet::{DateSystem, SheetEntry, SheetKind, Visibility};
use crate::source::workbook::broken;

/// The lists of a workbook.
pub(super) struct Outline {
    /// The sheets.
    pub(super) sheets: Vec<SheetEntry>,
    /// For each sheet, how many bytes of the content lie before what is in it; none for a sheet with nothing in it.
    pub(super) starts: Vec<Option<u64>>,
    /// Names of ranges and tables.
    pub(super) names: Names,
    /// Number formats.
    pub(super) formats: Formats,
    /// What numbers with a date format count from. Dates are stored as such.
    pub(super) date_system: DateSystem,
    /// The document's namespaces.
    pub(super) prefixes: Prefixes,
}

/// The namespaces that need a prefix of their own.
const CALCEXT: &str = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0";
const DRAW: &str = "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0";
/// The longest code of a currency that is looked at: three letters (ISO 4217), or a sign.
const MAX_CURRENCY_BYTES: usize = 8;
/// The first day of the other date system.
const FIRST_DAY_OF_1904: &str = "1904-01-01";

/// Reads the lists.
///
/// # Errors
/// `WorkbookBroken`, `WorkbookTooLarge`, `FileUnreadable`.
pub(super) fn read(package: &mut Package) -> Result<Outline> {
    let common = common_styles(package)?;
    let path = package.path().to_path_buf();
    let Some(mut xml) = package.part(CONTENT)? else {
        return Err(broken(&path, "it has no content.xml"));
    };
    let mut survey = Survey::default();
    loop {
        let depth = xml.depth();
        let element = match xml.next()? {
            Event::Start(tag) if depth == 0 => {
                survey.prefixes = prefixes(&path, &tag)?;
                continue;
            }
            Event::Start(tag) => match (depth, tag.local_name().as_ref()) {
                (1, "automatic-styles") => Element::Styles,
                (1, "body") => continue,
                (2, "spreadsheet") => Element::Spreadsheet,
                _ => Element::Other,
            },
            Event::Eof => break,
            _ => continue,
        };
        match element {
            Element::Styles => survey.automatic.read(&mut xml)?,
            Element::Spreadsheet => survey.spreadsheet(&mut xml)?,
            Element::Other => xml.skip_element()?,
        }
    }
    if !survey.has_spreadsheet {
        return Err(no_spreadsheet(&path));
    }
    let sheets = survey.sheets.into_iter().enumerate();
    let sheets = sheets.map(|(place, (name, style))| SheetEntry {
        name: name.unwrap_or_else(|| format!("Sheet{}", place + 1)),
        kind: SheetKind::Worksheet,
        visibility: match style {
            Some(style) if survey.automatic.hides_table(&style) || common.hides_table(&style) => {
                Visibility::Hidden
            }
            _ => Visibility::Visible,
        },
    });
    Ok(Outline {
        sheets: sheets.collect(),
        starts: survey.starts,
        names: survey.names,
        formats: Formats::new(&path, &common, &survey.automatic, &survey.currencies)?,
        date_system: survey.date_system,
        prefixes: survey.prefixes,
    })
}

fn no_spreadsheet(path: &std::path::Path) -> Error {
    broken(path, "its content.xml holds no spreadsheet")
}

/// The styles that people name. A workbook may do without.
fn common_styles(package: &mut Package) -> Result<Pool> {
    let mut pool = Pool::default();
    let Some(mut xml) = package.part(STYLES)? else {
        return Ok(pool);
    };
    loop {
        let depth = xml.depth();
        let is_list = match xml.next()? {
            Event::Start(_) if depth == 0 => continue,
            Event::Start(tag) => tag.local_name().as_ref() == "styles",
            Event::Eof => return Ok(pool),
            _ => continue,
        };
        match is_list {
            true => pool.read(&mut xml)?,
            false => xml.skip_element()?,
        }
    }
}

/// The prefixes that the document's root declares (Namespaces in XML 1.0, 3).
fn prefixes(path: &std::path::Path, root: &BytesStart<'_>) -> Result<Prefixes> {
    let mut prefixes = Prefixes::default();
    for attribute in attributes(path, root) {
        let attribute = attribute?;
        let ("xmlns", prefix) = name_of(&attribute) else {
            continue;
        };
        match &*value_of(path, &attribute)? {
            CALCEXT => prefixes.calcext = prefix.to_owned(),
            DRAW => prefixes.draw = prefix.to_owned(),
            _ => {}
        }
    }
    Ok(prefixes)
}

enum Element {
    Styles,
    Spreadsheet,
    Other,
}

/// What has been found so far.
#[derive(Default)]
struct Survey {
    prefixes: Prefixes,
    has_spreadsheet: bool,
    /// Names and styles.
    sheets: Vec<(Option<String>, Option<String>)>,
    starts: Vec<Option<u64>>,
    names: Names,
    automatic: Pool,
    currencies: HashSet<String>,
    date_system: DateSystem,
}

/// A child of the spreadsheet.
enum Child {
    Table(Option<String>, Option<String>),
    Names,
    Settings,
    Other,
}

impl Survey {
    fn spreadsheet(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        self.has_spreadsheet = true;
        let (path, outside) = (xml.path(), xml.depth().saturating_sub(1));
        while xml.depth() > outside {
            let child = match xml.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "table" => {
                        let own = |name| -> Result<Option<String>> {
                            Ok(attribute(path, &tag, name)?.map(std::borrow::Cow::into_owned))
                        };
                        Child::Table(own("name")?, own("style-name")?)
                    }
                    "named-expressions" | "database-ranges" => Child::Names,
                    "calculation-settings" => Child::Settings,
                    _ => Child::Other,
                },
                _ => continue,
            };
            match child {
                Child::Table(name, style) => self.table(xml, name, style)?,
                Child::Names => self.names.read(xml, None)?,
                Child::Settings => self.settings(xml)?,
                Child::Other => xml.skip_element()?,
            }
        }
        Ok(())
    }

    fn table(
        &mut self,
        xml: &mut Xml<'_>,
        name: Option<String>,
        style: Option<String>,
    ) -> Result<()> {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        xml.hold(length(&name) + length(&style))?;
        let place = self.sheets.len();
        self.sheets.push((name, style));
        let start = xml.position();
        let outside = xml.depth().saturating_sub(1);
        while xml.depth() > outside {
            let (path, depth) = (xml.path(), xml.depth());
            let has_names = match xml.next()? {
                Event::Start(tag) => match tag.local_name().as_ref() {
                    "table-cell" | "covered-table-cell" => {
                        self.note_currency(path, &tag)?;
                        false
                    }
                    "named-expressions" => depth == outside + 1,
                    _ => false,
                },
                _ => false,
            };
            if has_names {
                self.names.read(xml, Some(place))?;
            }
        }
        // An empty element ends without another byte.
        self.starts.push((xml.position() > start).then_some(start));
        Ok(())
    }

    fn note_currency(&mut self, path: &std::path::Path, cell: &BytesStart<'_>) -> Result<()> {
        if !cell.attributes_raw().contains("currency=") {
            return Ok(());
        }
        if let Some(currency) = attribute(path, cell, "currency")?
            && is_currency(&currency)
            && !self.currencies.contains(&*currency)
        {
            self.currencies.insert(currency.into_owned());
        }
        Ok(())
    }

    /// Looks for the day from which numbers count (`table:null-date`, 9.4.3).
    fn settings(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        let (path, outside) = (xml.path(), xml.depth().saturating_sub(1));
        while xml.depth() > outside {
            if let Event::Start(tag) = xml.next()?
                && tag.local_name().as_ref() == "null-date"
            {
                let day = attribute(path, &tag, "date-value")?;
                if day.is_some_and(|day| day.starts_with(FIRST_DAY_OF_1904)) {
                    self.date_system = DateSystem::From1904;
                }
            }
        }
        Ok(())
    }
}

/// Whether a currency's code or sign can stand in a format code as it is.
fn is_currency(text: &str) -> bool {
    let is_plain =
        |c: char| c.is_alphanumeric() || "$¢£¤¥฿".contains(c) || ('₠'..='₿').contains(&c);
    !text.is_empty() && text.len() <= MAX_CURRENCY_BYTES && text.chars().all(is_plain)
}
