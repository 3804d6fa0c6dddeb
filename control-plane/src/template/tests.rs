//! What templates give, as Go and sprig give it.

use super::*;

fn filled(template: &str) -> Result<String, String> {
    let environment = |name: &str| match name {
        "HOSTS" => Some("a.test, b.test".to_owned()),
        _ => None,
    };
    Template::of_file(template)
        .and_then(|template| template.render(Data::Environment(&environment)))
        .map_err(|error| match error.line {
            Some(line) => format!("line {line}: {error}"),
            None => error.to_string(),
        })
}

#[track_caller]
fn gives(template: &str, expected: &str) {
    assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
}

#[test]
fn ranges_walk_lists_maps_and_numbers() {
    gives("{{ range until 3 }}{{ . }} {{ end }}", "0 1 2 ");
    gives(
        "{{ range $i, $e := list `a` `b` }}{{ $i }}{{ $e }}{{ end }}",
        "0a1b",
    );
    gives("{{ range $e := list `a` `b` }}{{ $e }}{{ end }}", "ab");
    gives("{{ range 2 }}{{ . }}{{ end }}", "01");
    gives(
        "{{ range $k, $v := dict `b` 2 `a` 1 }}{{ $k }}={{ $v }};{{ end }}",
        "a=1;b=2;",
    );
    gives("{{ range list }}x{{ else }}none{{ end }}", "none");
    gives(
        "{{ range until 9 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if gt . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}",
        "023",
    );
    gives(
        "{{ range splitList `,` (env `HOSTS`) }}[{{ trim . }}]{{ end }}",
        "[a.test][b.test]",
    );
    gives("{{- range until 2 }}\n- {{ . -}}\n{{ end }}", "\n- 0\n- 1");
}

#[test]
fn variables_hold_in_their_block_and_are_changed_from_inside() {
    gives("{{ $x := 1 }}{{ $x }}{{ $x = 2 }}{{ $x }}", "12");
    gives(
        "{{ $n := 0 }}{{ range until 4 }}{{ $n = add $n . }}{{ end }}{{ $n }}",
        "6",
    );
    gives(
        "{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}",
        "21",
    );
    gives("{{ if $x := env `HOSTS` }}{{ len $x }}{{ end }}", "14");
    gives(
        "{{ $site := dict `host` `a.test` `ports` (list 80 81) }}{{ $site.host }}:{{ index $site.ports 1 }}",
        "a.test:81",
    );
    gives("{{ with $x := `v` }}{{ . }}{{ $x }}{{ end }}", "vv");
    gives(
        "{{ with env `NONE` }}x{{ else with env `HOSTS` }}{{ . | upper }}{{ end }}",
        "A.TEST, B.TEST",
    );
    gives("{{ (dict `a` (dict `b` 1)).a.b }}", "1");
}

