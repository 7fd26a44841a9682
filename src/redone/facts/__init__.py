"""The facts of texts in English and Chinese: amounts, moments, names and negations, compared by what they say.

The border: `fidelity` takes texts, a source and a rewrite of it, with further facts and names as texts, and gives a
`Fidelity`, which facts are kept, lost and invented. Nothing here knows of records, rewards or tasks, nothing here is
imported from elsewhere in the package, and nothing but these two is used elsewhere.
"""

from redone.facts.fidelity import Fidelity, fidelity

__all__ = ["Fidelity", "fidelity"]
