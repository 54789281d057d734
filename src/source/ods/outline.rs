//! What a workbook has besides cells: its sheets and where they begin, names, formats. One pass over the content.

use std::collections::HashSet;
use std::sync::Arc;

use super::names::Names;
use super::package::{CONTENT, Package, STYLES};
use super::styles::{Formats, Pool};
use super::tag::{Namespaces, Space, Tag};
use super::xml::{Node, Xml};
use crate::error::{Error, Result};
use crate::model::sheet::{DateSystem, SheetEntry, SheetKind, Visibility};
use crate::source::workbook::broken;

/// The lists of a workbook.
pub(super) struct Outline {
    /// The sheets.
    pub(super) sheets: Vec<SheetEntry>,
    /// Where what is in each sheet begins; none for a sheet with nothing in it.
    pub(super) starts: Vec<Option<SheetStart>>,
    /// Names of ranges and tables.
    pub(super) names: Names,
    /// Number formats.
    pub(super) formats: Formats,
    /// What numbers with a date format count from. Dates are stored as such.
    pub(super) date_system: DateSystem,
}

/// Where a sheet begins.
#[derive(Debug, Clone)]
pub(super) struct SheetStart {
    /// How many bytes of the content lie before what is in it.
    pub(super) position: u64,
    /// What is declared around it, which sheets share.
    pub(super) namespaces: Arc<Namespaces>,
}

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
            Node::Start(_) if depth == 0 => continue,
            Node::Start(tag) => match (depth, tag.name()) {
                (1, (Space::Office, "automatic-styles")) => Element::Styles,
                (1, (Space::Office, "body")) => continue,
                (2, (Space::Office, "spreadsheet")) => Element::Spreadsheet,
                _ => Element::Other,
            },
            Node::Eof => break,
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
            Node::Start(_) if depth == 0 => continue,
            Node::Start(tag) => tag.name() == (Space::Office, "styles"),
            Node::Eof => return Ok(pool),
            _ => continue,
        };
        match is_list {
            true => pool.read(&mut xml)?,
            false => xml.skip_element()?,
        }
    }
}

enum Element {
    Styles,
    Spreadsheet,
    Other,
}

/// What has been found so far.
#[derive(Default)]
struct Survey {
    has_spreadsheet: bool,
    /// Names and styles.
    sheets: Vec<(Option<String>, Option<String>)>,
    starts: Vec<Option<SheetStart>>,
    namespaces: Arc<Namespaces>,
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
        let outside = xml.depth().saturating_sub(1);
        while xml.depth() > outside {
            let child = match xml.next()? {
                Node::Start(tag) => match tag.name() {
                    (Space::Table, "table") => {
                        let own = |name| tag.attribute(Space::Table, name);
                        Child::Table(own("name")?, own("style-name")?)
                    }
                    (Space::Table, "named-expressions" | "database-ranges") => Child::Names,
                    (Space::Table, "calculation-settings") => Child::Settings,
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
        if *self.namespaces != *xml.namespaces() {
            self.namespaces = Arc::new(xml.namespaces().clone());
        }
        let outside = xml.depth().saturating_sub(1);
        while xml.depth() > outside {
            let depth = xml.depth();
            let has_names = match xml.next()? {
                Node::Start(tag) => match tag.name() {
                    (Space::Table, "table-cell" | "covered-table-cell") => {
                        self.note_currency(&tag)?;
                        false
                    }
                    (Space::Table, "named-expressions") => depth == outside + 1,
                    _ => false,
                },
                _ => false,
            };
            if has_names {
                self.names.read(xml, Some(place))?;
            }
        }
        // An empty element ends without another byte.
        self.starts
            .push((xml.position() > start).then(|| SheetStart {
                position: start,
                namespaces: Arc::clone(&self.namespaces),
            }));
        Ok(())
    }

    fn note_currency(&mut self, cell: &Tag<'_>) -> Result<()> {
        if !cell.may_have("currency") {
            return Ok(());
        }
        let named = match cell.attribute(Space::Office, "currency")? {
            None => cell.attribute(Space::Table, "currency")?,
            named => named,
        };
        if let Some(currency) = named
            && is_currency(&currency)
            && !self.currencies.contains(&currency)
        {
            self.currencies.insert(currency);
        }
        Ok(())
    }

    /// Looks for the day from which numbers count (`table:null-date`, 9.4.3).
    fn settings(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        let outside = xml.depth().saturating_sub(1);
        while xml.depth() > outside {
            if let Node::Start(tag) = xml.next()?
                && tag.name() == (Space::Table, "null-date")
            {
                let day = tag.attribute(Space::Table, "date-value")?;
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
