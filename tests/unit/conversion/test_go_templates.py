"""What templates print."""

from __future__ import annotations

import pytest

from katib.conversion.evaluation import evaluate
from katib.conversion.functions import Record
from katib.conversion.marks import Marks, Unknown
from katib.conversion.syntax import Source
from katib.errors import ManifestError

NAMES = ("lr", "layers", "optimizer")


def shown(template: str, names: tuple[str, ...] = NAMES) -> str:
    """What a template prints for parameters of these names, the unknown as ``<…>``."""
    marks = Marks(template)

    def mark(what: str, is_value: bool = True) -> str:
        return marks.make(Unknown(what, what, what, ("1",), is_value))

    parameters = tuple(
        Record("a parameter", {"Name": name, "Value": mark(f"value of {name}")}) for name in names
    )
    root = Record(
        "the template",
        {
            "Experiment": "tune",
            "Trial": mark("trial", False),
            "NameSpace": mark("namespace", False),
            "HyperParameters": parameters,
        },
    )
    printed = evaluate(Source("the template", template), root, marks)
    return marks.replace(printed.text, lambda unknown: f"<{unknown.what}>")


PRINTED = {
    "text alone": ("a } b {c}", "a } b {c}"),
    "the names of the outermost dot": (
        "{{.Experiment}}/{{.Trial}}/{{.NameSpace}}",
        "tune/<trial>/<namespace>",
    ),
    "range goes through the parameters in their order": (
        "{{range .HyperParameters}}{{.Name}}={{.Value}} {{end}}",
        "lr=<value of lr> layers=<value of layers> optimizer=<value of optimizer> ",
    ),
    "with makes the list the dot": (
        "{{with .HyperParameters}}{{range .}}{{.Name}},{{end}}{{end}}",
        "lr,layers,optimizer,",
    ),
    "range with index and item": (
        "{{range $i, $p := .HyperParameters}}{{$i}}{{$p.Name}}{{.Name}} {{end}}",
        "0lrlr 1layerslayers 2optimizeroptimizer ",
    ),
    "range with the item alone": (
        "{{range $p := .HyperParameters}}{{$p.Name}} {{end}}",
        "lr layers optimizer ",
    ),
    "range in range": (
        "{{range $p := .HyperParameters}}{{range $.HyperParameters}}"
        "{{if eq .Name $p.Name}}[{{.Name}}]{{else}}-{{end}}{{end}} {{end}}",
        "[lr]-- -[layers]- --[optimizer] ",
    ),
    "with in range in with": (
        "{{with .HyperParameters}}{{range .}}{{with .Name}}{{.}} {{end}}{{end}}{{end}}",
        "lr layers optimizer ",
    ),
    "with of a string": ('{{with "x"}}{{.}}{{else}}none{{end}}', "x"),
    "with of nothing": ('{{with ""}}{{.}}{{else}}{{.Experiment}}{{end}}', "tune"),
    "with and a variable": ("{{with $x := .Experiment}}{{$x}}{{.}}{{end}}", "tunetune"),
    "if with else if": (
        '{{range .HyperParameters}}{{if eq .Name "lr"}}1{{else if eq .Name "layers"}}2'
        "{{else}}3{{end}}{{end}}",
        "123",
    ),
    "else if without else": ("{{if false}}1{{else if false}}2{{end}}.", "."),
    "eq with several": ('{{if eq .Experiment "a" "tune"}}yes{{end}}', "yes"),
    "ne, and, or, not": (
        '{{if and (ne .Experiment "x") (or false (not false))}}yes{{else}}no{{end}}',
        "yes",
    ),
    "and gives the first that is false, or the last": ("{{and 1 0 2}}{{and 1 2}}", "02"),
    "or gives the first that is true, or the last": ('{{or 0 2 3}}{{or 0 ""}}', "2"),
    "a separator between items": (
        "{{range $i, $p := .HyperParameters}}{{if $i}}, {{end}}{{$p.Name}}{{end}}",
        "lr, layers, optimizer",
    ),
    "order of integers": (
        "{{range $i, $p := .HyperParameters}}"
        "{{lt $i 1}} {{le $i 1}} {{gt $i 1}} {{ge $i 1}};{{end}}",
        "true true false false;false true false true;false false true true;",
    ),
    "len of a list and of a string, in bytes": ('{{len .HyperParameters}}{{len "é"}}', "32"),
    "index and a field of what it gives": (
        "{{(index .HyperParameters 1).Value}}",
        "<value of layers>",
    ),
    "a variable lives until its branch ends": (
        '{{$x := "a"}}{{if true}}{{$x := "b"}}{{$x}}{{end}}{{$x}}',
        "ba",
    ),
    "a variable is set from within": ('{{$x := "a"}}{{if true}}{{$x = "b"}}{{end}}{{$x}}', "b"),
    "a variable that holds a value": (
        "{{range .HyperParameters}}{{$v := .Value}}{{$v}}{{end}}",
        "<value of lr><value of layers><value of optimizer>",
    ),
    "the dollar is the outermost dot": (
        "{{range .HyperParameters}}{{$.Trial}}{{end}}",
        "<trial>" * 3,
    ),
    "printf": ('{{printf "%s:%v:%d:%v%%" .Trial true 3 4}}', "<trial>:true:3:4%"),
    "print puts a space between two that are no strings": (
        '{{print 1 2 "a" 3 "b" "c" true false}}',
        "1 2a3bctrue false",
    ),
    "a pipe gives the last argument": ('{{.Trial | printf "%s-%s" "x"}}', "x-<trial>"),
    "escapes in strings": (r'{{"a\t\"\\\x41\u00e9\101"}}{{`\t`}}', 'a\t"\\AéA\\t'),
    "comments print nothing": ("a{{/* .Nothing */}}b", "ab"),
    "condition on a text that has more than a value in it": (
        '{{range .HyperParameters}}{{if print "x" .Value}}1{{end}}{{end}}',
        "111",
    ),
    "the trial's name is not empty": (
        "{{if .Trial}}yes{{end}}{{if not .NameSpace}}no{{end}}",
        "yes",
    ),
}


