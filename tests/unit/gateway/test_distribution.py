from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest

from ingest.errors import GatewayError
from ingest.gateway import distribution
from ingest.gateway.distribution import client_package, sole_provider


def test_the_package_behind_ibapi_is_named_with_its_version() -> None:
    assert client_package() == "nautilus-ibapi 10.46.1"


def test_several_packages_that_overwrite_each_other_are_named_with_a_remedy() -> None:
    with pytest.raises(GatewayError) as conflict:
        sole_provider([("nautilus_ibapi", "10.46.1"), ("ibapi", "9.81.1.post1")])
    assert "2 installed packages provide `ibapi`" in conflict.value.message
    assert "ibapi 9.81.1.post1, nautilus-ibapi 10.46.1" in conflict.value.message
    assert conflict.value.hint.startswith("Run `pip uninstall -y ibapi nautilus-ibapi`")


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(GatewayError, match=r"Install nautilus-ibapi==10\.46\.1"):
        sole_provider([])


def test_the_same_package_seen_twice_on_the_path_is_one() -> None:
    assert sole_provider([("ibapi", "10.37"), ("ibapi", "10.37")]) == "ibapi 10.37"


def test_distributions_are_found_by_the_folder_they_own(tmp_path: Path) -> None:
    for name, owned in (("one", "ibapi/__init__.py"), ("two", "ibapi_tools/__init__.py"), ("three", "ibapi/client.py")):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (folder / "RECORD").write_text(f"{owned},,\n")
    (tmp_path / "three-1.0.dist-info" / "top_level.txt").write_text("ibapi\n")
    found = distribution._providers(metadata.distributions(path=[str(tmp_path)]))
    assert sorted(found) == [("one", "1.0"), ("three", "1.0")]


def test_a_second_package_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(_installed: Iterable[metadata.Distribution]) -> list[tuple[str, str]]:
        return [("ibapi", "9.81"), ("nautilus-ibapi", "10.46.1")]

    monkeypatch.setattr(distribution, "_providers", two)
    with pytest.raises(GatewayError, match="overwrite each other"):
        client_package.__wrapped__()


def test_the_slow_protobuf_backend_is_warned_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(distribution, "_protobuf_backend", lambda: "python")
    client_package.__wrapped__()
    assert "gateway.protobuf_is_slow" in capsys.readouterr().out
