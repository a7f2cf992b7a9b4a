#!/usr/bin/env python3
"""Writes templates-cases.jsonl: small templates with what Jinja2 makes of them.

    pip install jinja2==3.1.6
    python3 templates_cases.py > templates-cases.jsonl

Every case is a product of a value, an operation and an environment, so the file says which feature a failure is about.
The template tests run it without Python: {"t": template, "e": environment, "x": extra templates, "o": output} or "c"/"l": error class and line.
All cases share one context, the first line of the file.
"""
import json, warnings
import jinja2, jinja2.sandbox, jinja2.ext

warnings.simplefilter("ignore")

CONTEXT = {
    "n": 7, "k": -3, "big": 10 ** 25, "f": 2.675, "g": -0.5, "e": 1e16, "yes": True, "no": False, "nil": None,
    "s": "Hello World", "u": "Straße ΑΣ ǆ 漢😀", "q": "it's \"so\" <b>&</b>", "pad": "  two\twords \n", "num": " 42 ", "lines": "a\r\nb\n\nc",
    "long": "The quick-brown fox jumps over the lazy dog, again and again -- it never-ever tires.",
    "nums": [3, 1, 2, 10, -4], "words": ["pear", "Apple", "fig", "apple", "Zoo"], "empty": [], "mixed": [1, "two", 3.5, None, True, [1, "x"], {"k": "v"}],
    "d": {"b": 2, "a": 1, "C": 3}, "items": {"items": 5, "x-y": "z"},
    "users": [{"name": "Ann", "age": 31, "tags": ["x", "y"], "at": {"city": "Oslo"}}, {"name": "bob", "age": 7, "tags": [], "at": {"city": "Rome"}},
              {"name": "Cid", "age": 31, "tags": ["z"], "at": {"city": "oslo"}}],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}, {"v": 5, "kids": []}],
}
TEMPLATES = {
    "inc": "[{{ n }}|{{ loc|default('-') }}]", "lib": "{% macro m(a, b=2) %}<{{ a }},{{ b }},{{ n|default('?') }}>{% endmacro %}{% set v = 'V' %}{% set _h = 1 %}text",
    "base": "A{% block a %}base {{ n }}{% endblock %}B{% block b scoped %}{% endblock %}C{{ self.a() }}", "mid": "{% extends 'base' %}{% block a %}mid {{ super() }}{% endblock %}",
    "req": "{% block r required %}{% endblock %}", "loopinc": "{{ i }}{{ loop.index }}",
}

VALUES = ["n", "k", "big", "f", "g", "e", "yes", "nil", "s", "u", "q", "pad", "num", "lines", "long", "nums", "words", "empty", "mixed", "d", "users", "missing",
          "'<i>'|safe", "range(4)", "(1, 'b')", "d.items()", "1.0", "''"]
