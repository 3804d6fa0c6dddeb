//! The functions templates may call: Go's own, and sprig's as far as they give the same
//! for the same. Each is a row in one of the tables, with how many arguments it takes.

mod collection;
mod format;
mod number;
mod text;

use super::value::Value;
use super::{Data, TemplateError};
use crate::spelling;

/// What a function gives.
type Answer<'a> = Result<Value<'a>, TemplateError>;

/// A function that templates may call.
struct Function {
    name: &'static str,
    /// Least and most arguments.
    takes: (usize, usize),
    run: for<'a> fn(Args<'_, 'a>) -> Answer<'a>,
}

/// What a function was given.
#[derive(Clone, Copy)]
struct Args<'v, 'a>(&'v [Value<'a>]);

/// As many arguments as one likes.
const ANY: usize = usize::MAX;
/// Items of a list and bytes of a text that a function makes.
const MAX_MADE: usize = 100_000;

/// Reads a variable of the environment.
const ENVIRONMENT: &str = "env";

const TABLES: [&[Function]; 4] = [
    collection::FUNCTIONS,
    format::FUNCTIONS,
    number::FUNCTIONS,
    text::FUNCTIONS,
];

/// Go's and sprig's words that are known to people and not to us: what they give is not
/// the same each time, is of no use in configuration, or changes values in place.
const NOT_AVAILABLE: &[&str] = &[
    "call",
    "html",
    "js",
    "urlquery",
    "now",
    "date",
    "dateModify",
    "ago",
    "unixEpoch",
    "uuidv4",
    "randAlpha",
    "randAlphaNum",
    "randNumeric",
    "randAscii",
    "randInt",
    "shuffle",
    "genPrivateKey",
    "genCA",
    "genSelfSignedCert",
    "bcrypt",
    "htpasswd",
    "derivePassword",
    "encryptAES",
    "getHostByName",
    "expandenv",
    "set",
    "unset",
    "merge",
    "mergeOverwrite",
    "deepCopy",
    "float64",
    "divf",
    "mulf",
    "addf",
    "subf",
    "round",
    "semver",
    "semverCompare",
    "include",
    "tpl",
    "lookup",
    "readFile",
    "toYaml",
    "fromYaml",
    "fromJson",
];

/// Whether the function reads the environment.
pub(super) fn reads_environment(name: &str) -> bool {
    name == ENVIRONMENT
}

/// Whether a function of this name exists.
pub(super) fn known(name: &str) -> Result<(), TemplateError> {
    if takes(name).is_some() {
        return Ok(());
    }
    if NOT_AVAILABLE.contains(&name) {
        return Err(TemplateError::new(format!(
            "{name} is not available in templates"
        )));
    }
    let names = functions().map(|function| function.name);
    let nearest = spelling::nearest(name, names.chain([ENVIRONMENT, "and", "or"]));
    Err(TemplateError::new(match nearest {
        Some(nearest) => format!("there is no function {name}; did you mean {nearest}?"),
        None => format!("there is no function {name}"),
    }))
}

/// Whether a function takes this many arguments.
pub(super) fn check(name: &str, given: usize) -> Result<(), TemplateError> {
    let Some((least, most)) = takes(name) else {
        return known(name);
    };
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let count = match most {
        _ if least == most => least.to_string(),
        ANY => format!("at least {least}"),
        most => format!("{least} to {most}"),
    };
    let noun = if count == "1" {
        "argument"
    } else {
        "arguments"
    };
    Err(TemplateError::new(format!(
        "{name} takes {count} {noun}, not {given}"
    )))
}

/// Calls a function; `and` and `or` do not get here, for they look at their arguments
/// one after the other.
pub(super) fn call<'a>(name: &str, args: &[Value<'a>], data: Data<'a>) -> Answer<'a> {
    if let (ENVIRONMENT, Data::Environment(environment)) = (name, data) {
        // As in Go, one that is not set is empty.
        let value = environment(&Args(args).text(0));
        return Ok(Value::Text(value.unwrap_or_default()));
    }
    let Some(function) = functions().find(|function| function.name == name) else {
        return Err(TemplateError::new(format!("there is no function {name}")));
    };
    let value = (function.run)(Args(args)).and_then(|value| match value.is_bounded() {
        true => Ok(value),
        false => Err(TemplateError::new("it gives too much")),
    });
    value.map_err(|error| TemplateError {
        message: format!("{name}: {}", error.message),
        ..error
    })
}

