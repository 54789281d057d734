//! Styles of cells, by which a cell has a number format, and of tables, by which it is hidden (OpenDocument 1.3 part 3,
//! 16.2, 16.4 and 17.15).

use std::collections::{HashMap, HashSet};

use super::data_styles::{DataStyle, Kind, joined, read};
use super::tag::{Space, Tag};
use super::xml::{Node, Xml};
use crate::error::Result;
use crate::model::cell::FormatId;
use crate::model::number_format::NumberFormat;
use crate::source::format_list::{FormatList, GENERAL};
use crate::source::workbook::too_large;

/// How long a chain of parents is followed.
const MAX_ANCESTORS: usize = 32;
/// The name of the style of cells that have none.
const DEFAULT_STYLE: &str = "Default";
/// How a percentage without a format of its own is shown.
const PERCENTAGE_CODE: &str = "0%";
/// How many currencies get a format of their own.
const MAX_CURRENCIES: usize = 500;

/// The styles of one part.
#[derive(Debug, Default)]
pub(super) struct Pool {
    cells: HashMap<String, CellStyle>,
    default: CellStyle,
    data: HashMap<String, DataStyle>,
    hidden_tables: HashSet<String>,
}

#[derive(Debug, Default)]
struct CellStyle {
    parent: Option<String>,
    data: Option<String>,
}

/// A style's start tag.
#[derive(Debug, Default)]
struct Head {
    name: String,
    family: String,
    style: CellStyle,
    elapsed: bool,
}

impl Head {
    fn of(tag: &Tag<'_>) -> Result<Self> {
        let mut head = Self::default();
        for attribute in tag.attributes() {
            let attribute = attribute?;
            let (Space::Style | Space::Number, name) = attribute.name() else {
                continue;
            };
            let value = attribute.value()?;
            match name {
                "name" => head.name = value.into_owned(),
                "family" => head.family = value.into_owned(),
                "parent-style-name" => head.style.parent = Some(value.into_owned()),
                "data-style-name" => head.style.data = Some(value.into_owned()),
                "truncate-on-overflow" => head.elapsed = value == "false",
                _ => {}
            }
        }
        Ok(head)
    }

    fn bytes(&self) -> usize {
        let optional = |name: &Option<String>| name.as_ref().map_or(0, String::len);
        self.name.len() + optional(&self.style.parent) + optional(&self.style.data)
    }
}

/// What a child of a list of styles is.
enum Child {
    Data(Kind),
    Style,
    Default,
    Other,
}

impl Pool {
    /// Reads the list of styles whose start was the last event, to its end.
    ///
    /// # Errors
    /// What is wrong with the XML; `WorkbookTooLarge`.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        let outside = xml.depth().saturating_sub(1);
        while xml.depth() > outside {
            let (child, head) = match xml.next()? {
                Node::Start(tag) => {
                    let child = match tag.name() {
                        (Space::Style, "style") => Child::Style,
                        (Space::Style, "default-style") => Child::Default,
                        (Space::Number, name) => {
                            Kind::of_element(name).map_or(Child::Other, Child::Data)
                        }
                        _ => Child::Other,
                    };
                    (child, Head::of(&tag)?)
                }
                _ => continue,
            };
            xml.hold(head.bytes())?;
            self.child(xml, &child, head)?;
        }
        Ok(())
    }

    fn child(&mut self, xml: &mut Xml<'_>, child: &Child, head: Head) -> Result<()> {
        match child {
            Child::Data(kind) => {
                let style = read(xml, *kind, head.elapsed)?;
                let maps = style.maps.iter();
                let maps: usize = maps.map(|map| map.condition.len() + map.style.len()).sum();
                xml.hold(style.code.len() + maps)?;
                self.data.insert(head.name, style);
                Ok(())
            }
            Child::Style if head.family == "table" => {
                if is_hidden_table(xml)? {
                    self.hidden_tables.insert(head.name);
                }
                Ok(())
            }
            Child::Style if head.family == "table-cell" => {
                self.cells.insert(head.name, head.style);
                xml.skip_element()
            }
            Child::Default if head.family == "table-cell" => {
                self.default = head.style;
                xml.skip_element()
            }
            Child::Style | Child::Default | Child::Other => xml.skip_element(),
        }
    }

    /// Whether tables of this style are hidden.
    pub(super) fn hides_table(&self, style: &str) -> bool {
        self.hidden_tables.contains(style)
    }

    fn code(&self, data_style: &str) -> Option<String> {
        let style = self.data.get(data_style)?;
        Some(joined(style, |name| self.data.get(name)))
    }
}

