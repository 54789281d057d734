//! Which of a table's columns a title means. First come the names that a load of this sheet would give to a new table,
//! so that the next load finds what the last one named; then names that differ in case and punctuation alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::column_spec::{Action, ColumnAction, specified_column};
use super::names::{NameStyle, snake_case, styled_names, untitled};
use crate::model::column::TableColumn;
use crate::model::sheet::Header;

/// What a header does not tell about its columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderFacts {
    /// Those that are left out because they are hidden.
    pub hidden: HashSet<usize>,
    /// Those without title that hold a cell.
    pub filled: HashSet<usize>,
    /// A column of the sheet, from 0, that the header does not reach and that holds a cell.
    pub outside: Option<u32>,
}

/// What a column of the sheet is in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match<'t> {
    /// It is not loaded.
    LeftOut,
    /// This one.
    Found(&'t TableColumn),
    /// One that the table lacks.
    Missing,
    /// One that the table lacks, which has only this one for all columns of the same title.
    Second(&'t TableColumn),
    /// One of several, and nothing tells which.
    Ambiguous(Vec<&'t str>),
}

/// The names that the sheet's columns would have in a new table. A column that is left out, or named by a
/// specification, takes no name from another, and what stands here for it means nothing.
pub(super) fn given_names(header: &Header, specs: &[Action<'_>], style: NameStyle) -> Vec<String> {
    let named = specs.iter().copied().filter_map(specified_column);
    let named: HashSet<String> = named.map(str::to_owned).collect();
    let mut others = header.clone();
    for (title, action) in others.titles.iter_mut().zip(specs) {
        if matches!(action, Some(ColumnAction::LeaveOut)) || specified_column(*action).is_some() {
            title.clear();
        }
    }
    styled_names(&others, style, &named)
}

/// The sheet's column, from 0, whose letters are in a name that [`untitled`] gives.
pub(super) fn column_of_letters(name: &str) -> Option<u32> {
    let letters = name.strip_prefix("column_")?;
    let letters = match letters.split_once('_') {
        Some((letters, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => letters,
        Some(_) => return None,
        None => letters,
    };
    let is_letters = letters.bytes().all(|byte| byte.is_ascii_lowercase());
    let column = letters.bytes().take(4).fold(0, |column: u32, byte| {
        column * 26 + u32::from(byte.saturating_sub(b'a')) + 1
    });
    (is_letters && (1..=3).contains(&letters.len())).then(|| column - 1)
}

/// The header's columns and the table's, on the way to each other.
pub(super) struct Matching<'a> {
    header: &'a Header,
    specs: &'a [Action<'a>],
    table: HashMap<&'a str, &'a TableColumn>,
    normal: HashMap<String, Vec<&'a TableColumn>>,
    /// The names of the sheet's columns, by each way to name them; the one that is asked for first.
    namings: Vec<Vec<String>>,
    taken: HashSet<&'a str>,
    matches: Vec<Match<'a>>,
}

/// For each member of a group its column, and how many have one.
type Assignment<'a> = Vec<Option<&'a TableColumn>>;

impl<'a> Matching<'a> {
    /// Finds the columns. Those that are left out, and those without title and values, match none.
    pub(super) fn of(
        header: &'a Header,
        table: &'a [TableColumn],
        specs: &'a [Action<'a>],
        style: NameStyle,
        facts: &HeaderFacts,
    ) -> Vec<Match<'a>> {
        let mut normal: HashMap<String, Vec<&TableColumn>> = HashMap::new();
        for column in table {
            let name = snake_case(&column.column.name);
            normal.entry(name).or_default().push(column);
        }
        let plain = [style, style.other()].map(|style| (style, titles_alone(header, style)));
        let mut matching = Self {
            header,
            specs,
            table: table
                .iter()
                .map(|column| (column.column.name.as_str(), column))
                .collect(),
            normal,
            namings: namings(header, specs, &plain),
            taken: HashSet::new(),
            matches: vec![Match::LeftOut; header.width()],
        };
        matching.match_specified();
        let groups: Vec<Group> = groups(header, &plain)
            .into_iter()
            .map(|group| matching.open_ones(group, facts))
            .filter(|group| !group.members.is_empty())
            .collect();
        for group in &groups {
            matching.match_exactly(group);
        }
        for group in &groups {
            matching.match_by_words(group);
        }
        matching.matches
    }

    fn match_specified(&mut self) {
        for (source, action) in self.specs.iter().enumerate() {
            let Some(name) = specified_column(*action) else {
                continue;
            };
            let found = self.table.get(name).copied();
            self.settle(source, found);
        }
    }

    fn settle(&mut self, source: usize, found: Option<&'a TableColumn>) {
        if let Some(column) = found {
            self.taken.insert(&column.column.name);
        }
        if let Some(place) = self.matches.get_mut(source) {
            *place = found.map_or(Match::Missing, Match::Found);
        }
    }

    /// Those of a group that a column is looked for.
    fn open_ones(&self, group: Vec<usize>, facts: &HeaderFacts) -> Group {
        let is_open = |source: &usize| match self.specs.get(*source).copied().flatten() {
            Some(ColumnAction::LeaveOut) => false,
            Some(ColumnAction::Load { column, .. }) => column.is_none(),
            None if facts.hidden.contains(source) => false,
            None => is_titled(self.header, *source) || facts.filled.contains(source),
        };
        Group {
            is_single: group.len() == 1,
            members: group.into_iter().filter(is_open).collect(),
        }
    }

    /// By the names that the sheet's columns are given, whatever the style; of a title that contends with no other, by
    /// the title itself first.
    fn match_exactly(&mut self, group: &Group) {
        if let (true, [source]) = (group.is_single, group.members.as_slice()) {
            let title = self.header.titles.get(*source).map_or("", String::as_str);
            let names = std::iter::once(title)
                .chain(self.namings.iter().map(|names| names[*source].as_str()))
                .collect::<Vec<&str>>();
            let found = names.into_iter().find_map(|name| self.free(name));
            return self.settle(*source, found);
        }
        let ways = self.namings.iter().map(|names| {
            let found = |source: &usize| self.free(&names[*source]);
            group.members.iter().map(found).collect()
        });
        let ways: Vec<Assignment<'_>> = ways.collect();
        self.settle_best(group, ways);
    }

    /// The table's column of this name, if no other column goes there.
    fn free(&self, name: &str) -> Option<&'a TableColumn> {
        let found = self.table.get(name).copied();
        found.filter(|column| !self.taken.contains(column.column.name.as_str()))
    }

    /// Takes the way that finds the most. Where several do that differ, nothing tells them apart.
    fn settle_best(&mut self, group: &Group, mut ways: Vec<Assignment<'a>>) {
        let count = |way: &Assignment<'_>| way.iter().flatten().count();
        let most = ways.iter().map(count).max().unwrap_or_default();
        ways.retain(|way| count(way) == most);
        // One that has its plain name is no sign that the others were ever told from it by numbers.
        let first = ways.first().and_then(|way| way.iter().flatten().next());
        let alone = first.copied().filter(|_| most == 1);
        for (place, source) in group.members.iter().enumerate() {
            let mut found: Vec<&TableColumn> = Vec::new();
            for column in ways.iter().filter_map(|way| way[place]) {
                if !found.contains(&column) {
                    found.push(column);
                }
            }
            match found.as_slice() {
                [] => self.matches[*source] = alone.map_or(Match::Missing, Match::Second),
                [only] => self.settle(*source, Some(only)),
                several => self.matches[*source] = ambiguous(several),
            }
        }
    }

    /// By names that differ in case and punctuation alone, where no name was found exactly.
    fn match_by_words(&mut self, group: &Group) {
        let is_missing = |source: &usize| self.matches[*source] == Match::Missing;
        if !group.members.iter().all(is_missing) {
            return;
        }
        // A column without title is known by its letters alone.
        let is_titled = |source: &usize| is_titled(self.header, *source);
        if !group.members.iter().all(is_titled) {
            return;
        }
        if group.members.len() > 1 {
            let complete = self.namings.iter().find_map(|names| {
                let only = |source: &usize| match self.alike(&names[*source]).as_slice() {
                    [only] => Some(*only),
                    _ => None,
                };
                group.members.iter().map(only).collect::<Option<Vec<_>>>()
            });
            if let Some(found) = complete {
                for (source, column) in group.members.iter().zip(found) {
                    self.settle(*source, Some(column));
                }
                return;
            }
        }
        for source in &group.members {
            let base = base(self.header, *source, NameStyle::SnakeCase);
            let all = self.normal.get(&base).cloned().unwrap_or_default();
            match self.alike(&base).as_slice() {
                // One that another column goes to already: whoever joins them says so.
                [] => self.settle(*source, all.first().copied()),
                [only] => self.settle(*source, Some(only)),
                several => self.matches[*source] = ambiguous(several),
            }
        }
    }

    /// The table's columns of the same words that no other column goes to.
    fn alike(&self, name: &str) -> Vec<&'a TableColumn> {
        let found = self.normal.get(&snake_case(name)).into_iter().flatten();
        found
            .filter(|column| !self.taken.contains(column.column.name.as_str()))
            .copied()
            .collect()
    }
}