/// Least and most arguments; `None`: there is no such function.
fn takes(name: &str) -> Option<(usize, usize)> {
    match name {
        "and" | "or" => Some((1, ANY)),
        ENVIRONMENT => Some((1, 1)),
        _ => {
            let function = functions().find(|function| function.name == name)?;
            Some(function.takes)
        }
    }
}

fn functions() -> impl Iterator<Item = &'static Function> {
    TABLES.into_iter().flatten()
}

const fn function(
    name: &'static str,
    takes: (usize, usize),
    run: for<'a> fn(Args<'_, 'a>) -> Answer<'a>,
) -> Function {
    Function { name, takes, run }
}

impl<'v, 'a> Args<'v, 'a> {
    fn all(self) -> &'v [Value<'a>] {
        self.0
    }

    /// Those from this place on.
    fn from(self, at: usize) -> &'v [Value<'a>] {
        self.0.get(at..).unwrap_or_default()
    }

    /// Nothing where there are fewer.
    fn value(self, at: usize) -> Value<'a> {
        self.0.get(at).cloned().unwrap_or(Value::Nothing)
    }

    /// Whatever it is, as it would be printed.
    fn text(self, at: usize) -> String {
        self.value(at).to_string()
    }

    fn number(self, at: usize) -> Result<i64, TemplateError> {
        number::of(&self.value(at)).ok_or_else(|| self.unfit(at, "a number"))
    }

    /// A number from 0 up.
    fn size(self, at: usize) -> Result<usize, TemplateError> {
        usize::try_from(self.number(at)?).map_err(|_| self.unfit(at, "a number from 0 up"))
    }

    fn list(self, at: usize) -> Result<Vec<Value<'a>>, TemplateError> {
        match self.value(at) {
            Value::List(items) => Ok(items.to_vec()),
            Value::Nothing => Ok(Vec::new()),
            _ => Err(self.unfit(at, "a list")),
        }
    }

    /// The entries of a map.
    fn map(self, at: usize) -> Result<Vec<(String, Value<'a>)>, TemplateError> {
        let entries = self.value(at).entries();
        entries.ok_or_else(|| self.unfit(at, "a map"))
    }

    fn unfit(self, at: usize, wanted: &str) -> TemplateError {
        let (place, value) = (at + 1, self.value(at));
        let kind = value.kind();
        let shown = match value {
            Value::Text(text) => format!("{text:?}"),
            Value::Number(number) => number.to_string(),
            _ => kind.to_owned(),
        };
        TemplateError::new(format!("argument {place} is {shown} and not {wanted}"))
    }
}

/// What is made stays small.
fn bounded(size: usize) -> Result<(), TemplateError> {
    if size > MAX_MADE {
        return Err(TemplateError::new(format!(
            "it would make more than {MAX_MADE} of them"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_names_every_function() {
        let document = include_str!("../../../../docs/files.md");
        let (_, chapter) = document.split_once("\n## Templates\n").unwrap();
        let chapter = chapter.split("\n## ").next().unwrap();
        let lists = chapter.split("\n* ").skip(1);
        let lists = lists.map(|list| list.split("\n\n").next().unwrap());
        let told: BTreeSet<&str> = lists
            .flat_map(|list| list.split('`').skip(1).step_by(2))
            .collect();
        let names = functions().map(|function| function.name);
        let known: BTreeSet<&str> = names.chain(["and", "or", ENVIRONMENT]).collect();
        assert_eq!(told, known);
    }

    #[test]
    fn no_function_is_there_twice_or_available_and_not() {
        let mut seen = BTreeSet::new();
        for name in functions().map(|function| function.name) {
            assert!(seen.insert(name), "{name}");
            assert!(!NOT_AVAILABLE.contains(&name), "{name}");
        }
    }
}
