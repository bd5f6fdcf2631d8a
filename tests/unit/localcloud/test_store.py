from __future__ import annotations

from pathlib import Path

from localcloud.cloud.store import Store


def test_documents_persist_after_the_store_is_closed(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.put("model", "a", {"weights": [1.5]})
    store.update("model", "a", lambda document: document.update(name="a"))
    store.close()
    assert Store(tmp_path / "state.db").get("model", "a") == {"weights": [1.5], "name": "a"}


def test_kinds_are_separate_and_deleted_documents_are_removed(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.put("model", "a", {"kind": "model"})
    store.put("endpoint", "a", {"kind": "endpoint"})
    store.delete("model", "a")
    assert store.all("model") == []
    assert store.all("endpoint") == [{"kind": "endpoint"}]
    assert store.update("model", "a", dict.clear) is None


def test_changing_a_returned_document_does_not_change_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.put("model", "a", {"tags": []})
    read = store.get("model", "a")
    assert read is not None
    read["tags"].append("x")
    assert store.get("model", "a") == {"tags": []}