@pytest.mark.parametrize(("template", "text"), PRINTED.values(), ids=PRINTED)
def test_a_template_prints_what_go_prints(template: str, text: str) -> None:
    assert shown(template) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{range .HyperParameters}}x{{else}}none{{end}}", "none"),
        ("{{with .HyperParameters}}x{{else}}none{{end}}", "none"),
        ("{{if .HyperParameters}}x{{else}}none{{end}}", "none"),
        ("{{range .HyperParameters}}x{{end}}", ""),
    ],
)
def test_without_parameters_the_else_branch_is_printed(template: str, text: str) -> None:
    assert shown(template, ()) == text


@pytest.mark.parametrize("depth", range(1, 6))
def test_ranges_nest_to_any_depth(depth: int) -> None:
    template = "{{range $.HyperParameters}}" * depth + "{{.Name}}" + "{{end}}" * depth
    assert shown(template, ("a", "b")) == "ab" * 2 ** (depth - 1)


REFUSED = {
    "a field that is not there": ("a\n{{.Trail}}", 2, "has no .Trail, did you mean"),
    "a field in a parameter that is of the root": (
        "{{range .HyperParameters}}\n\n{{.Trial}}{{end}}",
        3,
        "a parameter has no .Trial; it has .Name, .Value",
    ),
    "a list": ("{{.HyperParameters}}", 1, "a list cannot be printed"),
    "a parameter": (
        "{{range .HyperParameters}}\n{{.}}{{end}}",
        2,
        "only its fields: .Name, .Value",
    ),
    "a field of a list": ("{{.HyperParameters.Name}}", 1, ".Name is asked of a list"),
    "a field of a text": ("{{.Trial.Name}}", 1, ".Name is asked of no thing with fields"),
    "range over a text": ("{{range .Trial}}{{end}}", 1, "range takes a list"),
    "an unknown function": ("\n{{upper .Trial}}", 2, "the function upper is not known"),
    "define": ('{{define "x"}}{{end}}', 1, "{{define}} cannot be converted"),
    "template": ('a\n\n{{template "x"}}', 3, "{{template}} cannot be converted"),
    "block": ('{{block "x" .}}{{end}}', 1, "{{block}} cannot be converted"),
    "break": ("{{range .HyperParameters}}{{break}}{{end}}", 1, "{{break}} cannot be converted"),
    "continue": ("{{range .HyperParameters}}{{continue}}{{end}}", 1, "{{continue}} cannot be"),
    "no end": ("a\n{{if true}}b", 2, "this if is not closed"),
    "an end too many": ("a\nb{{end}}", 2, "{{end}} without if, with or range"),
    "an else alone": ("{{else}}", 1, "{{else}} without if, with or range"),
    "a second else": ("{{if true}}\n{{else}}\n{{else}}{{end}}", 3, "the second {{else}}"),
    "else if below range": (
        "{{range .HyperParameters}}{{else if true}}{{end}}",
        1,
        "if is not exp",
    ),
    "nothing in the braces": ("\n{{}}", 2, "there is no value in this action"),
    "a value with arguments": ("{{.Trial 1}}", 1, "only a function takes arguments"),
    "no space between values": ('{{print "a""b"}}', 1, "a space is missing"),
    "a parenthesis that stays open": ("{{(print 1}}", 1, "this parenthesis is not closed"),
    "a variable that is not there": ("{{$y := 1}}\n{{$x}}", 2, "there is no variable $x here"),
    "a variable whose branch is over": ("{{if true}}{{$x := 1}}{{end}}{{$x}}", 1, "no variable $x"),
    "a variable that is set before it is declared": ("{{$x = 1}}", 1, "no variable $x"),
    "a variable of a branch that is not taken": (
        "{{if false}}\n{{$x}}{{end}}",
        2,
        "no variable $x",
    ),
    "a variable that only the other branch has": (
        "{{if false}}{{$x := 1}}{{else}}\n{{$x}}{{end}}",
        2,
        "no variable $x",
    ),
    "two variables without range": ("{{$a, $b := 1}}", 1, "there is no variable $a here"),
    "index behind the end": ("\n{{index .HyperParameters 3}}", 2, "no item 3, the list has 3"),
    "index of a text": ("{{index .Trial 0}}", 1, "index takes a list and an integer"),
    "len of a value": ("{{range .HyperParameters}}{{len .Value}}{{end}}", 1, "depends on value of"),
    "len of a number": ("{{len 1}}", 1, "len takes a string or a list"),
    "eq of two sorts": ('{{eq 1 "1"}}', 1, "only two strings, two integers or two truth values"),
    "eq of a truth value and a number": ("{{eq 1 true}}", 1, "only two strings"),
    "eq of one": ("{{eq 1}}", 1, "eq takes at least 2 arguments, here are 1"),
    "lt of strings": ('{{lt "a" "b"}}', 1, "lt compares integers only"),
    "printf with another verb": ('{{printf "%q" "a"}}', 1, "printf with %q cannot be converted"),
    "printf with too few values": ('{{printf "%s"}}', 1, "printf has no value for %s"),
    "printf with too many values": ('{{printf "a" 1}}', 1, "printf has more values"),
    "printf of a list": ('{{printf "%v" .HyperParameters}}', 1, "a list cannot be printed"),
    "a function without its arguments": ("{{not}}", 1, "not takes 1 arguments, here are 0"),
    "a pipe into a value": ("{{1 | .Trial}}", 1, "behind | comes a function"),
    "an octal number": ("{{010}}", 1, "010 is octal in Go"),
    "an unknown escape": (r'{{"\q"}}', 1, "Go knows no escape"),
    "a condition on a value": (
        "{{range .HyperParameters}}\n  {{if .Value}}x{{end}}{{end}}",
        2,
        "depends on value of lr, which is not known before there is a trial",
    ),
    "with on a value": (
        "{{range .HyperParameters}}\n{{with .Value}}{{end}}{{end}}",
        2,
        "depends on",
    ),
    "a comparison of a value": (
        '{{range .HyperParameters}}\n\n{{if eq .Value "adam"}}x{{end}}{{end}}',
        3,
        "depends on value of lr",
    ),
    "a comparison of a value behind others": (
        "{{range .HyperParameters}}{{eq .Name .Name .Value}}{{end}}",
        1,
        "depends on value of lr",
    ),
    "a comparison of the trial's name": ('{{ne .Trial "x"}}', 1, "depends on trial"),
    "nesting without end": ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", 1, "nested too deeply"),
}


@pytest.mark.parametrize(("template", "line", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_evaluated_is_named_with_its_line(
    template: str, line: int, problem: str
) -> None:
    with pytest.raises(ManifestError) as refused:
        shown(template)
    assert refused.value.line == line
    assert problem in str(refused.value)


def test_a_mark_is_no_character_of_the_template() -> None:
    assert shown("\ue000{{.Trial}}\ue001") == "\ue000<trial>\ue001"
