//! Which of the header's columns goes into which of the table's.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::column_spec::{ColumnAction, ColumnSpec, NotFound};
use super::infer::InferredType;
pub use super::mismatch::Mismatch;
use super::names::{NameStyle, snake_case, styled_names, untitled};
use crate::model::address::column_letters;
use crate::model::column::{TableColumn, TargetColumn};
use crate::model::sheet::Header;
use crate::model::sql_type::SqlType;

/// A column of the sheet and the column it is loaded into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedColumn {
    /// The header's column, from 0.
    pub source: usize,
    /// The table's column.
    pub target: TargetColumn,
}

/// The table's columns that are written, in the order of the values.
#[must_use]
pub fn target_columns(columns: &[MappedColumn]) -> Vec<TargetColumn> {
    columns.iter().map(|column| column.target.clone()).collect()
}

/// What happens to columns of the sheet that the table lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtraColumns {
    /// Nothing is loaded.
    #[default]
    Error,
    /// They are left out.
    Ignore,
    /// The table gets them.
    Add,
}

/// What the user says about columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MappingRules {
    /// About single columns.
    pub specs: Vec<ColumnSpec>,
    /// About those that the table lacks.
    pub extra: ExtraColumns,
    /// About the names of new columns.
    pub names: NameStyle,
}

/// A column that the table shall get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// The header's column, from 0.
    pub source: usize,
    /// Its name.
    pub name: String,
    /// Its type, if it is declared; otherwise the cells decide.
    pub declared: Option<SqlType>,
}

impl NewColumn {
    /// The column, of its declared type or else of the one that its cells have.
    #[must_use]
    pub fn to_mapped(&self, inferred: InferredType) -> MappedColumn {
        let target = match &self.declared {
            Some(declared) => declared.to_column(self.name.clone()),
            None => inferred.to_column(self.name.clone()),
        };
        MappedColumn {
            source: self.source,
            target,
        }
    }
}

/// How a sheet's columns go into a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// Into columns that the table has, in the sheet's order.
    pub columns: Vec<MappedColumn>,
    /// Into columns that it shall get, in the sheet's order.
    pub new_columns: Vec<NewColumn>,
}

/// Joins the header to a table's columns: by specification, else by normalised name; an exact name goes first. Columns
/// without title are left out unless they are specified; so are the table's columns that the sheet lacks, if the table
/// can fill them.
///
/// # Errors
/// Every mismatch there is, not just the first.
pub fn map_to_table(
    header: &Header,
    table: &[TableColumn],
    rules: &MappingRules,
) -> Result<Mapping, Vec<Mismatch>> {
    let (specs, mut joining) = Joining::start(header, table, rules);
    let mut extra = Vec::new();
    for (source, action) in specs.iter().enumerate() {
        let titled = header
            .titles
            .get(source)
            .is_some_and(|title| !title.trim().is_empty());
        match action {
            Some(ColumnAction::LeaveOut) => {}
            None if !titled => {}
            action => {
                let found = joining.find(source, *action);
                if !joining.join(source, *action, found) {
                    extra.push((source, *action));
                }
            }
        }
    }
    for (source, action) in extra {
        joining.extra(source, action, rules);
    }
    joining.require_columns();
    joining.result()
}

/// Names and types for the columns of a table to be created: what is specified, else what the titles and cells say.
/// `types` are those of the header's columns, in their order.
///
/// # Errors
/// Every mismatch there is, not just the first.
pub fn map_to_new_table(
    header: &Header,
    types: &[InferredType],
    rules: &MappingRules,
) -> Result<Vec<MappedColumn>, Vec<Mismatch>> {
    let (specs, mut mismatches) = assign(header, &rules.specs);
    let mut named = HashSet::new();
    for (source, action) in specs.iter().enumerate() {
        if let Some(column) = specified_column(*action)
            && !named.insert(column.to_owned())
        {
            mismatches.push(duplicate(header, source, column));
        }
    }
    if !mismatches.is_empty() {
        return Err(mismatches);
    }
    // A column that is left out, or named otherwise, takes no name from another.
    let mut others = header.clone();
    for (title, action) in others.titles.iter_mut().zip(&specs) {
        if matches!(action, Some(ColumnAction::LeaveOut)) || specified_column(*action).is_some() {
            title.clear();
        }
    }
    let names = styled_names(&others, rules.names, &named);
    Ok(specs
        .iter()
        .zip(names)
        .enumerate()
        .filter(|(_, (action, _))| !matches!(action, Some(ColumnAction::LeaveOut)))
        .map(|(source, (action, name))| {
            let column = NewColumn {
                source,
                name: specified_column(*action).map_or(name, str::to_owned),
                declared: specified_type(*action).cloned(),
            };
            column.to_mapped(types.get(source).copied().unwrap_or_default())
        })
        .collect())
}