#[test]
fn functions_give_what_go_and_sprig_give() {
    for (template, expected) in [
        ("add 1 2 3", "6"),
        ("add1 (sub 5 2)", "4"),
        ("div (mul 7 2) 4", "3"),
        ("mod 7 4", "3"),
        ("max 1 9 3 | printf `%03d`", "009"),
        ("min `4` 2", "2"),
        ("seq 3", "1 2 3"),
        ("seq 0 2 6", "0 2 4 6"),
        ("untilStep 4 0 -2", "[4 2]"),
        ("until -2", "[0 -1]"),
        ("atoi `17`", "17"),
        ("int `x`", "0"),
        ("lt 1 2", "true"),
        ("ge `b` `a`", "true"),
        ("eq 2 1 2", "true"),
        ("and 1 0 2", "0"),
        ("or 0 `` `x`", "x"),
        ("or 1 (fail `never`)", "1"),
        (
            "printf `%-4s|%4s|%q|%x|%t|%%` `a` `b` `c` 255 true",
            "a   |   b|\"c\"|ff|true|%",
        ),
        ("list 1 2 3 | join `-`", "1-2-3"),
        ("list 1 2 3 | rest | first", "2"),
        ("list 1 2 3 | initial | last", "2"),
        ("prepend (append (list 1) 2) 0", "[0 1 2]"),
        ("concat (list 1) (list 2)", "[1 2]"),
        ("list `b` `a` `b` | uniq | sortAlpha", "[a b]"),
        ("without (list 1 2 3) 2", "[1 3]"),
        ("list `` 1 | compact", "[1]"),
        ("list 1 2 | reverse", "[2 1]"),
        ("list 1 2 | has 2", "true"),
        ("slice (list 1 2 3) 1 2", "[2]"),
        ("slice `abc` 1", "bc"),
        ("index (list `a` (list `b` `c`)) 1 0", "b"),
        ("dict `a` 1 `b`", "map[a:1 b:]"),
        ("get (dict `a` 1) `z` | quote", "\"\""),
        ("hasKey (dict `a` 1) `a`", "true"),
        ("keys (dict `b` 1 `a` 2)", "[a b]"),
        ("values (dict `b` 1 `a` 2)", "[2 1]"),
        ("omit (dict `b` 1 `a` 2) `b`", "map[a:2]"),
        ("pick (dict `b` 1 `a` 2) `b` | toJson", "{\"b\":1}"),
        ("list `a` nil true 1 | toJson", "[\"a\",null,true,1]"),
        ("split `.` `a.b` | values", "[a b]"),
        ("(split `.` `a.b`)._1", "b"),
        ("regexMatch `^a\\d+$` `a12`", "true"),
        ("regexFind `[a-c]+` `xxabcyy`", "abc"),
        ("regexFindAll `[0-9]` `1a2b3` 2", "[1 2]"),
        ("regexReplaceAll `a(x*)b` `-ab-axxb-` `${1}W`", "-W-xxW-"),
        ("regexReplaceAllLiteral `a` `banana` `$1`", "b$1n$1n$1"),
        ("regexSplit `-+` `a--b-c` -1", "[a b c]"),
        ("regexQuoteMeta `a.b`", "a\\.b"),
        ("repeat 3 `ab`", "ababab"),
        ("substr 1 3 `abcd`", "bc"),
        ("trunc -2 `abcd`", "cd"),
        ("abbrev 6 `abcdefgh`", "abc..."),
        ("nindent 2 `a\nb`", "\n  a\n  b"),
        ("indent 1 `a`", " a"),
        ("title `web shop`", "Web Shop"),
        ("untitle `Web Shop`", "web shop"),
        ("snakecase `webShop-api`", "web_shop_api"),
        ("kebabcase `WebShop`", "web-shop"),
        ("camelcase `web_shop`", "WebShop"),
        ("plural `server` `servers` 2", "servers"),
        ("squote `a` `b`", "'a' 'b'"),
        ("quote `a` nil 1", "\"a\" \"1\""),
        ("cat `a` 1", "a 1"),
        ("nospace ` a b `", "ab"),
        ("b64dec (b64enc `grüezi`)", "grüezi"),
        ("sha256sum `abc` | trunc 8", "ba7816bf"),
        ("base `/etc/a.yml`", "a.yml"),
        ("ternary 1 2 false", "2"),
        ("coalesce `` 0 `x`", "x"),
        ("empty (list)", "true"),
        ("default `d` ``", "d"),
        ("required `say it` `x`", "x"),
        ("kindOf (list)", "slice"),
        ("normalize `a_b`", "a-b"),
        ("trimAll `$` `$5$`", "5"),
        ("len (dict `a` 1)", "1"),
        ("toString 1", "1"),
        ("println `a`", "a\n"),
    ] {
        gives(&format!("{{{{ {template} }}}}"), expected);
    }
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (template, part) in [
        ("a\n{{ rnage . }}", "line 2: there is no function rnage"),
        ("{{ uper `x` }}", "did you mean upper?"),
        ("{{ now }}", "now is not available"),
        ("{{ define `x` }}{{ end }}", "define is not available"),
        ("{{ range until 2 }}x", "{{ range }} has no {{ end }}"),
        ("{{ break }}", "break stands outside of range"),
        ("{{ range list }}{{ else if 1 }}{{ end }}", "stands alone"),
        (
            "{{ if 1 }}{{ else with 1 }}{{ end }}",
            "something else than if",
        ),
        ("\n\n{{ $x }}", "line 3: there is no variable $x"),
        (
            "{{ if 1 }}{{ $x := 1 }}{{ end }}{{ $x }}",
            "there is no variable $x",
        ),
        ("{{ $x = 1 }}", "declare it with {{ $x := … }}"),
        ("{{ $a, $b := list }}", "by range only"),
        ("{{ .Name }}", "there is no .Name in files"),
        ("{{ range .Hosts }}{{ end }}", "there is no .Hosts in files"),
        ("{{ upper }}", "upper takes 1 argument, not 0"),
        ("{{ upper trim `x` }}", "trim takes 1 argument, not 0"),
        (
            "{{ add 1 `x` }}",
            "add: argument 2 is \"x\" and not a number",
        ),
        ("{{ range 1.5 }}{{ end }}", "1.5 is not a whole number"),
        (
            "{{ range `x` }}{{ end }}",
            "range takes a list, a map or a number, not text",
        ),
        ("{{ index (list 1) 4 }}", "the list has no item 4"),
        ("{{ index (dict `a` 1) 0 }}", "not a key in quotes"),
        ("{{ join `,` `a` }}", "not a list"),
        ("{{ div 1 0 }}", "there is no such number"),
        ("{{ regexMatch `(` `x` }}", "regexMatch: `(`"),
        ("{{ fail `no host` }}", "fail: no host"),
        ("{{ required `no host` (env `NONE`) }}", "no host"),
        ("{{ lt 1 `a` }}", "a number, as the first one is"),
        ("{{ printf `%d` `a` }}", "%d does not take text"),
        ("{{ printf `%s` }}", "more verbs than values"),
        ("{{ (list 1).x }}", "a list has no field x"),
        ("{{ 1 | 2 }}", "takes no arguments"),
        ("{{ upper `x` ) }}", "a ) too many"),
        ("{{ (upper `x` }}", "( is not closed"),
        ("{{ b64dec `?` }}", "not text in base64"),
    ] {
        let error = filled(template).expect_err(template);
        assert!(error.contains(part), "{template}: {error}");
    }
}

#[test]
fn no_template_runs_for_ever_or_grows_without_end() {
    let nested = "{{ range until 90000 }}".repeat(3) + &"{{ end }}".repeat(3);
    for template in [
        nested.as_str(),
        "{{ range 9223372036854775807 }}{{ end }}",
        "{{ until 9223372036854775807 }}",
        "{{ untilStep 0 9 0 }}{{ repeat 1000000000000 `x` }}",
        "{{ $x := `xxxxxxxxxxxxxxxx` }}{{ range until 60 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := repeat 9999 `x` }}{{ range until 9999 }}{{ $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range until 60 }}{{ $x = concat $x $x }}{{ end }}",
        "{{ $x := list 1 }}{{ range until 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
        "{{ $x := list }}{{ range until 90000 }}{{ $x = list $x }}{{ end }}",
    ] {
        assert!(filled(template).is_err(), "{template}");
    }
}
