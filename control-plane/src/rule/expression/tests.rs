//! Texts in, trees or complaints out.

use super::*;

fn shape(text: &str) -> String {
    fn list(parts: &[Expr], operator: &str) -> String {
        let parts: Vec<_> = parts.iter().map(of).collect();
        format!("({})", parts.join(operator))
    }
    fn of(expr: &Expr) -> String {
        match expr {
            Expr::And(parts) => list(parts, "&"),
            Expr::Or(parts) => list(parts, "|"),
            Expr::Not(part) => format!("!{}", of(part)),
            Expr::Call(call) => format!("{}{:?}", call.name, call.args).replace('"', ""),
        }
    }
    match parse(text) {
        Ok(expr) => of(&expr),
        Err(error) => panic!("{text:?}: {error}"),
    }
}

#[test]
fn not_binds_tighter_than_and_tighter_than_or() {
    let rows = [
        ("A(`1`)", "A[1]"),
        ("A(`1`) || B(`2`) && C(`3`)", "(A[1]|(B[2]&C[3]))"),
        ("(A(`1`) || B(`2`)) && C(`3`)", "((A[1]|B[2])&C[3])"),
        ("!A(`1`) && B(`2`)", "(!A[1]&B[2])"),
        ("!(A(`1`) && B(`2`))", "!(A[1]&B[2])"),
        ("!!A(`1`)", "!!A[1]"),
        ("A() && B(`1`, \"2\",)", "(A[]&B[1, 2])"),
        ("((A(`1`)))", "A[1]"),
        ("\n A(`1`) &&\n\tB(\n`2`,\n)\n\n", "(A[1]&B[2])"),
        ("A(`1`) // x", "A[1]"),
        ("A(`1`) /* x */ || /* y */ B(`2`)", "(A[1]|B[2])"),
    ];
    for (text, expected) in rows {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn a_mistake_is_told_with_its_place_and_a_cure() {
    #[rustfmt::skip]
    let rows = [
        ("", 1, "it is empty", "Host(`example.com`)"),
        ("  \n", 1, "it is empty", ""),
        ("Host", 1, "`Host` has no arguments", "Host(…)"),
        ("Host(example.com)", 6, "argument example.com of Host", "Host(`example.com`)"),
        ("Host('example.com')", 6, "not in back quotes", "Host(`example.com`)"),
        ("Host(“example.com”)", 6, "not in back quotes", "Host(`example.com`)"),
        ("Host((`a`))", 6, "not in back quotes", ""),
        ("Host(`a` + `b`)", 10, "`+` inside the arguments", ""),
        ("Host(`a` || `b`)", 10, "`||` inside the arguments", "`||`"),
        ("Host(`a`) &&", 13, "ends where a matcher", "take the operator out"),
        ("Host(`a`))", 10, "no partner", "take the `)` out"),
        ("(Host(`a`)", 1, "no partner", "close it"),
        ("Host(`a`", 9, "have no end", "`)`"),
        ("Host(`a)", 6, "no partner", "back quote"),
        ("Host(`a`)\"", 10, "no partner", "take it out"),
        ("Host(`a`)`", 10, "no partner", "take it out"),
        ("Host(`a`) AND Host(`b`)", 11, "`AND` is not an operator", "`&&`"),
        ("Host(`a`) or Host(`b`)", 11, "`or` is not an operator", "`||`"),
        ("not Host(`a`)", 1, "`not` is not an operator", "`!`"),
        ("Host(`a`) & Host(`b`)", 11, "`&` is not an operator", "`&&`"),
        ("Host(`a`) | Host(`b`)", 11, "`|` is not an operator", "`||`"),
        ("Host(`a`) == Host(`b`)", 11, "`=` where `&&`", ""),
        ("Host(`a`) Host(`b`)", 11, "`Host` where `&&`", "`&&`"),
        ("Host(`a`); Host(`b`)", 10, "`;` where", ""),
        ("Host(`a`)\n&& Path(`/x`)", 10, "line break before `&&`", "after an operator"),
        ("(\nHost(`a`)\n)", 12, "line break before `)`", ""),
        ("Host(\n`a`\n)", 10, "line break before `)`", ""),
        ("`a`", 1, "a string where a matcher", "Host(`a`)"),
        ("Host:example.com", 1, "Traefik v1", "Host(`example.com`)"),
        ("Host(,`a`)", 6, "missing before the comma", ""),
        ("1 < 2", 1, "`1` where a matcher", ""),
        (r#"Path("^/\d")"#, 9, r"`\d` is not an escape", "back quotes"),
    ];
    for (text, column, message, suggestion) in rows {
        let error = parse(text).unwrap_err();
        assert_eq!(error.column, column, "{text:?}: {error}");
        assert!(error.message.contains(message), "{text:?}: {error}");
        assert!(
            error.suggestion.contains(suggestion),
            "{text:?}: {}",
            error.suggestion
        );
    }
}

#[test]
fn nesting_is_bounded() {
    for text in ["(".repeat(100_000), "!".repeat(100_000)] {
        assert!(
            parse(&text)
                .unwrap_err()
                .message
                .contains("inside each other")
        );
    }
}

#[test]
fn a_quoted_text_reads_back() {
    for text in ["", "a", "a`b", "a\r\nb", r#"`\d"`"#, "é`\t"] {
        let Ok(Expr::Call(call)) = parse(&format!("A({})", quote(text))) else {
            panic!("{text:?}");
        };
        assert_eq!(call.args, [text]);
    }
}