pub(super) type Action<'s> = Option<&'s ColumnAction>;

pub(super) fn specified_column(action: Action<'_>) -> Option<&str> {
    match action {
        Some(ColumnAction::Load { column, .. }) => column.as_deref(),
        _ => None,
    }
}

fn specified_type(action: Action<'_>) -> Option<&SqlType> {
    match action {
        Some(ColumnAction::Load { sql_type, .. }) => sql_type.as_ref(),
        _ => None,
    }
}

/// What is said about each of the header's columns, and the specifications that are for none.
fn assign<'s>(header: &Header, specs: &'s [ColumnSpec]) -> (Vec<Action<'s>>, Vec<Mismatch>) {
    let mut actions: Vec<Action<'s>> = vec![None; header.width()];
    let mut mismatches = Vec::new();
    for spec in specs {
        match spec.find(header) {
            Ok(source) => match actions.get_mut(source) {
                Some(free @ None) => *free = Some(&spec.action),
                _ => mismatches.push(Mismatch::SpecifiedTwice {
                    letters: letters(header, source),
                }),
            },
            Err(NotFound::Ambiguous) => mismatches.push(Mismatch::AmbiguousTitle {
                title: spec.source.clone(),
            }),
            Err(NotFound::Unknown) => mismatches.push(Mismatch::NoSuchTitle {
                source: spec.source.clone(),
                titles: header.titles.clone(),
            }),
        }
    }
    (actions, mismatches)
}

fn letters(header: &Header, source: usize) -> String {
    column_letters(header.sheet_column(source))
}

fn title(header: &Header, source: usize) -> String {
    header.titles.get(source).cloned().unwrap_or_default()
}

fn duplicate(header: &Header, source: usize, column: &str) -> Mismatch {
    Mismatch::Duplicate {
        title: title(header, source),
        letters: letters(header, source),
        column: column.to_owned(),
    }
}

/// A header and a table on the way to a mapping.
pub(super) struct Joining<'a> {
    header: &'a Header,
    table: &'a [TableColumn],
    mapping: Mapping,
    mismatches: Vec<Mismatch>,
    taken: HashSet<&'a str>,
}

