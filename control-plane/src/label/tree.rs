//! Labels of one object as a tree of names, merged ignoring case.
//!
//! Labels are added in byte order: the first spelling names a node, the last
//! value counts.

/// One name and what is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// As first written; `[0]` for an index.
    pub(super) name: String,
    /// The value that was given to this very name.
    pub(super) value: Option<Leaf>,
    /// In the order of first appearance.
    pub(super) children: Vec<Node>,
}

/// A value and the label it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Full key as written.
    pub(super) label: String,
    /// As written.
    pub(super) value: String,
}

impl Node {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Puts a value at the end of a path.
    pub(super) fn insert(&mut self, path: &[String], leaf: Leaf) {
        let Some((name, rest)) = path.split_first() else {
            self.value = Some(leaf);
            return;
        };
        let lower = name.to_lowercase();
        let same = |child: &&mut Self| child.name.to_lowercase() == lower;
        match self.children.iter_mut().find(same) {
            Some(child) => child.insert(rest, leaf),
            None => {
                let mut child = Self::new(name);
                child.insert(rest, leaf);
                self.children.push(child);
            }
        }
    }

    /// The node is an index, such as `[0]`.
    pub(super) fn is_index(&self) -> bool {
        self.name.starts_with('[')
    }

    /// First label at or below the node.
    pub(super) fn first_label(&self) -> &str {
        match &self.value {
            Some(leaf) => &leaf.label,
            None => self.children.first().map_or("", Self::first_label),
        }
    }
}

/// Splits a part of a label into names; an index in brackets is a name of its own.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut names = Vec::new();
    for segment in text.split('.') {
        if segment.is_empty() {
            return Err("has an empty part between two dots or at the end");
        }
        match segment.split_once('[') {
            None if segment.contains(']') => return Err("has a `]` without a `[`"),
            None => names.push(segment.to_owned()),
            Some(("", _)) => return Err("has a bracket without a name before it"),
            Some((name, index)) => match index.strip_suffix(']') {
                Some(inner) if !name.contains(']') && !inner.contains(['[', ']']) => {
                    names.push(name.to_owned());
                    names.push(format!("[{inner}]"));
                }
                _ => return Err("has a bracket that is not closed at the end of its part"),
            },
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indexes_are_told_apart() {
        let rows: [(&str, Option<&[&str]>); 9] = [
            ("a.b", Some(&["a", "b"])),
            (
                "tls.domains[0].main",
                Some(&["tls", "domains", "[0]", "main"]),
            ),
            ("a[]", Some(&["a", "[]"])),
            ("a..b", None),
            ("a.", None),
            ("a.[0]", None),
            ("a]", None),
            ("a[0", None),
            ("a[0]b", None),
        ];
        for (text, expected) in rows {
            let names = split(text).ok();
            let names = names
                .as_ref()
                .map(|names| names.iter().map(String::as_str).collect());
            assert_eq!(names, expected.map(<[&str]>::to_vec), "{text}");
        }
    }

    #[test]
    fn the_first_spelling_names_and_the_last_value_counts() {
        let mut root = Node::new("r");
        for (path, value) in [("X-Foo", "1"), ("x-foo", "2")] {
            let leaf = Leaf {
                label: path.to_owned(),
                value: value.to_owned(),
            };
            root.insert(&[path.to_owned()], leaf);
        }
        let [child] = root.children.as_slice() else {
            panic!("{root:?}")
        };
        assert_eq!(child.name, "X-Foo");
        assert_eq!(child.value.as_ref().unwrap().value, "2");
    }
}
