import { expect, test } from "bun:test";
import { compileTemplate } from "./template.ts";

const DATA = {
  Name: "web",
  Count: 3,
  On: true,
  Nothing: null,
  List: ["a", "b", "c"],
  Empty: [],
  Labels: { zone: "eu", app: "shop" },
  Config: { Env: ["A=1"], Labels: { "com.example.x": "y" } },
  Label: (key: unknown) => `<${key}>`,
};

function filled(template: string): string {
  return compileTemplate(template)(DATA);
}

function failure(template: string): string {
  try {
    return `no error but ${filled(template)}`;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : "";
  }
}

const CASES: Record<string, [template: string, expected: string][]> = {
  "fields and text": [
    ["{{.Name}}: {{ .Count }}", "web: 3"],
    ["{{.Config.Env}} {{.Labels}}", "[A=1] map[app:shop zone:eu]"],
    ["{{.Nothing}}|{{.Labels.none}}|{{.On}}", "<nil>|<no value>|true"],
    ["{{.Labels.zone}}", "eu"],
    ["{{$.Name}}", "web"],
  ],
  "white space trimming and comments": [
    ["a {{- .Name -}} b", "awebb"],
    ["a{{/* }} not the end */}}b", "ab"],
    ["{{3 -}} x", "3x"],
  ],
  "strings with the closing braces in them": [
    ['{{"}}"}}', "}}"],
    ['{{`{{"\\n`}}', '{{"\\n'],
    ['{{"a\\tb"}}', "a\tb"],
  ],
  "docker's functions": [
    ["{{json .List}}", '["a","b","c"]'],
    ["{{.Config | json}}", '{"Env":["A=1"],"Labels":{"com.example.x":"y"}}'],
    ['{{json "<&>"}}', '"<&>"'],
    ['{{join .List ", "}}', "a, b, c"],
    ['{{range split "x,y" ","}}[{{.}}]{{end}}', "[x][y]"],
    ["{{upper .Name}} {{lower `ABC`}} {{title `two words`}}", "WEB abc Two Words"],
    [
      "{{truncate .Name 2}}|{{truncate .Name 9}}|{{pad .Name 1 2}}|{{pad `` 1 2}}|",
      "we|web| web  ||",
    ],
    ["{{println .Name 1}}", "web 1\n"],
  ],
  "Go's functions": [
    ['{{index .Config.Labels "com.example.x"}}|{{index .Labels "none"}}|{{index .List 1}}', "y||b"],
    ["{{len .List}} {{len .Name}} {{slice .Name 1}} {{slice .Name 0 2}}", "3 3 eb we"],
    [
      '{{printf "%-5s|%5s|%d|%q|%t|%.1f|%%" .Name .Name .Count .Name .On 1.5}}',
      'web  |  web|3|"web"|true|1.5|%',
    ],
    ["{{print 1 2 `a` 3}}", "1 2a3"],
    [
      "{{eq .Name `x` `web`}} {{ne 1 2}} {{lt 1 2}} {{ge `a` `b`}} {{not .On}}",
      "true true true false false",
    ],
    ["{{and .On .Name}} {{or .Nothing .Name}} {{and .Nothing .Nothing.X}}", "web web <nil>"],
  ],
  "conditions": [
    ["{{if .On}}yes{{else}}no{{end}}", "yes"],
    ["{{if .Empty}}a{{else if eq .Count 3}}b{{else}}c{{end}}", "b"],
    ["{{with .Labels.zone}}in {{.}} {{$.Name}}{{end}}", "in eu web"],
    ["{{with .Nothing}}x{{else}}none{{end}}", "none"],
    ["{{if and .On (gt .Count 2)}}big{{end}}", "big"],
  ],
  "loops": [
    ["{{range .List}}{{.}},{{end}}", "a,b,c,"],
    ["{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}", "0=a 1=b 2=c "],
    ["{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "app=shop zone=eu "],
    ["{{range .Empty}}x{{else}}empty{{end}}", "empty"],
    ["{{range .List}}{{if eq . `b`}}{{continue}}{{end}}{{.}}{{end}}", "ac"],
    ["{{range .List}}{{.}}{{if eq . `b`}}{{break}}{{end}}{{end}}!", "ab!"],
    ["{{range $i, $v := .List}}{{if $i}},{{end}}{{$v}}{{end}}", "a,b,c"],
  ],
  "variables and parentheses": [
    ["{{$x := .Name}}{{$x}}{{$x = `y`}}{{$x}}", "weby"],
    ["{{$last := ``}}{{range .List}}{{$last = .}}{{end}}{{$last}}", "c"],
    ["{{(index .List 0) | upper}} {{(.Config).Env}}", "A [A=1]"],
    ["{{.Name | printf `%s-%s` `a`}}", "a-web"],
  ],
  "methods with arguments": [
    ['{{.Label "k"}}', "<k>"],
    ['{{"k" | .Label}}', "<k>"],
  ],
};

for (const [what, cases] of Object.entries(CASES)) {
  test(`a template knows ${what}`, () => {
    for (const [template, expected] of cases) {
      expect([template, filled(template)]).toEqual([template, expected]);
    }
  });
}

test("a template that cannot be read is refused with the reason", () => {
  const wrong: [string, string][] = [
    ["{{.Name", "template parsing error: unclosed action"],
    ["{{}}", "template parsing error: missing value for command"],
    ['{{"abc}}', "template parsing error: unterminated quoted string"],
    ["{{if .On}}x", "template parsing error: unexpected EOF"],
    ["{{end}}", "template parsing error: unexpected {{end}}"],
    ["{{else}}", "template parsing error: unexpected {{else}}"],
    ["{{if .On}}a{{else}}b{{else}}c{{end}}", "template parsing error: expected {{end}}"],
    ["{{(.Name}}", "template parsing error: unclosed left paren"],
    ["{{break}}", "template parsing error: {{break}} outside {{range}}"],
    ["{{define `x`}}{{end}}", "template parsing error: {{define}} is not supported by tsbox"],
    ["{{.Name ? 1}}", 'template parsing error: unexpected "?" in action'],
    ["{{.Name )}}", 'template parsing error: unexpected ")" in command'],
  ];
  for (const [template, message] of wrong) {
    expect([template, failure(template)]).toEqual([template, message]);
  }
});

test("a field, function or variable that does not exist is refused by name", () => {
  expect(failure("{{.Nmae}}")).toBe("template: executing at <.Nmae>: can't evaluate field Nmae");
  expect(failure("{{.Name.X}}")).toBe("template: executing at <.Name.X>: can't evaluate field X");
  expect(failure("{{.Nothing.X}}")).toBe(
    'template: executing at <.Nothing.X>: nil data; no entry for key "X"',
  );
  expect(failure("{{shell .Name}}")).toBe(
    'template parsing error: function "shell" not defined',
  );
  expect(failure("{{$x}}")).toBe('template: undefined variable "$x"');
  expect(failure("{{.Name 1}}")).toBe("template: can't give argument to non-function .Name");
  expect(failure("{{printf `%z` 1}}")).toBe('Cannot print with "%z": tsbox does not know it');
});

test("members every JavaScript object has are not fields", () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    expect(filled(`{{.${name}}}`)).toBe("<no value>");
    expect(failure(`{{${name} 1}}`)).toBe(
      `template parsing error: function "${name}" not defined`,
    );
  }
});