impl<'a> Joining<'a> {
    /// Nothing joined yet, and what is said about each of the header's columns.
    pub(super) fn start<'s>(
        header: &'a Header,
        table: &'a [TableColumn],
        rules: &'s MappingRules,
    ) -> (Vec<Action<'s>>, Self) {
        let (specs, mismatches) = assign(header, &rules.specs);
        let joining = Self {
            header,
            table,
            mapping: Mapping::default(),
            mismatches,
            taken: HashSet::new(),
        };
        (specs, joining)
    }

    /// Joins a column of the sheet to the table's; false if the table lacks it.
    pub(super) fn join(
        &mut self,
        source: usize,
        action: Action<'_>,
        found: Option<&'a TableColumn>,
    ) -> bool {
        let Some(found) = found else {
            return false;
        };
        let target = &found.column;
        let other_type = specified_type(action)
            .map(|specified| specified.to_column(target.name.clone()))
            .filter(|specified| {
                (specified.kind, specified.limit) != (target.kind, target.limit)
                    // Types that are all the same here are told apart by their names.
                    || !target.kind.has_binary_form() && !same_name(specified, target)
            });
        if !self.taken.insert(&target.name) {
            let mismatch = duplicate(self.header, source, &target.name);
            self.mismatches.push(mismatch);
        } else if found.generated {
            self.mismatches.push(Mismatch::Generated {
                title: title(self.header, source),
                column: target.name.clone(),
            });
        } else if let Some(specified) = other_type {
            self.mismatches.push(Mismatch::OtherType {
                column: target.name.clone(),
                actual: target.sql_type.clone(),
                specified: specified.sql_type,
            });
        } else {
            self.mapping.columns.push(MappedColumn {
                source,
                target: target.clone(),
            });
        }
        true
    }

    /// The table's column that is specified, or else named like the title.
    fn find(&self, source: usize, action: Action<'_>) -> Option<&'a TableColumn> {
        if let Some(column) = specified_column(action) {
            return self.named(column);
        }
        let title = self.header.titles.get(source)?;
        self.named(title).or_else(|| {
            let mut wanted = snake_case(title);
            if wanted.is_empty() {
                wanted = untitled(self.header, source);
            }
            self.table
                .iter()
                .find(|column| snake_case(&column.column.name) == wanted)
        })
    }

    /// The table's column of exactly this name.
    pub(super) fn named(&self, name: &str) -> Option<&'a TableColumn> {
        self.table.iter().find(|column| column.column.name == name)
    }

    /// A column that the table lacks.
    pub(super) fn extra(&mut self, source: usize, action: Action<'_>, rules: &MappingRules) {
        let specified = specified_column(action);
        match (rules.extra, specified) {
            (ExtraColumns::Add, _) => {
                let name = match specified {
                    Some(column) => column.to_owned(),
                    None => self.new_name(source, rules.names),
                };
                if self.mapping.new_columns.iter().any(|new| new.name == name) {
                    let mismatch = duplicate(self.header, source, &name);
                    self.mismatches.push(mismatch);
                    return;
                }
                self.mapping.new_columns.push(NewColumn {
                    source,
                    name,
                    declared: specified_type(action).cloned(),
                });
            }
            // Who names a column does not want it left out.
            (_, Some(column)) => self.mismatches.push(Mismatch::NoSuchTarget {
                title: title(self.header, source),
                column: column.to_owned(),
            }),
            (ExtraColumns::Error, None) => self.mismatches.push(Mismatch::NoSuchColumn {
                title: title(self.header, source),
                letters: letters(self.header, source),
            }),
            (ExtraColumns::Ignore, None) => {}
        }
    }

    /// A name that neither the table nor another new column has.
    fn new_name(&self, source: usize, style: NameStyle) -> String {
        let new = self.mapping.new_columns.iter().map(|new| new.name.clone());
        let old = self.table.iter().map(|column| column.column.name.clone());
        let only = Header {
            first_row: self.header.first_row,
            first_column: self.header.sheet_column(source),
            titles: vec![title(self.header, source)],
            titled: self.header.titled,
        };
        styled_names(&only, style, &new.chain(old).collect()).concat()
    }

    pub(super) fn require_columns(&mut self) {
        for column in self.table {
            let needed = column.column.not_null && !column.has_default && !column.generated;
            if needed && !self.taken.contains(column.column.name.as_str()) {
                self.mismatches.push(Mismatch::Required {
                    column: column.column.name.clone(),
                });
            }
        }
    }

    pub(super) fn result(self) -> Result<Mapping, Vec<Mismatch>> {
        if self.mismatches.is_empty() {
            Ok(self.mapping)
        } else {
            Err(self.mismatches)
        }
    }
}

