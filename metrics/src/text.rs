//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write as _};

/// Of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the values of a family do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only rise.
    Counter,
    /// They rise and fall.
    Gauge,
    /// They are counted by size.
    Histogram,
}

/// A text on its way: families, each with the samples that follow it.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Begins a family.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One value of the family begun last.
    pub fn sample<'a>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: impl Display,
    ) {
        self.0.push_str(name);
        let mut open = false;
        for (label, text) in labels {
            self.0.push(if open { ',' } else { '{' });
            open = true;
            self.0.push_str(label);
            self.0.push_str("=\"");
            self.escaped(text);
            self.0.push('"');
        }
        if open {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// A family of one value without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, [], value);
    }

    /// The whole text.
    #[must_use]
    pub fn finish(self) -> String {
        self.0
    }

    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_may_hold_cannot_end_it() {
        let mut text = Text::default();
        text.family("a_total", Kind::Counter, "What\nis \\ counted.");
        text.sample("a_total", [("x", "1\"2\\3\n4"), ("y", "é")], 7);
        text.single("b", Kind::Gauge, "B.", 0.5);
        assert_eq!(
            text.finish(),
            "# HELP a_total What\\nis \\\\ counted.\n# TYPE a_total counter\n\
             a_total{x=\"1\\\"2\\\\3\\n4\",y=\"é\"} 7\n\
             # HELP b B.\n# TYPE b gauge\nb 0.5\n"
        );
    }
}
