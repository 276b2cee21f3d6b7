from pathlib import Path

import pytest

from heliograph.config.problems import Problems
from heliograph.config.properties import parse_properties
from heliograph.config.variables import Expanded, Variables
from heliograph.errors import ConfigError

PACKAGE = "org.apache.kafka.common.config.provider"
FILE = f"config.providers=f\nconfig.providers.f.class={PACKAGE}.FileConfigProvider\n"


def expand(text, environ=None, *, head=""):
    file = parse_properties(f"{head}key={text}".encode(), Path("mm2.properties"))
    problems = Problems()
    expanded = Variables(file, environ or {}, problems).expand(file.entries["key"])
    problems.raise_all(file.path)
    return expanded


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${A}", "one"),
        ("<${A}-${B}>", "<one-two>"),
        ("${A", "${A"),
        ("$A", "$A"),
        ("${}", "${}"),
        ("${1}", "${1}"),
        ("${C}", "${A}"),
        ("^foo$", "^foo$"),
    ],
)
def test_names_are_replaced_once_and_other_text_is_left_alone(text, expanded):
    assert expand(text, {"A": "one", "B": "two", "C": "${A}"}) == Expanded(expanded, from_provider=False)


def test_a_variable_that_is_not_set_is_named_with_its_line():
    with pytest.raises(ConfigError, match=r"mm2\.properties:2 key needs the environment variable NOT_THERE"):
        expand("${NOT_THERE}", head="# one\n")


def test_a_file_provider_reads_a_key_of_another_file(tmp_path):
    secrets = tmp_path / "secrets.properties"
    secrets.write_text("user = admin\npassword = a\\u0062c\n")
    expanded = expand(f"${{f:{secrets}:user}}/${{f:{secrets}:password}}", head=FILE)
    assert expanded == Expanded("admin/abc", from_provider=True)


def test_a_directory_provider_reads_a_whole_file(tmp_path):
    (tmp_path / "password").write_text("abc")
    head = f"config.providers=d\nconfig.providers.d.class={PACKAGE}.DirectoryConfigProvider\n"
    assert expand(f"${{d:{tmp_path}:password}}", head=head).text == "abc"
    with pytest.raises(ConfigError, match="no file name"):
        expand(f"${{d:{tmp_path}:../password}}", head=head)


def test_an_environment_provider_obeys_its_list():
    head = (
        f"config.providers=e\nconfig.providers.e.class={PACKAGE}.EnvVarConfigProvider\n"
        "config.providers.e.param.allowlist.pattern=KAFKA_.*\n"
    )
    assert expand("${e:KAFKA_USER}", {"KAFKA_USER": "me"}, head=head).text == "me"
    with pytest.raises(ConfigError, match="does not allow"):
        expand("${e:HOME}", {"HOME": "/home"}, head=head)


@pytest.mark.parametrize(
    ("head", "text", "problem"),
    [
        ("", "${file:/a:b}", "declares no 'file'"),
        ("config.providers=f\n", "x", r"config\.providers\.f\.class is missing"),
        ("config.providers=f\nconfig.providers.f.class=com.acme.Vault\n", "x", "cannot run here"),
        ("config.providers=f,,\n", "x", "empty items"),
        (FILE, "${f:only}", "lacks a path"),
        (FILE, "${f:/does/not/exist:k}", "does not exist"),
    ],
)
def test_a_reference_that_cannot_be_followed_is_an_error(head, text, problem):
    with pytest.raises(ConfigError, match=problem):
        expand(text, head=head)


def test_a_missing_key_and_a_forbidden_path_are_errors(tmp_path):
    (tmp_path / "s.properties").write_text("a=1")
    with pytest.raises(ConfigError, match="has no key b"):
        expand(f"${{f:{tmp_path}/s.properties:b}}", head=FILE)
    head = FILE + f"config.providers.f.param.allowed.paths={tmp_path}/inside\n"
    with pytest.raises(ConfigError, match=r"allowed\.paths does not allow"):
        expand(f"${{f:{tmp_path}/inside/../s.properties:a}}", head=head)
