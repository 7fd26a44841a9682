"""Make a language model good at your domain without making it worse at everything else.

What commands do, from Python (docs/api.md). A name is imported when it is first used, so that `import redone` loads
nothing else.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redone.api import (
        Dataset,
        Evaluation,
        Record,
        Remark,
        Run,
        RunConfig,
        Task,
        Verdict,
        adapt,
        check,
        compare,
        evaluate,
        load_config,
        load_pack,
        metrics,
        rollouts,
        score,
        scores,
    )

__all__ = [
    "load_config",
    "load_pack",
    "check",
    "adapt",
    "evaluate",
    "score",
    "compare",
    "metrics",
    "rollouts",
    "scores",
    "Run",
    "Evaluation",
    "Remark",
    "RunConfig",
    "Dataset",
    "Task",
    "Record",
    "Verdict",
]

if not TYPE_CHECKING:  # or a type checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'redone' has no attribute {name!r}")
        from redone import api

        return getattr(api, name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
