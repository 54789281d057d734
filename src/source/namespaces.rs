//! Namespaces in XML: what the prefixes of names stand for (Namespaces in XML 1.0). Writers choose prefixes as they like.

use quick_xml::events::BytesStart;

use super::xml::attributes;

/// The most prefixes that are declared at a time. LibreOffice declares some 40.
const MAX_BINDINGS: usize = 1 << 10;

/// What the prefixes stand for inside of the elements that are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scopes<N> {
    /// The innermost last.
    bindings: Vec<Binding<N>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding<N> {
    /// How deep the element lies that declares it.
    depth: u32,
    /// Empty for names without one.
    prefix: String,
    meaning: N,
}

/// More prefixes are declared than anybody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl<N> Default for Scopes<N> {
    fn default() -> Self {
        Self {
            bindings: Vec::new(),
        }
    }
}

impl<N: Copy> Scopes<N> {
    /// Prefixes that stand for something even if no element declares them.
    pub(super) fn with_defaults(defaults: &[(&str, N)]) -> Self {
        let bindings = defaults.iter().map(|(prefix, meaning)| Binding {
            depth: 0,
            prefix: (*prefix).to_owned(),
            meaning: *meaning,
        });
        Self {
            bindings: bindings.collect(),
        }
    }

    /// Takes note of what the tag of an element at this depth declares.
    ///
    /// # Errors
    /// As [`Scopes::bind`].
    pub(super) fn enter(
        &mut self,
        tag: &BytesStart<'_>,
        depth: u32,
        meaning: impl Fn(&str) -> N,
    ) -> Result<(), TooMany> {
        for (prefix, uri) in declarations(tag) {
            self.bind(prefix, meaning(uri), depth)?;
        }
        Ok(())
    }

    /// Lets a prefix stand for something inside of an element at this depth.
    ///
    /// # Errors
    /// [`TooMany`]
    pub(super) fn bind(&mut self, prefix: &str, meaning: N, depth: u32) -> Result<(), TooMany> {
        if self.bindings.len() >= MAX_BINDINGS {
            return Err(TooMany);
        }
        self.bindings.push(Binding {
            depth,
            prefix: prefix.to_owned(),
            meaning,
        });
        Ok(())
    }

    /// The same for a reading that begins inside of these elements, and never sees their ends.
    pub(super) fn outermost(mut self) -> Self {
        for binding in &mut self.bindings {
            binding.depth = 0;
        }
        self
    }

    /// Forgets what elements deeper than this one declared.
    pub(super) fn leave(&mut self, depth: u32) {
        while self.bindings.last().is_some_and(|last| last.depth > depth) {
            self.bindings.pop();
        }
    }

    /// What a prefix stands for; `None` where it is not declared.
    pub(super) fn meaning(&self, prefix: &str) -> Option<N> {
        let mut bindings = self.bindings.iter().rev();
        let found = bindings.find(|binding| binding.prefix == prefix);
        found.map(|binding| binding.meaning)
    }
}

/// The prefixes that a tag declares, empty for names without one, and their namespaces.
pub(super) fn declarations<'t>(
    tag: &'t BytesStart<'_>,
) -> impl Iterator<Item = (&'t str, &'t str)> {
    /// Most tags declare nothing, and are done with at once.
    const SIGN: &str = "xmlns";
    let raw = tag.attributes_raw();
    let may_declare = memchr::memchr(b'x', raw.as_bytes()).is_some() && raw.contains(SIGN);
    let found = may_declare.then(|| attributes(tag));
    found.into_iter().flatten().filter_map(|(name, uri)| {
        let rest = name.strip_prefix(SIGN)?;
        let prefix = match rest {
            "" => "",
            rest => rest.strip_prefix(':')?,
        };
        Some((prefix, uri))
    })
}

/// A name's prefix, which may be empty, and what follows it.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> BytesStart<'_> {
        let name = text.split(' ').next().unwrap().len();
        BytesStart::from_content(text, name)
    }

    #[test]
    fn a_prefix_means_what_the_innermost_element_declares() {
        let mut scopes = Scopes::with_defaults(&[("a", '0')]);
        let first = |uri: &str| uri.chars().next().unwrap_or('-');
        let root = tag("root xmlns:a='one' b='no' xmlns=\"2\" xmlns:c=''");
        scopes.enter(&root, 1, first).unwrap();
        assert_eq!(scopes.meaning("a"), Some('o'));
        assert_eq!(scopes.meaning(""), Some('2'));
        assert_eq!(scopes.meaning("b"), None);
        assert_eq!(scopes.meaning("c"), Some('-'));
        scopes.enter(&tag("x xmlns:a = '3'"), 2, first).unwrap();
        assert_eq!(scopes.meaning("a"), Some('3'));
        scopes.leave(1);
        assert_eq!(scopes.meaning("a"), Some('o'));
        scopes.leave(0);
        assert_eq!(scopes.meaning("a"), Some('0'));
        assert_eq!(scopes.meaning(""), None);
    }

    #[test]
    fn declarations_have_an_end() {
        let mut scopes = Scopes::default();
        let one = tag("x xmlns:a='b'");
        let refused = (1..2_000).find(|depth| scopes.enter(&one, *depth, |_| ()).is_err());
        assert_eq!(refused, Some(1_025));
    }
}