FILTERS = """abs|attr('real')|batch(2)|list|batch(3, 0)|list|capitalize|center(15)|default('D')|default('D', true)|dictsort|dictsort(by='value')|dictsort(true, reverse=true)
e|escape|filesizeformat|filesizeformat(true)|first|float|float(1.5)|forceescape|format(1, 'b')|groupby('age')|list|groupby('at.city', case_sensitive=true)|list|indent|indent(2, true)
indent('> ', blank=true)|int|int(3)|int(0, 16)|items|list|join|join(', ')|join('<', attribute='name')|last|length|list|lower|map('upper')|list|map(attribute='name')|list
map(attribute='zip', default='?')|list|map('default', 'x')|join|max|max(attribute='age')|min|min(case_sensitive=true)|pprint|reject|list|rejectattr('tags')|list|replace('a', 'Ä')
replace('l', '<', 2)|reverse|list|round|round(1)|round(2, 'floor')|round(-1)|round(1, 'ceil')|safe|select('string')|list|selectattr('age', 'gt', 10)|map(attribute='name')|list
slice(3)|list|slice(2, 'f')|list|sort|sort(true)|sort(attribute='age,name')|sort(case_sensitive=true)|string|striptags|sum|sum('age')|sum(start=100)|title|tojson|tojson(2)|trim
trim('Ho ')|truncate(9)|truncate(9, true)|truncate(12, false, '~', 0)|unique|list|unique(attribute='age')|list|upper|urlencode|urlize|urlize(12, true)|wordcount|wordwrap(10)
wordwrap(7, false)|wordwrap(12, wrapstring='|')|wordwrap(9, break_on_hyphens=false)|xmlattr|nosuch""".replace("\n", "|")
TESTS = """boolean callable defined escaped even false filter float integer iterable lower mapping none number odd sequence string true undefined upper divisibleby(3) eq(7) ne(7) lt(5) ge(7)
in([7,'two']) sameas(none)""".split()
METHODS = """upper() lower() title() capitalize() swapcase() casefold() strip() lstrip() rstrip() strip('Hd ') split() split(' ') split('l',1) rsplit(none,1) rsplit('o',1) splitlines() splitlines(true)
replace('l','L',1) partition(' ') rpartition('o') find('o') rfind('o') index('zz') count('l') startswith('He') endswith(('d','x')) center(20,'*') ljust(14,'.') rjust(14) zfill(14) expandtabs(4)
removeprefix('He') removesuffix('ld') isalpha() isdigit() isspace() isupper() islower() istitle() isalnum() isidentifier() isprintable() join(words) format(1,2) nosuch()""".split()
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
OPERANDS = ["n", "k", "big", "f", "g", "0", "0.0", "true", "nil", "'ab'", "s", "[1]", "(1,)", "d", "missing", "2**70", "'<i>'|safe"]
EXPRESSIONS = """1 if n > 5 else 2
1 if n > 50
n if missing is defined else 'no'
2**3**2
-2**2
-k|abs
1 ~ 2 + 3
1 < 2 < 3
1 < 2 > 5
not n == 7
[1, 2, 3][1:]
s[::-1]
s[-3:-1]
u[2]
u[-1]
u|length
nums[10]
nums[10].x
d.a
d['a']
items.items
items['items']
items['x-y']
nums.0
mixed[6].k
{'a': 1, 'b': [1, none, {'c': 'x'}]}
{1: 'i', 1.0: 'f', true: 'b'}
{'a': 1}.b
[[], (), {}, (1,), "it's", 'q"q', 'b"\\'', '\\n\\x01é\\u200b']
1e5, 1e15, 1e16, 1e-4, 1e-5, 123456789.125, 1_000, 0xff, 0o17, 0b11, 1e400
-7 // 2, 7 // -2, -7 % 3, 7 % -3, 7.5 // -2, -7.5 % 2, 2 ** -1
9007199254740993 / 1, 2**64 - 1, -2**63, 10**20 // 3, -(10**20) % 7
'%s|%r|%5.2f|%-6d|%x' % ('a', 'b', 3.14159, 42, 255)
'%(a)s' % {'a': 1}
'%d' % 'x'
'%s' % (1, 2)
'%05.1f|%+d|%c|%%|%e|%g' % (3.14159, 5, 'x', 12345.678, 1e-5)
'{} {1}'.format(1, 2)
'{0:>5}|{1:<5}|{2:^5}|{a:05d}|{b:,}|{c:.2f}|{c:e}|{d!r:>8}'.format('a', 'b', 'c', a=42, b=1234567, c=3.14159, d='x')
'{0[a]} {0[b]}'.format(d)
'{:x} {:#x} {:b} {:o} {:+} {: } {:%}'.format(255, 255, 5, 8, 3, 4, 0.25)
range(3), range(1, 10, 4)|list, range(5, 0, -2)|list
dict(a=1, **{'b': 2})
namespace(a=1).a
cycler('a', 'b').next()
joiner('|')() ~ joiner('|')()
users|map(attribute='at.city')|join('/')
users|selectattr('age', 'eq', 31)|map(attribute='name')|map('upper')|join(', ')
users|groupby('age')|map('first')|list
s|upper|lower|title|replace('W', 'w')
('a' 'b' "c")
'a' if no else 'b' if no else 'c'
missing.x
missing is defined and missing.x
missing|default(missing2|default('z'))
users[0].nope
users[0].nope.deep
''.__class__
''.__class__.mro()
nums.append(1)
nums.sort()
d.update({'z': 1})
d.get('a'), d.get('zz'), d.get('zz', 5), d.keys()|list, d.values()|list, d.items()|list
range(1000000)
'a' + 1
1 + 'a'
none + 1
[1] + [2], (1,) + (2,), [0] * 3, 'ab' * 2
1/0
n()
s.upper
loop
x is nosuch
a b
1 +
f(
'open
{{ n }}
n|
n is""".split("\n")
STATEMENTS = """{% for i in nums %}{{ loop.index }}/{{ loop.length }}:{{ i }}{{ ',' if not loop.last }}{% endfor %}
{% for i in nums if i > 1 %}{{ loop.index }}{{ loop.last }}{{ loop.nextitem }}{% else %}none{% endfor %}
{% for i in empty %}x{% else %}empty{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for a, b in [[1, 2], [3]] %}{{ a }}{% endfor %}
{% for x in tree recursive %}{{ x.v }}{{ loop.depth }}{% if x.kids %}({{ loop(x.kids) }}){% endif %}{% endfor %}
{% for i in nums %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 10 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(3) %}{{ x }}{% set x = i %}{% endfor %}
{% set x = 1 %}{% for i in range(3) %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}
{% set ns = namespace(c=0) %}{% for i in nums %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}{{ ns }}
{% set x %}<{{ n }}>{% endset %}{{ x }}{% set y | upper %}abc{% endset %}{{ y }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = 1 %}
{% set n.x = 1 %}
{% if n > 5 %}{% set z = 'in' %}{% endif %}{{ z }}{% if no %}{% set w = 1 %}{% endif %}{{ w|default('none') }}
{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}
{% with a = 1, b = n %}{{ a + b }}{% endwith %}{{ a|default('gone') }}
{% macro m(a, b='B', c=a) %}[{{ a }}{{ b }}{{ c }}{{ varargs }}{{ kwargs }}]{% endmacro %}{{ m(1) }}{{ m(1, 2, 3, 4, x=5) }}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(x) %}{{ caller(x, 2) }}{% endmacro %}{% call(a, b=9) m('q') %}{{ a }}{{ b }}{{ n }}{% endcall %}
{% macro m() %}{{ caller is defined }}{{ m.name }}{{ m.arguments }}{{ m.caller }}{% endmacro %}{{ m() }}{% call m() %}x{% endcall %}
{% filter upper|replace('A', 'b') %}aa{{ n }}{% endfilter %}
{% include 'inc' %}{% set loc = 'L' %}{% include 'inc' %}{% include 'inc' without context %}
{% include 'none' ignore missing %}{% include ['none', 'inc'] %}{% include 'none' %}
{% for i in nums %}{% include 'loopinc' %}{% endfor %}
{% import 'lib' as l %}{{ l.m(1) }}{{ l.v }}{{ l._h }}{% import 'lib' as c with context %}{{ c.m(1) }}
{% from 'lib' import m as mm, v %}{{ mm('x') }}{{ v }}{% from 'lib' import nope %}{{ nope }}
{% extends 'base' %}{% block a %}child {{ super() }}{% endblock %}ignored{% set q = 1 %}{% block b %}{{ n }}{% endblock %}
{% extends 'mid' %}{% block a %}{{ super() }}{{ super.super() }}!{% endblock %}
{% extends 'req' %}
{% extends 'req' %}{% block r %}ok{% endblock %}
{% block a %}1{% endblock %}{{ self.a() }}{{ self.zz }}
{% autoescape true %}{{ q }}{{ q|safe }}{{ '<' ~ q }}{{ '<a>'|safe ~ q }}{% endautoescape %}{{ q }}
{% autoescape yes %}{{ '<' }}{% macro m() %}<{{ '<' }}>{% endmacro %}{{ m() }}{% endautoescape %}
{% raw %}{{ x }}{% y %}{% endraw %}{# {{ z }} #}.
{% do nums.append(99) %}{{ nums }}
{% generation %}{{ n }}{% endgeneration %}
{%- for i in [1, 2] -%}  {{ i }}  {%- endfor +%}  x
{{ n -}}   y   {{- n }}{%- if true %} z {% endif -%} w
a {%+ if true %} b
  {% if true %}
  c
  {% endif %}
d
line{% if true %}\n{% endif %}\n\n{{ missing.attr }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}
{% set j = joiner('; ') %}{% for i in nums %}{{ j() }}{{ i }}{% endfor %}
{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{{ loop.cycle('a', 'b') }}{{ loop.previtem|default('-') }}{{ loop.revindex0 }}{% endfor %}
{{ raise_exception('stop') }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %a %A %b %B %j %p %I %y %U %W %w') }}
{% for %}
{% endif %}
{% nosuch %}
{% if n %}
{% macro m(a=1, b) %}{% endmacro %}
{% block a %}{% endblock %}{% block a %}{% endblock %}
{{ 'a'|nosuch }}
{% if no %}{{ 'a'|nosuch }}{% endif %}ok
{# open
{% raw %} open""".split("\n")
STATEMENTS = [s.replace("\\n", "\n") for s in STATEMENTS]
ENVIRONMENTS = [{"undefined": "strict", "loopcontrols": True, "do": True, "generation": True}, {"undefined": "default", "autoescape": True},
                {"undefined": "chainable", "trim_blocks": True, "lstrip_blocks": True}, {"undefined": "debug"}, {"hf": True}]


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def make(e):
    hf = e.get("hf")
    ext = (["jinja2.ext.loopcontrols"] if hf or e.get("loopcontrols") else []) + (["jinja2.ext.do"] if e.get("do") else []) + ([Generation] if hf or e.get("generation") else [])
    cls = jinja2.sandbox.ImmutableSandboxedEnvironment if hf else jinja2.sandbox.SandboxedEnvironment
    kinds = {"default": jinja2.Undefined, "strict": jinja2.StrictUndefined, "chainable": jinja2.ChainableUndefined, "debug": jinja2.DebugUndefined}
    env = cls(loader=jinja2.DictLoader(TEMPLATES), extensions=ext, undefined=kinds[e.get("undefined", "default")], autoescape=bool(e.get("autoescape")),
              trim_blocks=bool(hf or e.get("trim_blocks")), lstrip_blocks=bool(hf or e.get("lstrip_blocks")))
    if hf:
        env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
            x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def stop(message):
        raise jinja2.exceptions.TemplateError(message)

    import datetime
    env.globals["raise_exception"] = stop
    env.globals["strftime_now"] = lambda f: datetime.datetime(2025, 6, 15, 12, 34, 56).strftime(f)
    return env


