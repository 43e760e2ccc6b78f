"""Brahma: train your own language model, and trust the result.

from brahma import Dataset, Evaluator, ModelSpec, Trainer

data = Dataset.from_file("chat.jsonl")
run = Trainer(ModelSpec.preset("micro"), data, lr=3e-4, epochs=1).fit()
score = Evaluator(run.best).evaluate_custom("held_out.jsonl")
"""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brahma.core.runs import Run as Run
    from brahma.core.spec import ModelSpec as ModelSpec
    from brahma.data import Dataset as Dataset
    from brahma.evaluation import Evaluator as Evaluator
    from brahma.train import Search as Search
    from brahma.train import Trainer as Trainer

# name -> (module that defines it, distribution that ships the module)
_EXPORTS = {
    "Dataset": ("brahma.data", "brahma-data"),
    "Evaluator": ("brahma.evaluation", "brahma-eval"),
    "ModelSpec": ("brahma.core.spec", "brahma-core"),
    "Run": ("brahma.core.runs", "brahma-core"),
    "Search": ("brahma.train", "brahma-train"),
    "Trainer": ("brahma.train", "brahma-train"),
}

__version__ = "0.1.0"
__all__ = ["Dataset", "Evaluator", "ModelSpec", "Run", "Search", "Trainer", "__version__"]

if not TYPE_CHECKING:  # seen by a type checker, this would make it accept any misspelt import

    def __getattr__(name: str) -> Any:
        if name not in _EXPORTS:
            raise AttributeError(f"module 'brahma' has no attribute {name!r}; it has {', '.join(__all__)}")
        from importlib import import_module

        module, distribution = _EXPORTS[name]
        try:
            value = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise ImportError(f"brahma.{name} needs {distribution}: pip install {distribution}") from error
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
