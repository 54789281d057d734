//! Which of a sheet's columns goes into which of the table's, where the sheet has no titles.

use super::column_spec::{ColumnAction, specified_column};
use super::joining::Joining;
use super::mapping::{Mapping, MappingRules, Mismatch};
use super::matching::column_of_letters;
use super::names::untitled;
use crate::model::column::TableColumn;
use crate::model::sheet::Header;

/// Joins a sheet's columns to a table's by their places: those that are specified go where the user says, the others,
/// in their order, into the table's columns that are left; columns that the table computes itself have no place. In a
/// table that was made from such a sheet each column has the letters of its place in its name.
///
/// Of the header's columns only the first `filled` are known to hold cells. The table may lack the others.
///
/// # Errors
/// Every mismatch there is, not just the first.
pub fn map_by_position(
    header: &Header,
    filled: usize,
    table: &[TableColumn],
    rules: &MappingRules,
) -> Result<Mapping, Vec<Mismatch>> {
    let (specs, mut joining) = Joining::start(header, table, rules);
    let specified: Vec<&str> = specs.iter().copied().filter_map(specified_column).collect();
    let by_letters = is_named_by_letters(table, &specified);
    let mut free = table
        .iter()
        .filter(|column| !column.generated && !specified.contains(&column.column.name.as_str()));
    let mut extra = Vec::new();
    for (source, action) in specs.iter().enumerate() {
        if matches!(action, Some(ColumnAction::LeaveOut)) {
            continue;
        }
        let found = match specified_column(*action) {
            Some(column) => joining.named(column),
            None if by_letters => joining.named(&untitled(header, source)),
            None => free.next(),
        };
        if !joining.join(source, *action, found) && (source < filled || action.is_some()) {
            extra.push((source, *action));
        }
    }
    for (source, action) in extra {
        joining.extra(source, action, rules, None);
    }
    joining.require_columns();
    joining.result()
}

/// Whether all columns have the names that those of a sheet without titles are given, so that their places are known from
/// the names: such a sheet may begin further to the right than the one that the table was made from.
fn is_named_by_letters(table: &[TableColumn], specified: &[&str]) -> bool {
    let names = table.iter().map(|column| column.column.name.as_str());
    let mut names = names.filter(|name| !specified.contains(name)).peekable();
    names.peek().is_some() && names.all(|name| column_of_letters(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sheet::Titled;
    use crate::transform::infer::InferredType;
    use crate::transform::mapping::ExtraColumns;

    fn table(names: &[&str]) -> Vec<TableColumn> {
        let column = |name: &&str| TableColumn {
            column: InferredType::Text.to_column((*name).to_owned()),
            has_default: false,
            generated: name.starts_with("computed"),
        };
        names.iter().map(column).collect()
    }

    /// The sheet's columns and the table's, of a sheet whose first row fills `filled` of `width` columns.
    fn map(
        (filled, width): (usize, usize),
        names: &[&str],
        extra: ExtraColumns,
        specs: &[&str],
    ) -> Result<Vec<(usize, String)>, String> {
        let header = Header {
            titles: vec![String::new(); width],
            titled: Titled::No,
            ..Header::default()
        };
        let rules = MappingRules {
            specs: specs.iter().map(|spec| spec.parse().unwrap()).collect(),
            extra,
            ..MappingRules::default()
        };
        let mapping = map_by_position(&header, filled, &table(names), &rules).map_err(|found| {
            let list: Vec<String> = found.iter().map(ToString::to_string).collect();
            list.join("; ")
        })?;
        let old = mapping
            .columns
            .into_iter()
            .map(|m| (m.source, m.target.name));
        let new = mapping.new_columns.into_iter().map(|n| (n.source, n.name));
        Ok(old.chain(new).collect())
    }

    fn pairs(list: &[(usize, &str)]) -> Result<Vec<(usize, String)>, String> {
        Ok(list
            .iter()
            .map(|(at, name)| (*at, (*name).to_owned()))
            .collect())
    }

    #[test]
    fn columns_go_by_their_places_but_for_those_that_are_specified() {
        let names = ["id", "computed", "name", "city"];
        let plain = |specs: &[&str]| map((3, 3), &names, ExtraColumns::Error, specs);
        assert_eq!(plain(&[]), pairs(&[(0, "id"), (1, "name"), (2, "city")]));
        assert_eq!(plain(&["-B"]), pairs(&[(0, "id"), (2, "name")]));
        assert_eq!(
            plain(&["C=id"]),
            pairs(&[(0, "name"), (1, "city"), (2, "id")])
        );
        assert_eq!(
            plain(&["A=:text"]),
            pairs(&[(0, "id"), (1, "name"), (2, "city")])
        );
        assert!(plain(&["D=id"]).unwrap_err().contains("no column \"D\""));
    }

    #[test]
    fn what_the_table_lacks_is_never_left_out_unasked() {
        let map = |extra| map((3, 5), &["a", "b"], extra, &[]);
        assert!(
            map(ExtraColumns::Error)
                .unwrap_err()
                .contains("sheet column C")
        );
        assert_eq!(map(ExtraColumns::Ignore), pairs(&[(0, "a"), (1, "b")]));
        let added = [(0, "a"), (1, "b"), (2, "column_c")];
        assert_eq!(map(ExtraColumns::Add), pairs(&added));
    }
}