/// Reads the table style whose start was the last event, to its end (`table:display`, 19.612).
fn is_hidden_table(xml: &mut Xml<'_>) -> Result<bool> {
    let outside = xml.depth().saturating_sub(1);
    let mut hidden = false;
    while xml.depth() > outside {
        if let Node::Start(tag) = xml.next()?
            && tag.name() == (Space::Style, "table-properties")
        {
            let display = tag.attribute(Space::Table, "display")?;
            hidden |= display.is_some_and(|display| display == "false");
        }
    }
    Ok(hidden)
}

/// The number formats of a workbook's cells.
#[derive(Debug)]
pub(super) struct Formats {
    formats: FormatList,
    of_styles: HashMap<String, FormatId>,
    default: FormatId,
    percentage: FormatId,
    currencies: HashMap<String, FormatId>,
    any_currency: FormatId,
}

impl Formats {
    /// The formats of the styles that people name (`common`), of those that programs make (`automatic`), and of amounts
    /// in these currencies.
    ///
    /// # Errors
    /// `WorkbookTooLarge` for more formats than can be told apart.
    pub(super) fn new(
        path: &std::path::Path,
        common: &Pool,
        automatic: &Pool,
        currencies: &HashSet<String>,
    ) -> Result<Self> {
        let mut list = FormatList::default();
        let mut id = |code: String| {
            let too_many = || too_large(path, "has over 65,535 number formats");
            match code.as_str() {
                "" => Ok(GENERAL),
                code => list.id(code).ok_or_else(too_many),
            }
        };
        let percentage = id(PERCENTAGE_CODE.to_owned())?;
        let any_currency = id(amount_code("¤"))?;
        let mut of_currencies = HashMap::new();
        let mut names: Vec<&String> = currencies.iter().take(MAX_CURRENCIES).collect();
        names.sort();
        for name in names {
            of_currencies.insert(name.clone(), id(amount_code(name))?);
        }
        let mut of_styles = HashMap::new();
        for (pool, is_automatic) in [(common, false), (automatic, true)] {
            let mut names: Vec<&String> = pool.cells.keys().collect();
            names.sort();
            for name in names {
                let code = resolve(common, automatic, name, is_automatic);
                of_styles.insert(name.clone(), id(code)?);
            }
        }
        let default = match of_styles.get(DEFAULT_STYLE) {
            Some(id) => *id,
            None => id(resolve(common, automatic, DEFAULT_STYLE, false))?,
        };
        Ok(Self {
            formats: list,
            of_styles,
            default,
            percentage,
            currencies: of_currencies,
            any_currency,
        })
    }

    /// The codes.
    pub(super) fn list(&self) -> &[NumberFormat] {
        self.formats.formats()
    }

    /// Whether a format displays elapsed time: hours, minutes or seconds in brackets.
    pub(super) fn is_elapsed(&self, format: FormatId) -> bool {
        let format = self.list().get(usize::from(format.0));
        format.is_some_and(|format| {
            ["[h", "[m", "[s", "[H", "[M", "[S"]
                .iter()
                .any(|unit| format.code.contains(unit))
        })
    }

    /// The format of cells without a style.
    pub(super) fn default(&self) -> FormatId {
        self.default
    }

    /// The format of cells of this style.
    pub(super) fn of_style(&self, style: &str) -> FormatId {
        self.of_styles.get(style).copied().unwrap_or(self.default)
    }

    /// The format of a percentage whose style has this one: its own if it has one.
    pub(super) fn of_percentage(&self, format: FormatId) -> FormatId {
        match format {
            FormatId(0) => self.percentage,
            own => own,
        }
    }

    /// The format of an amount of a currency whose style has this one: its own if it has one.
    pub(super) fn of_amount(&self, format: FormatId, currency: &str) -> FormatId {
        match format {
            FormatId(0) => *self.currencies.get(currency).unwrap_or(&self.any_currency),
            own => own,
        }
    }
}

fn amount_code(currency: &str) -> String {
    format!("[${currency}] #,##0.00")
}

/// The code of a style, by its ancestors where it has none of its own. Automatic styles go before those of the same
/// name that people made; each finds its data style in its own part first.
fn resolve(common: &Pool, automatic: &Pool, name: &str, is_automatic: bool) -> String {
    let (mut name, mut is_automatic) = (name, is_automatic);
    for _ in 0..MAX_ANCESTORS {
        let pool = if is_automatic { automatic } else { common };
        let Some(style) = pool.cells.get(name) else {
            break;
        };
        if let Some(code) = style.data.as_ref().and_then(|data| {
            let own = pool.code(data);
            own.or_else(|| common.code(data))
        }) {
            return code;
        }
        let Some(parent) = &style.parent else { break };
        // A parent is never an automatic style, but some writers do not know.
        is_automatic = is_automatic && parent != name && !common.cells.contains_key(parent);
        name = parent;
    }
    let by_default = common.default.data.as_ref();
    by_default
        .and_then(|data| common.code(data))
        .unwrap_or_else(|| NumberFormat::GENERAL_CODE.to_owned())
}
