//! A command line as assignments to known flags.

use super::ConfigError;
use super::vocabulary::{self, Effect, Flag, Kind};
use crate::spelling;

/// What may stand before the flags.
const COMMANDS: [&str; 7] = [
    "check",
    "diff",
    "explain",
    "healthcheck",
    "help",
    "version",
    "wait",
];

/// One flag with its value.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) flag: &'static Flag,
    /// As written, with its dashes and without its value.
    pub(super) written: String,
    /// What stands for the `*` of the flag's path.
    pub(super) names: Vec<String>,
    /// `true` where a switch stands alone.
    pub(super) value: String,
}

/// Reads flags: one or two dashes, `--name=value`, `--name value` except for
/// switches, which may stand alone.
pub(super) fn assignments(
    args: impl IntoIterator<Item = String>,
) -> Result<Vec<Assignment>, ConfigError> {
    let mut assignments: Vec<Assignment> = Vec::new();
    let mut args = args.into_iter().peekable();
    while let Some(arg) = args.next() {
        let Some(name) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')) else {
            return Err(unexpected(arg, assignments.last()));
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let written = arg.split('=').next().unwrap_or_default().to_owned();
        let Some((flag, names)) = vocabulary::find(name) else {
            let hint = vocabulary::nearest(name)
                .map(|near| format!("; did you mean --{near}?"))
                .unwrap_or_default();
            return Err(ConfigError::UnknownFlag {
                flag: written,
                hint,
            });
        };
        if let Effect::Gone(reason) = flag.effect {
            return Err(ConfigError::UnavailableFlag {
                flag: written,
                reason: reason.to_owned(),
            });
        }
        let value = match (value, flag.kind) {
            (Some(value), _) => value,
            (None, Kind::Switch) => "true".to_owned(),
            (None, Kind::Text | Kind::List) => {
                match args.next_if(|next| !next.starts_with('-')) {
                    Some(value) => value,
                    // Of a whole family of flags it is not known which stand alone.
                    None if flag.path.ends_with("**") => "true".to_owned(),
                    None => {
                        let example = format!("{written}=VALUE");
                        return Err(ConfigError::MissingValue {
                            flag: written,
                            example,
                        });
                    }
                }
            }
        };
        assignments.push(Assignment {
            flag,
            written,
            names,
            value,
        });
    }
    Ok(assignments)
}

impl Assignment {
    /// The value of a switch.
    pub(super) fn truth(&self) -> Result<bool, ConfigError> {
        match self.value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" | "" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            _ => Err(self.invalid("true or false")),
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> impl Iterator<Item = String> + '_ {
        self.value
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
    }

    /// The value does not fit.
    pub(super) fn invalid(&self, expected: &str) -> ConfigError {
        ConfigError::InvalidValue {
            flag: self.written.clone(),
            value: self.value.clone(),
            expected: expected.to_owned(),
        }
    }

    /// The first name in the flag's path.
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

fn unexpected(word: String, before: Option<&Assignment>) -> ConfigError {
    let hint = match before {
        Some(before) if before.flag.kind == Kind::Switch => {
            format!(
                "; a value of {} is written {}={word}",
                before.written, before.written
            )
        }
        Some(_) => "; flags start with --".to_owned(),
        None => match spelling::nearest(&word, COMMANDS) {
            Some(near) => format!("; did you mean {near}?"),
            None => format!(
                "; flags start with --, commands are {}",
                COMMANDS.join(", ")
            ),
        },
    };
    ConfigError::UnexpectedArgument { word, hint }
}
