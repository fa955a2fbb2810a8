"""Rows of an orthogonalized update of an embedding over the width: their norms, by use of a token.

python -m tests.benchmarks.embedding_rows

Tokens follow Zipf's law; the gradient of a token is a mean of its own and noise, as large. Entries
of the update are the norm of a row divided by √width.
"""

from __future__ import annotations

import torch

from tests.benchmarks.given_words import given_words

CASES = ((256, 256, (8, 16, 32, 64, 128, 256)), (2048, 4096, (16, 64, 256)))
REPEATS = 4


def row_norms(vocabulary: int, tokens: int, width: int) -> tuple[float, float, float]:
    """Rows in use; RMS norm of a row, weighted by the frequency of its token, and over those rows.

    Args:
        vocabulary: Number of rows.
        tokens: Number of tokens in a batch.
        width: Number of columns.
    """
    frequencies = torch.arange(1, vocabulary + 1).double().reciprocal()
    frequencies /= frequencies.sum()
    found = []
    for _ in range(REPEATS):
        ids = torch.multinomial(frequencies, tokens, replacement=True)
        means = torch.randn(vocabulary, width).double()
        gradient = torch.zeros_like(means)
        gradient.index_add_(0, ids, means[ids] + torch.randn(tokens, width).double())
        u, s, v = torch.linalg.svd(gradient, full_matrices=False)
        squares = ((u * (s > 1e-9 * s[0])) @ v).square().sum(1)
        in_use = len(ids.unique())
        found.append((in_use, float(squares @ frequencies), float(squares.sum()) / in_use))
    rows, weighted, plain = torch.tensor(found).double().mean(0).tolist()
    return rows, weighted**0.5, plain**0.5


def main() -> None:
    """Print a line for each width."""
    given_words(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for vocabulary, tokens, widths in CASES:
        for width in widths:
            rows, weighted, plain = row_norms(vocabulary, tokens, width)
            print(
                f"{vocabulary} words, {tokens} tokens, width {width}: {rows:.0f} rows in use, "
                f"norm by frequency {weighted:.2f}, over rows in use {plain:.2f}"
            )


if __name__ == "__main__":
    main()
