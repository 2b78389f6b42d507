import re
import shutil
from pathlib import Path

GUIDE = Path(__file__).resolve().parent.parent.parent / "examples" / "guide"


def test_the_guides_code_runs(golden, tmp_path, monkeypatch, capsys):
    guide = (GUIDE / "at_home.md").read_text("utf-8")
    code = re.search(r"```python\n(from semblance .*?)```", guide, re.S)[1]
    shutil.copytree(golden("bert-mlm").folder, tmp_path / "bge-small-zh-v1.5")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert re.match(r"\[\[(1\.|0\.99999)", capsys.readouterr().out)