/// Columns whose titles contend for a name, without those that no column is looked for.
struct Group {
    /// Whether the title contends with no other, loaded or not.
    is_single: bool,
    members: Vec<usize>,
}

pub(super) fn is_titled(header: &Header, source: usize) -> bool {
    let title = header.titles.get(source);
    title.is_some_and(|title| !title.trim().is_empty())
}

fn ambiguous<'t>(columns: &[&'t TableColumn]) -> Match<'t> {
    let names = columns.iter().map(|column| column.column.name.as_str());
    Match::Ambiguous(names.collect())
}

/// The names that the titles alone give.
fn titles_alone(header: &Header, style: NameStyle) -> Vec<String> {
    styled_names(header, style, &HashSet::new())
}

/// The names of the sheet's columns by each way to name them: as this load would, and as loads may have done before that
/// left other columns out, or named them in the other style.
fn namings(
    header: &Header,
    specs: &[Action<'_>],
    plain: &[(NameStyle, Vec<String>)],
) -> Vec<Vec<String>> {
    let is_specified = specs.iter().any(Option::is_some);
    let of_style = |(style, plain): &(NameStyle, Vec<String>)| {
        let given = is_specified.then(|| given_names(header, specs, *style));
        given.into_iter().chain([plain.clone()])
    };
    plain.iter().flat_map(of_style).collect()
}

/// The header's columns, those together whose titles contend for a name in either style. Within a group at most one style
/// gives exactly the names that a table was made with.
fn groups(header: &Header, plain: &[(NameStyle, Vec<String>)]) -> Vec<Vec<usize>> {
    let mut owners: HashMap<String, usize> = HashMap::new();
    let mut group_of: Vec<usize> = (0..header.width()).collect();
    for (style, names) in plain {
        for (source, name) in names.iter().enumerate() {
            for name in [base(header, source, *style), name.clone()] {
                let owner = *owners.entry(name).or_insert(source);
                let (one, other) = (root(&group_of, owner), root(&group_of, source));
                group_of[one.max(other)] = one.min(other);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for source in 0..header.width() {
        let group = root(&group_of, source);
        groups.entry(group).or_default().push(source);
    }
    groups.into_values().collect()
}

/// The name of a column before it is told from others.
fn base(header: &Header, source: usize, style: NameStyle) -> String {
    let name = style.name(header.titles.get(source).map_or("", String::as_str));
    if name.is_empty() {
        untitled(header, source)
    } else {
        name
    }
}

fn root(group_of: &[usize], mut source: usize) -> usize {
    while let Some(parent) = group_of.get(source).filter(|parent| **parent != source) {
        source = *parent;
    }
    source
}
