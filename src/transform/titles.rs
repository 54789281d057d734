//! Which of a sheet's columns goes into which of the table's, by their titles.

use std::collections::HashSet;

use super::column_spec::{ColumnAction, specified_column, specified_type};
use super::infer::InferredType;
use super::joining::{Joining, assign, duplicate, letters, title};
use super::mapping::{ExtraColumns, MappedColumn, Mapping, MappingRules, Mismatch, NewColumn};
pub use super::matching::HeaderFacts;
use super::matching::{Match, Matching, column_of_letters, given_names, is_titled};
use crate::model::column::TableColumn;
use crate::model::sheet::Header;

/// Joins the header to a table's columns: by specification, else by the names that a new table's columns would have, else
/// by names that differ in case and punctuation alone. Columns without title are joined where they hold a cell and the
/// table has a column of the name that they are given; otherwise they are left out unless they are specified. So are
/// the table's columns that the sheet lacks, if the table can fill them.
///
/// # Errors
/// Every mismatch there is, not just the first.
pub fn map_to_table(
    header: &Header,
    table: &[TableColumn],
    rules: &MappingRules,
    facts: &HeaderFacts,
) -> Result<Mapping, Vec<Mismatch>> {
    let (specs, mut joining) = Joining::start(header, table, rules);
    let (mut extra, mut nameless) = (Vec::new(), Vec::new());
    let matches = Matching::of(header, table, &specs, rules.names, facts);
    for (source, (found, action)) in matches.into_iter().zip(&specs).enumerate() {
        match found {
            Match::LeftOut => {}
            Match::Found(column) => {
                joining.join(source, *action, Some(column));
            }
            Match::Missing if action.is_none() && !is_titled(header, source) => {
                nameless.push(header.sheet_column(source));
            }
            Match::Second(column) if rules.extra != ExtraColumns::Add => {
                joining.refuse(duplicate(header, source, &column.column.name));
            }
            Match::Missing | Match::Second(_) => extra.push((source, *action)),
            Match::Ambiguous(columns) => joining.refuse(Mismatch::Ambiguous {
                title: title(header, source),
                letters: letters(header, source),
                columns: columns.iter().map(ToString::to_string).collect(),
            }),
        }
    }
    let names = given_names(header, &specs, rules.names);
    for (source, action) in extra {
        joining.extra(source, action, rules, names.get(source));
    }
    if rules.extra != ExtraColumns::Ignore {
        joining.require_places(nameless.into_iter().chain(facts.outside));
    }
    joining.require_columns();
    joining.result()
}

