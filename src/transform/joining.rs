//! A header and a table on the way to each other: what is joined so far, and what does not fit.

use std::collections::HashSet;

use super::column_spec::{Action, ColumnSpec, NotFound, specified_column, specified_type};
use super::mapping::{ExtraColumns, MappedColumn, Mapping, MappingRules, Mismatch, NewColumn};
use super::matching::column_of_letters;
use super::names::{NameStyle, styled_names};
use crate::model::address::column_letters;
use crate::model::column::{TableColumn, TargetColumn};
use crate::model::sheet::Header;

/// How far beyond the titles a column without one may stand. Each column between them costs memory in every row.
const MOST_BEYOND: u32 = 64;

/// What is said about each of the header's columns, and the specifications that are for none.
pub(super) fn assign<'s>(
    header: &Header,
    specs: &'s [ColumnSpec],
) -> (Vec<Action<'s>>, Vec<Mismatch>) {
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

pub(super) fn letters(header: &Header, source: usize) -> String {
    column_letters(header.sheet_column(source))
}

pub(super) fn title(header: &Header, source: usize) -> String {
    header.titles.get(source).cloned().unwrap_or_default()
}

pub(super) fn duplicate(header: &Header, source: usize, column: &str) -> Mismatch {
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
    extra: ExtraColumns,
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
            extra: rules.extra,
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
        } else if found.generated
            && self.extra == ExtraColumns::Ignore
            && specified_column(action).is_none()
        {
            self.mapping.computed.push(target.name.clone());
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

    /// Keeps other columns of the sheet from this column of the table.
    pub(super) fn take(&mut self, column: &'a TableColumn) {
        self.taken.insert(&column.column.name);
    }

    /// Notes why header and table do not fit.
    pub(super) fn refuse(&mut self, mismatch: Mismatch) {
        self.mismatches.push(mismatch);
    }

    /// The names of columns that were made for columns without title, and that no column of the sheet goes to.
    pub(super) fn named_by_letters(&self) -> impl Iterator<Item = &'a str> {
        let columns = self.table.iter().filter(|column| !column.generated);
        let names = columns.map(|column| column.column.name.as_str());
        let last = self.header.sheet_column(self.header.width());
        names.filter(move |name| {
            // Others have such names by chance: `column_id`.
            let column = column_of_letters(name);
            column.is_some_and(|column| column < last.saturating_add(MOST_BEYOND))
                && !self.taken.contains(name)
        })
    }

    /// Makes sure that cells without title have a place, where the table has columns for such cells. They may be the same
    /// ones that have moved.
    pub(super) fn require_places(&mut self, nameless: impl Iterator<Item = u32>) {
        let columns: Vec<String> = self.named_by_letters().map(str::to_owned).collect();
        if columns.is_empty() {
            return;
        }
        for column in nameless {
            self.refuse(Mismatch::Nameless {
                letters: column_letters(column),
                columns: columns.clone(),
            });
        }
    }

    /// The table's column of exactly this name.
    pub(super) fn named(&self, name: &str) -> Option<&'a TableColumn> {
        self.table.iter().find(|column| column.column.name == name)
    }

    /// A column that the table lacks.
    pub(super) fn extra(
        &mut self,
        source: usize,
        action: Action<'_>,
        rules: &MappingRules,
        given: Option<&String>,
    ) {
        let specified = specified_column(action);
        match (rules.extra, specified) {
            (ExtraColumns::Add, _) => {
                let name = match specified {
                    Some(column) => column.to_owned(),
                    None => given
                        .filter(|name| self.is_free(name))
                        .cloned()
                        .unwrap_or_else(|| self.new_name(source, rules.names)),
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

    /// Whether neither the table nor another new column has this name.
    fn is_free(&self, name: &str) -> bool {
        let mut new = self.mapping.new_columns.iter();
        self.named(name).is_none() && new.all(|new| new.name != name)
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