def run(env, template):
    try:
        out = env.from_string(template).render(json.loads(json.dumps(CONTEXT)))
        # Addresses differ from run to run, and complex numbers are left out.
        return None if " at 0x" in out or out.endswith("j)") else {"o": out}
    except Exception as e:
        line = None
        if isinstance(e, jinja2.TemplateSyntaxError):
            line = e.lineno
        else:
            tb = e.__traceback__
            while tb is not None:
                if tb.tb_frame.f_code.co_filename == "<template>" or tb.tb_frame.f_code.co_filename in TEMPLATES:
                    line = tb.tb_lineno
                tb = tb.tb_next
        return {"c": type(e).__name__, "l": line}


def main():
    print(json.dumps({"context": CONTEXT, "templates": TEMPLATES, "environments": ENVIRONMENTS}, ensure_ascii=False))
    filters = [f for f in split_filters(FILTERS)]
    plain = ["{{ %s|%s }}" % (v if v[0] not in "1" else "(%s)" % v, f) for v in VALUES for f in filters]
    plain += ["{{ (%s) is %s }}" % (v, t) for v in VALUES for t in TESTS]
    plain += ["{{ %s.%s }}" % (v, m) for v in ("s", "u", "pad", "'<i>'|safe") for m in METHODS] + ["{{ (%s).%s }}" % (v, m) for v in ("n", "nums", "missing") for m in METHODS[:3]]
    plain += ["{{ %s %s %s }}" % (a, o, b) for a in OPERANDS for o in BINARY for b in OPERANDS
              if not (o == "**" and b in ("big", "2**70"))]
    seen = 0
    for i, t in enumerate(plain):
        # Each product in one environment, in turn, so that all meet all kinds in time without five times the bytes.
        n = (0, 1, 3, 2, 4)[i % 5] if i % 3 else 0
        emit(t, n)
        seen += 1
    for t in ["{{ %s }}" % e for e in EXPRESSIONS] + STATEMENTS:
        for n in range(len(ENVIRONMENTS)):
            emit(t, n)


ENVS = [make(e) for e in ENVIRONMENTS]


def emit(t, n):
    r = run(ENVS[n], t)
    if r is not None:
        print(json.dumps({"t": t, "e": n, **r}, ensure_ascii=False, separators=(",", ":")))


def split_filters(text):
    """Splits at `|` outside parentheses and quotes, keeping `|list` and other second halves with the first."""
    parts, cur, depth, quote = [], "", 0, None
    for ch in text:
        if quote:
            quote = None if ch == quote else quote
        elif ch in "'\"":
            quote = ch
        elif ch in "([":
            depth += 1
        elif ch in ")]":
            depth -= 1
        if ch == "|" and depth == 0 and not quote:
            parts.append(cur)
            cur = ""
        else:
            cur += ch
    parts.append(cur)
    out = []
    for p in parts:
        if out and p == "list" and out[-1].split("(")[0] in ("batch", "groupby", "items", "map", "reject", "rejectattr", "reverse", "select", "slice", "unique"):
            out[-1] += "|list"
        else:
            out.append(p)
    return out


if __name__ == "__main__":
    main()