/// The sheet's columns, from 0, whose letters name columns of the table that no title means: if they hold cells without a
/// title, these go there.
#[must_use]
pub fn columns_named_by_letters(
    header: &Header,
    table: &[TableColumn],
    rules: &MappingRules,
    facts: &HeaderFacts,
) -> Vec<u32> {
    let (specs, mut joining) = Joining::start(header, table, rules);
    for found in Matching::of(header, table, &specs, rules.names, facts) {
        if let Match::Found(column) = found {
            joining.take(column);
        }
    }
    let free = joining.named_by_letters();
    free.filter_map(column_of_letters).collect()
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
    let names = given_names(header, &specs, rules.names);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::model::column::{ColumnKind, TargetColumn, TypeLimit};
    use crate::transform::names::NameStyle;

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
        let facts = HeaderFacts::default();
        map_to_table(header, table, &MappingRules::default(), &facts).map(|mapping| mapping.columns)
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
            ..MappingRules::default()
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
        let mapping = map_to_table(&header, &table, &rules, &HeaderFacts::default()).unwrap();
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
        let (specs, facts) = (["Size=:numeric(5,1)"], HeaderFacts::default());
        let error = map_to_table(&header, &table, &rules(&specs, ExtraColumns::Error), &facts);
        assert_eq!(
            messages(&error.unwrap_err()),
            [
                "no column for \"Colour\" (sheet column B)",
                "no column for \"Size\" (sheet column C)"
            ]
        );
        let ignored = map_to_table(
            &header,
            &table,
            &rules(&specs, ExtraColumns::Ignore),
            &facts,
        )
        .unwrap();
        assert_eq!((ignored.columns.len(), ignored.new_columns.len()), (1, 0));
        let added =
            map_to_table(&header, &table, &rules(&specs, ExtraColumns::Add), &facts).unwrap();
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
        let facts = HeaderFacts::default();
        let error = map_to_table(
            &header,
            &table,
            &rules(&specs, ExtraColumns::Ignore),
            &facts,
        );
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

    fn named(names: &[String]) -> Vec<TableColumn> {
        names
            .iter()
            .map(|name| column(name, false, false, false))
            .collect()
    }

    fn joined(
        titles: &[&str],
        names: &[&str],
        specs: &[&str],
        extra: ExtraColumns,
    ) -> Result<Vec<(usize, String)>, String> {
        let header = header(titles);
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let facts = HeaderFacts {
            filled: (0..titles.len()).collect(),
            ..HeaderFacts::default()
        };
        let table = named(&names);
        let mapping = map_to_table(&header, &table, &rules(specs, extra), &facts)
            .map_err(|mismatches| messages(&mismatches).join("; "))?;
        let old = mapping.columns.into_iter();
        let old = old.map(|column| (column.source, column.target.name));
        let new = mapping.new_columns.into_iter();
        Ok(old.chain(new.map(|new| (new.source, new.name))).collect())
    }

    fn pairs(list: &[(usize, &str)]) -> Result<Vec<(usize, String)>, String> {
        Ok(list
            .iter()
            .map(|(source, name)| (*source, (*name).to_owned()))
            .collect())
    }

    #[test]
    fn titles_that_contend_for_a_name_find_the_ones_they_were_given() {
        use ExtraColumns::{Add, Error, Ignore};
        let twice = ["Name", "name"];
        let all = pairs(&[(0, "name"), (1, "name_2")]);
        assert_eq!(joined(&twice, &["name_2", "name"], &[], Error), all);
        let as_is = pairs(&[(0, "Name"), (1, "name")]);
        assert_eq!(joined(&twice, &["Name", "name"], &[], Error), as_is);
        // The table's names are the user's own, but in the same words.
        let own = pairs(&[(0, "NAME"), (1, "Name 2")]);
        assert_eq!(
            joined(&["Name", "Name"], &["NAME", "Name 2"], &[], Error),
            own
        );
        // A third one is a column that the table lacks.
        let thrice = ["Name", "Name", "Name"];
        let two = ["name", "name_2"];
        let third = joined(&thrice, &two, &[], Error).unwrap_err();
        assert_eq!(third, "no column for \"Name\" (sheet column C)");
        assert_eq!(joined(&thrice, &two, &[], Ignore), all);
        let added = pairs(&[(0, "name"), (1, "name_2"), (2, "name_3")]);
        assert_eq!(joined(&thrice, &two, &[], Add), added);
        // One is left out: nothing tells whether it was when the table was made.
        let alone = pairs(&[(1, "name")]);
        assert_eq!(joined(&["Name", "Name"], &["name"], &["-A"], Error), alone);
        assert_eq!(
            joined(&["Name", "Name"], &two, &["-A"], Error).unwrap_err(),
            "\"Name\" (sheet column B) may be column name or name_2"
        );
        for extra in [Error, Ignore] {
            assert_eq!(
                joined(&["City", "CITY"], &["city"], &[], extra).unwrap_err(),
                "\"CITY\" (sheet column B) is a second title for column city"
            );
        }
        assert_eq!(
            joined(&["FIRST NAME"], &["First Name", "first-name"], &[], Ignore).unwrap_err(),
            "\"FIRST NAME\" (sheet column A) may be column First Name or first-name"
        );
    }

    #[test]
    fn cells_without_title_go_where_their_letters_say_or_nowhere_in_silence() {
        use ExtraColumns::{Add, Error, Ignore};
        let titles = ["id", "", "name"];
        let all = pairs(&[(0, "id"), (1, "column_b"), (2, "name")]);
        assert_eq!(
            joined(&titles, &["id", "column_b", "name"], &[], Error),
            all
        );
        let own = pairs(&[(0, "id"), (2, "name")]);
        assert_eq!(joined(&titles, &["id", "remark", "name"], &[], Error), own);
        // It may have moved.
        let moved = ["id", "column_c", "name"];
        for extra in [Error, Add] {
            assert_eq!(
                joined(&titles, &moved, &[], extra).unwrap_err(),
                "sheet column B has cells and no title, and nothing of the sheet goes into column column_c"
            );
        }
        assert_eq!(joined(&titles, &moved, &[], Ignore), own);
        let said = pairs(&[(0, "id"), (1, "column_c"), (2, "name")]);
        assert_eq!(joined(&titles, &moved, &["B=column_c"], Error), said);
        assert_eq!(joined(&titles, &moved, &["-B"], Error), own);
        // Too far away to be one of the sheet's: a name like any other.
        assert_eq!(
            joined(&titles, &["id", "column_id", "name"], &[], Error),
            own
        );
    }

    #[test]
    fn the_letters_of_a_columns_name_are_its_place() {
        for (name, column) in [
            ("column_a", Some(0)),
            ("column_aa", Some(26)),
            ("column_b_2", Some(1)),
            ("column_", None),
            ("column_b_c", None),
            ("column_B", None),
            ("column_abcd", None),
            ("columns", None),
        ] {
            assert_eq!(column_of_letters(name), column, "{name}");
        }
    }

    fn any_title() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "(name|Name|NAME| name |na-me|na me|na.me|name_2|Name 2|name-2|a|A)",
            1 => "(ctid|xmin|ctid_2|CTID|column_a|Column B|column_b_2||--|%)",
            1 => "[aä]{60,64}[bB]?",
            1 => ".{0,8}",
        ]
    }

    proptest! {
        #[test]
        fn the_next_load_finds_what_the_last_one_named(
            titles in prop::collection::vec(any_title(), 1..9),
            (made, loaded) in prop::sample::select(vec![
                (NameStyle::SnakeCase, NameStyle::SnakeCase),
                (NameStyle::SnakeCase, NameStyle::AsIs),
                (NameStyle::AsIs, NameStyle::SnakeCase),
                (NameStyle::AsIs, NameStyle::AsIs),
            ]),
            backwards in any::<bool>(),
        ) {
            let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
            let header = header(&titles);
            let types = vec![InferredType::Text; titles.len()];
            let rules = |names| MappingRules { names, ..MappingRules::default() };
            let new = map_to_new_table(&header, &types, &rules(made)).unwrap();
            let mut names: Vec<String> = new.iter().map(|m| m.target.name.clone()).collect();
            if backwards {
                names.reverse();
            }
            let facts = HeaderFacts { filled: (0..titles.len()).collect(), ..HeaderFacts::default() };
            let found = map_to_table(&header, &named(&names), &rules(loaded), &facts);
            let found = found.map_err(|mismatches| messages(&mismatches)).unwrap();
            prop_assert_eq!(found.columns, new);
        }
    }
}
