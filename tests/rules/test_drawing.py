"""The graph of a config as text and code."""

import re
from pathlib import Path

import pytest

from corowatch.loading import load_paths
from corowatch.rules.drawing import dot, drawing, mermaid, tree

CONFIGS = Path(__file__).parents[2] / "config"
CONFIG = """
flows:
  a:
    - tail: [/var/log/a.log, /var/log/b.log]
    - grep: 'ERROR|"<x>"'
      name: errors
    - threshold: {at_least: 5, within: 1m, by: [host]}
    - alert: {to: [out, console], title: '{text}'}
  b:
    from: [a.errors.otherwise, a.tail]
    alert: console
sinks:
  out: {file: /tmp/out}
"""


@pytest.fixture
def drawn(config):
    return drawing(config(CONFIG), {"a.tail": {"lines": 1234}, "a.errors": {"matched": 12, "failed": 0},
                                    "a.threshold": {"fired": 2}, "a.alert": {"alerts": 2}})


def test_a_tree_has_each_way_with_what_went_there(drawn):
    assert """\
a.tail  paths /var/log/a.log, /var/log/b.log
├─ errors (grep)  [1,234]  pattern ERROR|"<x>"
│  ├─ threshold  [12]  at_least 5, within 1m, by host
│  │  └─ alert  [2]
│  │     ├─ → out  [2]
│  │     └─ → console  [2]
│  └─ b: alert  [otherwise]
│     └─ → console
└─ b: alert  [1,234]  (above)""" == "\n".join(tree(drawn))


def test_mermaid_has_a_subgraph_for_each_flow_and_texts_that_are_no_code(drawn):
    lines = list(mermaid(drawn))

    assert ["flowchart LR", '  subgraph f0["a"]', '    n0[/"tail<br>paths /var/log/a.log, /var/log/b.log"/]',
            '    n1["errors #40;grep#41;<br>pattern ERROR#124;#34;#60;x#62;#34;"]'] == lines[:4]
    assert '  n0 -->|"1,234"| n1' in lines
    assert '  n1 -->|"otherwise"| n4' in lines
    assert '  n6(["console"])' in lines or '  n5(["console"])' in lines


@pytest.mark.parametrize("name", ["end", "graph", "subgraph", "click", "default", "o"])
def test_a_flow_and_a_step_may_have_a_word_of_mermaids_as_their_name(config, name):
    text = f"flows: {{'{name}': [{{tail: a.log}}, {{grep: x, name: end}}, {{alert: console}}]}}"
    lines = list(mermaid(drawing(config(text))))

    assert f'  subgraph f0["{name}"]' == lines[1]
    assert '    n1["end #40;grep#41;<br>pattern x"]' in lines
    assert 1 == lines.count("  end")


def test_dot_quotes_what_it_must(drawn):
    text = "\n".join(dot(drawn))

    assert r'"a.errors" [shape=box, label="errors (grep)\npattern ERROR|\"<x>\""];' in text
    assert '"a.tail" -> "a.errors" [label="1,234"];' in text
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("form", [tree, mermaid, dot])
def test_every_example_at_once_can_be_drawn(form):
    told = "\n".join(form(drawing(load_paths(sorted(map(str, CONFIGS.glob("examples/*/config.yaml")))))))

    assert all(re.search(rf"\b{flow}\b", told) for flow in ("ssh-failures", "disk-io"))