/// Whether two columns' types are written alike, but for quotes.
fn same_name(one: &TargetColumn, other: &TargetColumn) -> bool {
    one.sql_type.replace('"', "") == other.sql_type.replace('"', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::{ColumnKind, TypeLimit};

    fn column(name: &str, not_null: bool, has_default: bool, generated: bool) -> TableColumn {
        TableColumn {
            column: TargetColumn {
                name: name.into(),
                sql_type: "text".into(),
                kind: ColumnKind::Text,
                not_null,
                limit: TypeLimit::None,
            },
            has_default,
            generated,
        }
    }

    fn match_columns(
        header: &Header,
        table: &[TableColumn],
    ) -> Result<Vec<MappedColumn>, Vec<Mismatch>> {
        map_to_table(header, table, &MappingRules::default()).map(|mapping| mapping.columns)
    }

    fn header(titles: &[&str]) -> Header {
        Header {
            first_column: 0,
            titles: titles.iter().map(ToString::to_string).collect(),
            ..Header::default()
        }
    }

    #[test]
    fn titles_find_their_columns_whatever_their_case() {
        let table = [
            column("id", true, true, false),
            column("First Name", false, false, false),
            column("city", false, false, false),
        ];
        let mapped = match_columns(&header(&["CITY", "", "first_name"]), &table).unwrap();
        let pairs: Vec<_> = mapped
            .iter()
            .map(|m| (m.source, m.target.name.as_str()))
            .collect();
        assert_eq!(pairs, [(0, "city"), (2, "First Name")]);
    }

    #[test]
    fn all_mismatches_come_together() {
        let table = [
            column("name", true, false, false),
            column("total", false, false, true),
            column("city", false, false, false),
        ];
        let found = match_columns(&header(&["City", "city", "Total", "Colour"]), &table);
        let text: Vec<String> = found.unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "\"city\" (sheet column B) is a second title for column city",
                "\"Total\" is column total, which the table computes itself",
                "no column for \"Colour\" (sheet column D)",
                "column name must have a value, and the sheet lacks it",
            ]
        );
    }

    fn rules(specs: &[&str], extra: ExtraColumns) -> MappingRules {
        MappingRules {
            specs: specs.iter().map(|spec| spec.parse().unwrap()).collect(),
            extra,
            names: NameStyle::SnakeCase,
        }
    }

    fn messages(mismatches: &[Mismatch]) -> Vec<String> {
        mismatches.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn specifications_go_before_names() {
        let table = [
            column("name", false, false, false),
            column("city", false, false, false),
            column("note", false, false, false),
        ];
        let header = header(&["Name", "Town", "", "Secret"]);
        let rules = rules(
            &["Town=city:text", "C=note", "-Secret"],
            ExtraColumns::Error,
        );
        let mapping = map_to_table(&header, &table, &rules).unwrap();
        let pairs: Vec<_> = mapping
            .columns
            .iter()
            .map(|m| (m.source, m.target.name.as_str()))
            .collect();
        assert_eq!(pairs, [(0, "name"), (1, "city"), (2, "note")]);
    }

    #[test]
    fn extra_columns_follow_their_rule() {
        let table = [column("name", false, false, false)];
        let header = header(&["Name", "Colour", "Size"]);
        let specs = ["Size=:numeric(5,1)"];
        let error = map_to_table(&header, &table, &rules(&specs, ExtraColumns::Error));
        assert_eq!(
            messages(&error.unwrap_err()),
            [
                "no column for \"Colour\" (sheet column B)",
                "no column for \"Size\" (sheet column C)"
            ]
        );
        let ignored = map_to_table(&header, &table, &rules(&specs, ExtraColumns::Ignore)).unwrap();
        assert_eq!((ignored.columns.len(), ignored.new_columns.len()), (1, 0));
        let added = map_to_table(&header, &table, &rules(&specs, ExtraColumns::Add)).unwrap();
        let new: Vec<TargetColumn> = added
            .new_columns
            .iter()
            .map(|new| new.to_mapped(InferredType::Bool).target)
            .collect();
        assert_eq!(new[0].name, "colour");
        assert_eq!(new[0].sql_type, "boolean");
        assert_eq!(new[1].name, "size");
        assert_eq!(new[1].sql_type, "numeric(5,1)");
    }

    #[test]
    fn wrong_specifications_come_with_the_mismatches() {
        let table = [
            column("name", true, false, false),
            column("city", false, false, false),
        ];
        let header = header(&["Town", "Colour", "x", "x"]);
        let specs = [
            "Twon=city",
            "x=name",
            "Town=city:integer",
            "A=name",
            "Colour=shade",
        ];
        let error = map_to_table(&header, &table, &rules(&specs, ExtraColumns::Ignore));
        assert_eq!(
            messages(&error.unwrap_err()),
            [
                "the sheet has no column \"Twon\"; it has \"Town\", \"Colour\", \"x\", \"x\"",
                "several columns are titled \"x\", so name it by its letters",
                "sheet column A is specified twice",
                "column city is of type text, not integer",
                "\"Colour\" shall go into column shade, which the table lacks",
                "column name must have a value, and the sheet lacks it",
            ]
        );
    }

    #[test]
    fn a_new_table_has_what_is_specified_and_else_what_is_found() {
        let header = header(&["Name", "Price", "Secret", "Secret", "name"]);
        let types = [
            InferredType::Text,
            InferredType::Integer,
            InferredType::Text,
            InferredType::Date,
            InferredType::Bool,
        ];
        let specs = ["Name=label", "Price=name:numeric(10,2)", "-C"];
        let mapped =
            map_to_new_table(&header, &types, &rules(&specs, ExtraColumns::Error)).unwrap();
        let columns: Vec<_> = mapped
            .iter()
            .map(|m| (m.source, m.target.name.as_str(), m.target.sql_type.as_str()))
            .collect();
        assert_eq!(
            columns,
            [
                (0, "label", "text"),
                (1, "name", "numeric(10,2)"),
                (3, "secret", "date"),
                (4, "name_2", "boolean"),
            ]
        );
        let specs = ["Name=a", "Price=a"];
        let error = map_to_new_table(&header, &types, &rules(&specs, ExtraColumns::Error));
        assert_eq!(
            messages(&error.unwrap_err()),
            ["\"Price\" (sheet column B) is a second title for column a"]
        );
    }
}
