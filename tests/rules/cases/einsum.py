"""All forms of einsum."""

import numpy as np

from rules.case import Case, smooth

x2, x3, x23, x34, x33 = smooth(2), smooth(3), smooth(2, 3), smooth(3, 4), smooth(3, 3)
x234 = smooth(2, 3, 4)


def einsum(subscripts, *operands, **settings):
    shapes = ",".join(str(np.shape(x)) for x in operands)
    given = ",".join(f"{k}={v}" for k, v in settings.items())
    return Case(
        np.einsum, [subscripts, *operands], settings, id=f"einsum({subscripts};{shapes};{given})"
    )


CASES = [
    einsum("ij,jk->ik", x23, x34),
    einsum("ij,jk", x23, x34),
    einsum("ba", x23),
    einsum("ij->", x23),
    einsum("ij->j", x23),
    einsum("ij->ji", x23),
    einsum("ii", x33),
    einsum("ii->i", x33),
    einsum("iij->ji", smooth(2, 2, 3)),
    einsum("iii->", smooth(2, 2, 2)),
    einsum("ii,i->i", x33, x3),
    einsum("ii,ij->j", x33, x34),
    einsum("i,i", x3, smooth(3, seed=1)),
    einsum("i,j->ij", x2, x3),
    einsum("i,j->j", x2, x3),
    einsum("ij,k->k", x23, smooth(4)),
    einsum("iij,k->jk", smooth(2, 2, 3), x2),
    einsum("ik,k->k", smooth(2, 3), x3),
    einsum("i,i,i->i", x3, smooth(3, seed=1), smooth(3, seed=2)),
    einsum("ij,jk,kl->il", x23, x34, smooth(4, 2), optimize=True),
    einsum("ij,jk,kl->il", x23, x34, smooth(4, 2), optimize="greedy"),
    einsum("ij,jk,kl->il", x23, x34, smooth(4, 2), optimize=["einsum_path", (1, 2), (0, 1)]),
    einsum("...ij,...jk->...ik", smooth(5, 2, 3), x34),
    einsum("...ij,...jk", smooth(5, 2, 3), smooth(5, 3, 2)),
    einsum("...i,...i->...", x234, smooth(4)),
    einsum("...ii->...i", smooth(2, 3, 3)),
    einsum("i...->...", x234),
    einsum("...,...", x23, x3),
    einsum("...ij->...", x234),
    einsum("a...b,b...->a...", smooth(2, 3, 4), smooth(4, 3)),
    einsum("ij,ij->ij", smooth(2, 1), x23),
    einsum("ij,jk->ik", smooth(2, 1), x34),
    einsum("...i->i...", smooth(1, 2, 3)),
    einsum(" i j , j k -> i k ", x23, x34),
    einsum(",ij->ij", 1.5, x23),
    einsum("i->i", x3),
    einsum("ij,jk", smooth(2, 3, dtype=complex), x34),
    einsum("ij,jk->ik", smooth(2, 0), smooth(0, 4)),
    Case(np.einsum, [x23, [0, 1], x34, [1, 2], [0, 2]], id="einsum sublists"),
    Case(np.einsum, [x23, [0, 1], x34, [1, 2]], id="einsum sublists, implicit"),
    Case(np.einsum, [x234, [Ellipsis, 0], smooth(4), [0], [Ellipsis]], id="einsum sublists, ..."),
    Case(np.einsum, [x33, [30, 30]], id="einsum sublists, trace"),
]
